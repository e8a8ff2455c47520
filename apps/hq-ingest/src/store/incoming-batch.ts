import type { Envelope } from '@hq-export/contract'
import type { PreparedRows } from '../apply/prepared-rows.ts'
import type { DecodedBatch } from '../decode/decode.ts'
import type { ValidatedRows } from '../validate/validate.ts'

/** A batch whose rows were looked at one by one. */
export interface ReadBatch {
  readonly batch: DecodedBatch
  readonly rows: ValidatedRows
}

/** A batch on its way into HQ, whichever way read it. */
export interface IncomingBatch {
  /** What the envelope says of all rows. */
  readonly head: Omit<Envelope, 'rows'>
  readonly rowCount: number
  /** When the first and the last of the rows were captured. */
  readonly capturedAt: readonly [first: string, last: string]
  /** Of the rows that have one. */
  traceparents(): string[]
  /** All rows, where the scan knew every one of them. */
  readonly prepared: PreparedRows | undefined
  /** All rows one by one; what has to be done for it is done once. */
  read(): Promise<ReadBatch>
}
