import { type FindingClass, snapshotIdOf } from '@hq-export/contract'
import type { DifferenceClass } from '../compare/classify.ts'
import type { KnownLetter } from '../source/known-keys.ts'
import { comparePair } from './compare-pair.ts'
import type { KeyPair } from './read-keys.ts'
import type { Suspect } from './suspect.ts'

/** What one look at both sides says of a key. */
export type Judgement =
  | { readonly kind: 'equal' }
  /** On its way, or not complete: look again. */
  | { readonly kind: 'unsettled' }
  | {
      readonly kind: 'difference'
      readonly class: FindingClass
      readonly columns: readonly string[]
      readonly reason: string | null
    }

const EQUAL: Judgement = { kind: 'equal' }

const FOREIGN: Judgement = {
  kind: 'difference',
  class: 'foreign',
  columns: [],
  reason: 'HQ has the key as a row of another source',
}

const UNASSIGNED = 'HQ names a transaction that the source has not begun'

/** A row that the source has deleted, and that was another one when it was explained. */
const CHANGED_SINCE: Judgement = {
  kind: 'difference',
  class: 'different',
  columns: [],
  reason: null,
}

/** Whether the key of a snapshot follows from its version. */
function isOwnId({ key, lookUp, version }: Suspect): boolean {
  const [org_id = '', entity_type = '', entity_id = ''] = lookUp.split('/')
  return key === snapshotIdOf({ org_id, entity_type, entity_id, record_version: version ?? '' })
}

/**
 * Whether a snapshot that the source does not show as current is one of its past: there was a
 * version of the entity at least as high, which nobody can compare any more.
 */
function isPastVersion({ suspect, source, deletedVersion }: KeyPair): boolean {
  if (suspect.version === undefined || suspect.version === null || !isOwnId(suspect)) return false
  const version = BigInt(suspect.version)
  if (source === undefined) return deletedVersion !== undefined && version <= deletedVersion
  return source.version !== null && version < BigInt(source.version)
}

/** Whether a letter is about the state that HQ has not got, and not about an older one. */
function explains({ version, deleted }: KnownLetter, { source }: Pick<KeyPair, 'source'>): boolean {
  if (source === undefined) return deleted
  if (version === null || source.version === null) return true
  return !deleted && BigInt(version) >= BigInt(source.version)
}

function refusal(pair: KeyPair, name: DifferenceClass): string | undefined {
  const letter = pair.letters.find((candidate) => explains(candidate, pair))
  if (letter !== undefined) return letter.reason
  // Which version is in quarantine HQ does not say: of a key that it has, it may be an old one.
  return name === 'missing' && pair.quarantine !== undefined
    ? `quarantine: ${pair.quarantine}`
    : undefined
}

/**
 * Judges what both sides have of a key.
 * @param columns names of the columns of the checksum spec, in its order.
 */
export function judgePair(pair: KeyPair, columns: readonly string[]): Judgement {
  const { hq, isPending, removal } = pair
  const compared = comparePair(pair, columns)
  if (compared.kind === 'equal') return EQUAL
  if (compared.kind === 'in-flight' || isPending) return { kind: 'unsettled' }
  if (compared.class === 'extra' && isPastVersion(pair)) return EQUAL
  if (compared.class === 'extra' && removal !== undefined)
    return removal.hash === null || removal.hash === hq?.hash ? EQUAL : CHANGED_SINCE
  const reason = refusal(pair, compared.class)
  if (reason !== undefined) return { kind: 'difference', class: 'refused', columns: [], reason }
  if (compared.class === 'missing' && hq === undefined && pair.isForeign) return FOREIGN
  const { class: found, columns: names } = compared
  const wrong = pair.isUnassigned ? UNASSIGNED : null
  return { kind: 'difference', class: found, columns: names, reason: wrong }
}
