import { type EnvelopeRow, locateRows, type Span } from '@hq-export/contract'
import type { OutboxRow } from '../outbox/outbox-row.ts'
import type { Batch } from './batch.ts'
import type { PackedRows } from './seal-batch.ts'

/*
 * A batch is bytes, and hardly ever looked into again. Where HQ refused rows, or wants less at
 * once, the rows are found in its text and cut out as they stand there.
 */

function keyOf(batch: Batch, row: Readonly<Record<string, unknown>>): string | null {
  const values = batch.dataset.primaryKey.map((column) => row[column])
  return values.includes(undefined) ? null : values.join('/')
}

/** The rows at these positions of a batch, each with its text as it was sent. */
export function rowsAt(batch: Batch, positions: readonly number[]): (OutboxRow | undefined)[] {
  const text = batch.body.toString('utf8')
  const elements = locateRows(text)
  return positions.map((position) => {
    const element = elements[position]
    if (element === undefined) return undefined
    const envelopeRow: EnvelopeRow = JSON.parse(text.slice(element.whole.start, element.whole.end))
    return {
      dataset: batch.dataset.number,
      key: keyOf(batch, envelopeRow.row),
      xid: envelopeRow.xid,
      seq: null,
      capturedAt: envelopeRow.captured_at,
      deleted: envelopeRow.deleted ?? false,
      traceparent: envelopeRow.traceparent ?? null,
      sqlstate: null,
      body: text.slice(element.row.start, element.row.end),
    }
  })
}

function packOf(batch: Batch, text: string, elements: readonly { whole: Span }[]): PackedRows {
  const texts = elements.map(({ whole }) => text.slice(whole.start, whole.end))
  return { dataset: batch.dataset, rowCount: texts.length, texts }
}

/** The rows of a batch in two halves, in their order. */
export function halvesOf(batch: Batch): [PackedRows, PackedRows] {
  const text = batch.body.toString('utf8')
  const elements = locateRows(text)
  const middle = Math.ceil(elements.length / 2)
  return [
    packOf(batch, text, elements.slice(0, middle)),
    packOf(batch, text, elements.slice(middle)),
  ]
}
