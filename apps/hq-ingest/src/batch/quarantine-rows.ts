import { type Span, UUID_PATTERN } from '@hq-export/contract'
import type pg from 'pg'
import type { RefusedRow } from './batch-row.ts'
import type { DecodedBatch } from './decode.ts'

/*
 * Locks: entries are inserted in the order of the unique index on open entries, so that two batches with the same bad
 * rows wait for one another in the same order. DO NOTHING without an arbiter: an open entry of the same row for the
 * same reason stays as it is. The hash is of the text that is stored.
 */
const QUARANTINE = `
  insert into ingest.quarantine
    (source, dataset, schema_version, batch, row_index, key, org_id, code, pointer, detail, row_text, row_sha256,
     deleted, traceparent, xid, captured_at)
  select $2, $3, $4, $5, r.row_index, r.key, r.org_id, r.code, r.pointer, r.detail, r.row_text, h.row_sha256,
    r.deleted, r.traceparent, r.xid, r.captured_at
  from pg_catalog.json_to_recordset($1::json) as r
    (row_index int4, key text, org_id uuid, code text, pointer text, detail text, row_text text,
     deleted boolean, traceparent text, xid xid8, captured_at timestamptz),
    lateral (select pg_catalog.sha256(pg_catalog.convert_to(r.row_text, 'UTF8')) as row_sha256) as h
  order by h.row_sha256, r.deleted, r.code
  on conflict do nothing`

function orgOf(row: Readonly<Record<string, unknown>>): string | null {
  const { org_id: org } = row
  return typeof org === 'string' && UUID_PATTERN.test(org) ? org : null
}

/** Keeps refused rows with the reason and their exact text, in the transaction that writes the others. */
export async function quarantineRows(
  client: pg.PoolClient,
  batchId: string,
  batch: DecodedBatch,
  rowSpans: () => readonly Span[],
  refused: readonly RefusedRow[],
): Promise<void> {
  if (refused.length === 0) return
  const { text, envelope } = batch
  const spans = rowSpans()
  const entries = refused.map(({ index, key, code, pointer, detail }) => {
    const envelopeRow = envelope.rows[index]
    const span = spans[index]
    if (envelopeRow === undefined || span === undefined) {
      throw new Error(`the batch has no row ${index}`)
    }
    return {
      row_index: index,
      key,
      org_id: orgOf(envelopeRow.row),
      code,
      pointer,
      detail,
      row_text: text.slice(span.start, span.end),
      deleted: envelopeRow.deleted ?? false,
      traceparent: envelopeRow.traceparent ?? null,
      xid: envelopeRow.xid,
      captured_at: envelopeRow.captured_at,
    }
  })
  const { source, dataset, schema_version: schemaVersion } = envelope
  await client.query(QUARANTINE, [JSON.stringify(entries), source, dataset, schemaVersion, batchId])
}
