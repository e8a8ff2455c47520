import type { OutboxRow } from '../outbox/outbox-row.ts'

/** A row that goes no further until an operator decides, with the reason. */
export interface DeadLetter {
  readonly dataset: string
  readonly row: OutboxRow
  /** Code of HQ's answer, `capture_failed`, or `too_large`. */
  readonly reason: string
  /** The rule that was broken, in words; never a value. */
  readonly detail: string | null
  /** `webhook-id` of the batch that carried it; null where it never left. */
  readonly batch: string | null
}
