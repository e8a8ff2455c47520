import type { Dataset } from '@hq-export/contract'
import type { Tone } from '../../page/text.ts'
import type { AtSource } from './read-at-source.ts'
import type { InHq } from './read-hq-row.ts'
import type { InLedgers } from './read-ledgers.ts'

/** Where a row is, in a word. */
export type RowState =
  | 'equal'
  | 'behind'
  | 'ahead'
  | 'different'
  | 'refused'
  | 'waiting'
  | 'settling'
  | 'filtered'
  | 'only at the source'
  | 'only in HQ'
  | 'nowhere'
  | 'not known'

export interface RowVerdict {
  readonly state: RowState
  readonly tone: Tone
  /** The answer, one or two sentences. */
  readonly sentence: string
}

/** What was read; undefined where a side cannot be asked. */
export interface RowFacts {
  readonly dataset: Dataset
  readonly source: AtSource | undefined
  readonly hq: InHq | undefined
  readonly ledgers: InLedgers | undefined
}

const TONES: Readonly<Record<RowState, Tone>> = {
  equal: 'good',
  behind: 'warn',
  ahead: 'bad',
  different: 'bad',
  refused: 'bad',
  waiting: 'warn',
  settling: 'warn',
  filtered: 'unknown',
  'only at the source': 'bad',
  'only in HQ': 'warn',
  nowhere: 'unknown',
  'not known': 'unknown',
}

function verdict(state: RowState, sentence: string): RowVerdict {
  return { state, tone: TONES[state], sentence }
}

const isOpen = ({ resolution }: { readonly resolution: string | null }) => resolution === null

/** Why a refused row is refused; undefined where none of the key is. */
function refusalOf({ source, ledgers }: RowFacts): string | undefined {
  const letter = source?.letters.find(isOpen)
  const entry = ledgers?.quarantined.find(isOpen)
  const places = [
    letter && `dead letter ${letter.id} of the source (${letter.reason})`,
    entry && `entry ${entry.id} of HQ's quarantine (${entry.code})`,
  ].filter((place) => place !== undefined)
  return places.length === 0 ? undefined : places.join(', ')
}

/** What is under way for the key, as a sentence; undefined where nothing is. */
function underWay(facts: RowFacts): { state: RowState; sentence: string } | undefined {
  const { source } = facts
  const refused = refusalOf(facts)
  if (refused !== undefined)
    return { state: 'refused', sentence: `It is refused, and waits for a decision: ${refused}.` }
  if (source === undefined) return undefined
  const { notes, outbox, state } = source
  if (outbox.entries.some(({ isSettled }) => !isSettled))
    return { state: 'waiting', sentence: 'A change of it waits in the outbox for the relay.' }
  if (notes.resendReason !== null)
    return { state: 'waiting', sentence: `It is to be sent once more (${notes.resendReason}).` }
  if (notes.settlingSince !== null)
    return {
      state: 'settling',
      sentence: `It is still settling, and is exported at about ${notes.dueAt ?? 'its time'}.`,
    }
  if (state.kind === 'not ended')
    return { state: 'settling', sentence: 'It has not ended, and is exported when it has.' }
  if (outbox.mayMiss)
    return {
      state: 'waiting',
      sentence: 'More waits in the outbox than is looked through here; it may be among that.',
    }
  return undefined
}

const NOTHING_UNDER_WAY =
  'Nothing of it is under way: a reconciliation of its dataset finds it and sends it once more.'

/** HQ lacks what the source has. */
function lacking(facts: RowFacts, what: string, otherwise: RowState): RowVerdict {
  const found = underWay(facts)
  if (found === undefined) return verdict(otherwise, `${what} ${NOTHING_UNDER_WAY}`)
  return verdict(otherwise === 'behind' ? 'behind' : found.state, `${what} ${found.sentence}`)
}

function judgeBoth(facts: RowFacts, version: string | null, hq: InHq['row']): RowVerdict {
  if (hq === undefined) {
    const what = version === null ? 'The source has it' : `The source has version ${version}`
    return lacking(facts, `${what}, HQ does not have it.`, 'only at the source')
  }
  if (version === null || hq.version === null)
    return verdict('equal', 'Equal: the source and HQ both have it.')
  const both = `the source has version ${version}, HQ version ${hq.version}`
  if (BigInt(version) > BigInt(hq.version))
    return lacking(facts, `HQ is behind: ${both}.`, 'behind')
  if (BigInt(version) < BigInt(hq.version))
    return verdict('ahead', `HQ is ahead: ${both}. The source may have lost commits.`)
  if (hq.deletedAt !== null)
    return verdict('different', `Different: ${both}, and there it counts as deleted.`)
  return verdict('equal', `Equal: version ${version} at the source and in HQ.`)
}

