import { pause } from '@hq-export/runtime/pause.ts'
import { STOPPED, UndecidedError } from '../compare/undecided-error.ts'
import type { DatasetContext } from '../dataset/dataset-context.ts'
import { type RemovalNote, readTruncation } from '../source/removals.ts'
import { type Judgement, judgePair } from './judge-pair.ts'
import { type KeyPair, readKeys, truncatedKeys } from './read-keys.ts'
import { type ProvenDifference, type Suspect, witnessOf } from './suspect.ts'

/** Keys of one look at both sides. */
const CHUNK_KEYS = 5_000
/** Before each look: what was on its way arrives meanwhile. */
const PAUSES_MS = [100, 500, 2_000]

/** What became of suspects. */
export interface Rechecked {
  readonly differences: readonly ProvenDifference[]
  /** Changed all the while. */
  readonly unsettled: readonly Suspect[]
  /** Rows that HQ keeps of what the source has deleted. */
  readonly removed: readonly RemovalNote[]
}

type Verdict =
  | { readonly kind: 'equal' }
  | { readonly kind: 'again'; readonly suspect: Suspect }
  | { readonly kind: 'proven'; readonly difference: ProvenDifference }

function prove(
  pair: KeyPair,
  judgement: Judgement & { kind: 'difference' },
  dataset: string,
): ProvenDifference {
  const { suspect, source, hq, key } = pair
  const finding = {
    dataset,
    key,
    org_id: source?.orgId ?? null,
    class: judgement.class,
    columns: [...judgement.columns],
    source_version: source?.version ?? null,
    hq_version: hq?.version ?? hq?.entity?.version ?? null,
    reason: judgement.reason,
    repair: 'none' as const,
  }
  return { finding, lookUp: suspect.lookUp, source, hq }
}

function decide(pair: KeyPair, { dataset, spec }: DatasetContext): Verdict {
  const { suspect, source } = pair
  const names = spec.columns.map(({ name }) => name)
  const judgement = judgePair(pair, names)
  if (judgement.kind === 'equal') return judgement
  // Proven is what differs again while the source still has what it had when it differed first.
  const witness = witnessOf(source)
  if (judgement.kind === 'difference' && witness === suspect.witness)
    return { kind: 'proven', difference: prove(pair, judgement, dataset.name) }
  const isDifferent = judgement.kind === 'difference'
  return { kind: 'again', suspect: { ...suspect, witness: isDifferent ? witness : undefined } }
}

/** A snapshot may be suspect by its key and by its entity: what says more of it stays. */
function eachOnce(differences: readonly ProvenDifference[]): Iterable<ProvenDifference> {
  const byKey = new Map<string, ProvenDifference>()
  for (const difference of differences) {
    const { key } = difference.finding
    if (difference.source !== undefined || !byKey.has(key)) byKey.set(key, difference)
  }
  return byKey.values()
}

/** Takes out rows of HQ that a TRUNCATE of the source explains. */
async function withoutTruncated(
  context: DatasetContext,
  differences: readonly ProvenDifference[],
): Promise<readonly ProvenDifference[]> {
  const { dataset, side, entities } = context
  const extra = differences.filter(({ finding }) => finding.class === 'extra')
  if (extra.length === 0 || dataset.semantics !== 'append' || entities.size > 0) return differences
  const xid = await readTruncation(side, dataset)
  if (xid === undefined) return differences
  const before = await truncatedKeys(
    context,
    xid,
    extra.map(({ finding }) => finding.key),
  )
  return differences.filter(({ finding }) => finding.class !== 'extra' || !before.has(finding.key))
}

/**
 * Reads suspects once more by key, up to three times: a key is a difference where both sides differ
 * again at the same state of the source.
 * @throws {UndecidedError} where a side cannot be read, or the relay is behind.
 */
export async function recheck(
  context: DatasetContext,
  suspects: readonly Suspect[],
): Promise<Rechecked> {
  const differences: ProvenDifference[] = []
  const removed: RemovalNote[] = []
  let left = suspects
  for (const pauseMs of PAUSES_MS) {
    if (left.length === 0) break
    await pause(pauseMs, context.stopping)
    const again: Suspect[] = []
    for (let at = 0; at < left.length; at += CHUNK_KEYS) {
      if (context.stopping.aborted) throw new UndecidedError(STOPPED)
      for (const pair of await readKeys(context, left.slice(at, at + CHUNK_KEYS))) {
        const verdict = decide(pair, context)
        if (verdict.kind === 'proven') differences.push(verdict.difference)
        else if (verdict.kind === 'again') again.push(verdict.suspect)
        else if (pair.removal?.hash === null && pair.source === undefined && pair.hq !== undefined)
          removed.push({ key: pair.key, hash: pair.hq.hash })
      }
    }
    left = again
  }
  const proven = await withoutTruncated(context, [...eachOnce(differences)])
  return { differences: proven, unsettled: left, removed }
}
