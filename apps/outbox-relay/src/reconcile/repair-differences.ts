import type { Finding, RepairState } from '@hq-export/contract'
import type { DatasetContext } from './dataset/dataset-context.ts'
import { judgePair } from './keys/judge-pair.ts'
import { readKeys } from './keys/read-keys.ts'
import { type ProvenDifference, type Suspect, witnessOf } from './keys/suspect.ts'
import type { ReconcileRequest } from './reconcile-context.ts'
import { type Repairable, repairKeys, repairOf } from './repair/repair-keys.ts'
import { readSentInVain } from './repair/sent-in-vain.ts'
import { snapshotEntity } from './source/deleted-entities.ts'

const CHUNK_KEYS = 2_000

function repairable(
  { dataset, entities }: DatasetContext,
  { finding, lookUp }: ProvenDifference,
): Repairable {
  const entity = entities.size === 0 ? undefined : snapshotEntity(entities, lookUp)
  return { finding, dataset, key: finding.key, ...entity }
}

/** Those that differ still: repairing comes after the whole dataset, which may have taken long. */
async function stillDifferent(
  context: DatasetContext,
  differences: readonly ProvenDifference[],
): Promise<ProvenDifference[]> {
  const names = context.spec.columns.map(({ name }) => name)
  const left: ProvenDifference[] = []
  for (let at = 0; at < differences.length; at += CHUNK_KEYS) {
    const chunk = differences.slice(at, at + CHUNK_KEYS)
    const suspects = chunk.map(
      ({ finding, lookUp, source, hq }): Suspect => ({
        key: finding.key,
        lookUp,
        version: hq?.entity?.version,
        witness: witnessOf(source),
      }),
    )
    const pairs = await readKeys(context, suspects)
    left.push(
      ...chunk.filter((_, place) => {
        const pair = pairs[place]
        return pair === undefined || judgePair(pair, names).kind !== 'equal'
      }),
    )
  }
  return left
}

/** What repairing a dataset came to. */
export interface RepairedDataset {
  /** Differences that are left, each with what became of it. */
  readonly differences: readonly ProvenDifference[]
  /** More was found than may be sent: nothing was. */
  readonly isCapped: boolean
}

/**
 * Sends what may be sent of proven differences, of which none is a known refusal.
 * @param limit keys that are sent at most; of more, none is.
 * @throws {UndecidedError} where a side cannot be read; what was sent by then is sent.
 */
export async function repairDifferences(
  context: DatasetContext,
  differences: readonly ProvenDifference[],
  repair: ReconcileRequest['repair'],
  limit: number,
): Promise<RepairedDataset> {
  const mode = (difference: ProvenDifference) => repairOf(difference.finding, context.dataset)
  const isWanted = (difference: ProvenDifference): boolean =>
    mode(difference) === 'send' || (mode(difference) === 'raise' && repair === 'all')
  const isCapped = repair !== 'off' && differences.filter(isWanted).length > limit
  const isOff = repair === 'off' || isCapped
  const left = isOff ? differences : await stillDifferent(context, differences)
  const wanted = isOff ? [] : left.filter(isWanted)
  // Who asks for it has it tried again.
  const inVain =
    repair === 'all'
      ? new Set<Finding>()
      : await readSentInVain(
          context.side,
          context.dataset,
          wanted.map(({ finding }) => finding),
        )
  const sent = await repairKeys(
    context.side,
    wanted
      .filter(({ finding }) => !inVain.has(finding))
      .map((difference) => repairable(context, difference)),
  )
  return {
    isCapped,
    differences: left.map((difference) => {
      const unsent = mode(difference) === 'nothing' ? 'not_repairable' : 'none'
      const state: RepairState = inVain.has(difference.finding)
        ? 'failed'
        : (sent.get(difference.finding) ?? unsent)
      return { ...difference, finding: { ...difference.finding, repair: state } }
    }),
  }
}