/** The source does not have the row (any more), or does not export it. */
function judgeAbsent(facts: RowFacts, source: AtSource, hq: InHq['row']): RowVerdict {
  const { dataset } = facts
  const { deletedVersion, removedAt } = source.notes
  if (hq === undefined) {
    const found = underWay(facts)
    if (found !== undefined) return verdict(found.state, `HQ does not have it. ${found.sentence}`)
    if (source.state.kind === 'filtered')
      return verdict(
        'filtered',
        'The source has it outside of the filter of its binding: it is not exported.',
      )
    const deleted = deletedVersion ?? removedAt
    return verdict(
      'nowhere',
      deleted === null
        ? 'Nowhere: neither the source nor HQ has such a row, and nothing was refused of it.'
        : 'Nowhere: the source has deleted it, and HQ does not have it.',
    )
  }
  const inHq = hq.version === null ? 'HQ has it' : `HQ has version ${hq.version}`
  if (dataset.versionColumn === undefined) {
    const why =
      removedAt === null
        ? 'the source does not have it (any more)'
        : `the source deleted it at ${removedAt}`
    return verdict('only in HQ', `Only in HQ: ${why}, and HQ keeps rows of this dataset.`)
  }
  if (deletedVersion === null && hq.deletedAt !== null)
    return verdict('equal', `Equal: the source does not have it, and ${inHq}, as deleted.`)
  if (deletedVersion === null)
    return verdict('only in HQ', `Only in HQ: ${inHq}, the source does not have it.`)
  const both = `the source has deleted it as version ${deletedVersion}, ${inHq}`
  if (hq.version !== null && BigInt(deletedVersion) > BigInt(hq.version))
    return lacking(facts, `HQ is behind: ${both}.`, 'behind')
  if (hq.deletedAt === null) return verdict('different', `Different: ${both}, as not deleted.`)
  return verdict('equal', `Equal: deleted at the source and in HQ, as version ${hq.version}.`)
}

function judgeHqAlone({ hq, ledgers, ...facts }: RowFacts, why: string): RowVerdict {
  const row = hq?.row
  const refused = refusalOf({ hq, ledgers, ...facts })
  if (row === undefined) {
    const sentence = hq === undefined ? 'Neither side can be asked' : 'HQ does not have it'
    return verdict(
      refused === undefined ? 'not known' : 'refused',
      `${sentence}; ${why}.${refused === undefined ? '' : ` It is refused: ${refused}.`}`,
    )
  }
  const version = row.version === null ? 'HQ has it' : `HQ has version ${row.version}`
  const deleted = row.deletedAt === null ? '' : ', as deleted'
  return verdict('not known', `${version}${deleted}; ${why}.`)
}

/**
 * Says where a row is.
 * @param absence why a side could not be asked, where one could not.
 */
export function judgeRow(facts: RowFacts, absence: string | undefined): RowVerdict {
  const { source, hq } = facts
  if (source === undefined) return judgeHqAlone(facts, absence ?? 'the source was not asked')
  const { state } = source
  if (state.kind === 'not bound')
    return judgeHqAlone(facts, 'the source does not export this dataset: it is not bound')
  if (state.kind === 'not looked for')
    return judgeHqAlone(facts, `at the source it was not looked for: ${state.why}`)
  if (hq === undefined) {
    const found = underWay(facts)
    const version = state.kind === 'found' ? state.version : null
    const has = state.kind === 'found' ? 'The source has it' : 'The source does not have it'
    const what = version === null ? has : `The source has version ${version}`
    const rest = found === undefined ? '' : ` ${found.sentence}`
    return verdict(
      found?.state === 'refused' ? 'refused' : 'not known',
      `${what}; ${absence ?? 'HQ was not asked'}.${rest}`,
    )
  }
  if (state.kind === 'found') return judgeBoth(facts, state.version, hq.row)
  return judgeAbsent(facts, source, hq.row)
}
