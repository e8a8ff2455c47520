import type { WireDataset } from '@hq-export/contract'

/** Rows of one dataset that travel in one POST. */
export interface Batch {
  /** `webhook-id`: derived from the content, so the same cut has the same id after any restart. */
  readonly id: string
  readonly dataset: WireDataset
  readonly rowCount: number
  /** The envelope in UTF-8, not compressed. */
  readonly body: Buffer
}
