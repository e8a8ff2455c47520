import { createHash } from 'node:crypto'
import { type Dataset, parseTraceparent, SCHEMA_VERSION } from '@hq-export/contract'
import type { OutboxRow } from '../outbox/outbox-row.ts'
import type { Batch } from './batch.ts'

/** What every batch of a relay says about where it comes from. */
export interface Origin {
  readonly source: string
  readonly epoch: string
}

/** The text of one row of the envelope. The body goes in as the trigger built it: parsing it would damage numbers. */
function wireRow(row: OutboxRow): string {
  const traceparent =
    row.traceparent !== null && parseTraceparent(row.traceparent) !== undefined
      ? `,"traceparent":"${row.traceparent}"`
      : ''
  const deleted = row.deleted ? ',"deleted":true' : ''
  return `{"row":${row.body},"xid":"${row.xid}","captured_at":"${row.capturedAt}"${traceparent}${deleted}}`
}

/** Makes the batch of these rows (design 5): its bytes, and the id that follows from them. */
export function sealBatch(dataset: Dataset, rows: readonly OutboxRow[], origin: Origin): Batch {
  const head = JSON.stringify({
    source: origin.source,
    dataset: dataset.name,
    schema_version: SCHEMA_VERSION,
    epoch: origin.epoch,
  })
  const text = `${head.slice(0, -1)},"rows":[${rows.map(wireRow).join(',')}]}`
  const body = Buffer.from(text, 'utf8')
  const id = createHash('sha256').update(body).digest('base64url')
  return { id, dataset, rows, body }
}
