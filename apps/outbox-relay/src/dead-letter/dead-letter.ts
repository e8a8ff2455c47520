import { datasetByName } from '@hq-export/contract'
import { SNAPSHOTS_DATASET } from '../binding/binding-schema.ts'
import type { OutboxRow } from '../outbox/outbox-row.ts'

/**
 * Reason of a letter whose row HQ could not write in time, say because somebody holds it locked:
 * the relay tries again by itself.
 */
export const NOT_IN_TIME = 'not_in_time'

/** A row that goes no further until an operator decides, with the reason. */
export interface DeadLetter {
  readonly dataset: string
  readonly row: OutboxRow
  /**
   * Code of HQ's answer; `capture_failed`; `too_large`; `unanswered`, no request that carries it is
   * answered; `blocked`, somebody between us and HQ refuses it; `dataset_retired`, HQ takes
   * no row of this dataset version any more; or {@link NOT_IN_TIME}.
   */
  readonly reason: string
  /** The rule that was broken, in words; never a value. */
  readonly detail: string | null
  /** Where in the row, such as `/row/status`; where HQ says so. */
  readonly pointer?: string | null
  /** `webhook-id` of the batch that carried it; null where it never left. */
  readonly batch: string | null
}

/**
 * True where HQ holds a version of an entity with other content than ours: a commit that reached HQ
 * and that the source then lost. The snapshot of the version tells so even where the entity itself
 * is stale, because HQ has newer lost ones.
 */
export function isVersionConflict({
  dataset,
  reason,
}: Pick<DeadLetter, 'dataset' | 'reason'>): boolean {
  if (dataset === SNAPSHOTS_DATASET) return reason === 'append_only_violation'
  return reason === 'version_conflict' && datasetByName(dataset).semantics === 'upsert'
}
