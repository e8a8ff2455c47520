/** One captured change as the relay carries it. 64-bit numbers stay text; the body stays the text that the trigger built. */
export interface OutboxRow {
  /** Number of the dataset in the contract. */
  readonly dataset: number
  /** Values of the contract key, joined by `/`; null where the capture failed. */
  readonly key: string | null
  /** Exported version; null for append-only datasets. */
  readonly version: string | null
  readonly xid: string
  readonly seq: string
  /** ISO 8601, UTC, microseconds. */
  readonly capturedAt: string
  readonly deleted: boolean
  readonly traceparent: string | null
  /** Why the capture failed; null for a good row. */
  readonly sqlstate: string | null
  /** JSON text of the row: contract columns, or the raw row of a failed capture, or null for a bare gap. */
  readonly body: string | null
}
