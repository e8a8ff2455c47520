import { hash } from 'node:crypto'
import { UUID_PATTERN } from '@hq-export/contract'
import { isRowFault } from '@hq-export/runtime/postgres/row-fault.ts'
import { underSavepoint } from '@hq-export/runtime/postgres/under-savepoint.ts'
import type pg from 'pg'
import type { RefusedRow } from '../apply/batch-row.ts'
import type { DecodedBatch } from '../decode/decode.ts'
import type { LedgerEntry } from './ledger.ts'

/*
 * Locks: entries are written in the order of the unique index on open entries, so that two batches
 * with the same bad rows wait for one another in the same order. An open entry of the same row
 * stays the one entry, and says when, where and why the row was refused last; that a key which
 * signed it may write its org, no other key takes back. A row that is refused twice in a batch is
 * one, its first. The hash is of the text that is stored.
 */
const QUARANTINE = `
  insert into ingest.quarantine as q
    (source, dataset, schema_version, batch, row_index, key, org_id, org_allowed, code, pointer,
     detail, row_text, row_sha256, deleted, traceparent, trace_id, xid, captured_at, seen_count)
  select distinct on (h.row_sha256, r.deleted) $2, $3, $4, $5, r.row_index, r.key, r.org_id,
    r.org_allowed, r.code, r.pointer,
    r.detail, r.row_text, h.row_sha256, r.deleted, r.traceparent, $6, r.xid, r.captured_at,
    pg_catalog.count(*) over (partition by h.row_sha256, r.deleted)
  from pg_catalog.json_to_recordset($1::json) as r
    (row_index int4, key text, org_id uuid, org_allowed boolean, code text, pointer text,
     detail text, row_text text,
     deleted boolean, traceparent text, xid xid8, captured_at timestamptz),
    lateral (select pg_catalog.sha256(pg_catalog.convert_to(r.row_text, 'UTF8')) as row_sha256) as h
  order by h.row_sha256, r.deleted, r.row_index
  on conflict (source, dataset, row_sha256, deleted) where resolved_at is null do update
    set last_seen_at = excluded.last_seen_at, seen_count = q.seen_count + excluded.seen_count,
      batch = excluded.batch,
      row_index = excluded.row_index, org_allowed = q.org_allowed or excluded.org_allowed,
      code = excluded.code, pointer = excluded.pointer,
      detail = excluded.detail, traceparent = excluded.traceparent, trace_id = excluded.trace_id,
      xid = excluded.xid,
      captured_at = excluded.captured_at`

function orgOf(row: Readonly<Record<string, unknown>>): string | null {
  const { org_id: org } = row
  return typeof org === 'string' && UUID_PATTERN.test(org) ? org : null
}

/** What is kept of one refused row. */
interface Entry {
  readonly row_index: number
  readonly key: string | null
  readonly org_id: string | null
  readonly org_allowed: boolean
  readonly code: string
  readonly pointer: string
  readonly detail: string
  readonly row_text: string
  readonly deleted: boolean
  readonly traceparent: string | null
  readonly xid: string
  readonly captured_at: string
}

function entryOf({ rowTexts, envelope }: DecodedBatch, row: RefusedRow): Entry {
  const { index, key, code, pointer, orgAllowed, storedText } = row
  const envelopeRow = envelope.rows[index]
  if (envelopeRow === undefined) throw new Error(`the batch has no row ${index}`)
  return {
    row_index: index,
    key,
    org_id: orgOf(envelopeRow.row),
    org_allowed: orgAllowed,
    code,
    pointer,
    detail: row.operatorDetail ?? row.detail,
    row_text: storedText ?? rowTexts.at(index),
    deleted: envelopeRow.deleted ?? false,
    traceparent: envelopeRow.traceparent ?? null,
    xid: envelopeRow.xid,
    captured_at: envelopeRow.captured_at,
  }
}

/**
 * An entry that PostgreSQL has refused, without anything that the caller chose: the reason, and the
 * hash of the text.
 */
function withoutText(entry: Entry, sqlstate: string): Entry {
  const { row_index: index, row_text: text, code } = entry
  return {
    ...entry,
    key: null,
    pointer: `/rows/${index}/row`,
    detail: `${code}; PostgreSQL refuses to keep the row itself with SQLSTATE ${sqlstate}`,
    row_text: JSON.stringify({ refused: { sha256: hash('sha256', text, 'hex') } }),
    traceparent: null,
  }
}

/** Keeps entries, all at once; where PostgreSQL refuses one, that one without its text. */
async function keep(
  client: pg.PoolClient,
  entries: readonly Entry[],
  beside: readonly unknown[],
): Promise<void> {
  const write = (part: readonly Entry[]) =>
    underSavepoint(client, () => client.query(QUARANTINE, [JSON.stringify(part), ...beside]))
  try {
    await write(entries)
  } catch (error) {
    if (!isRowFault(error)) throw error
    const [first] = entries
    if (first !== undefined && entries.length === 1) {
      await write([withoutText(first, error.code)])
      return
    }
    const middle = entries.length >> 1
    await keep(client, entries.slice(0, middle), beside)
    await keep(client, entries.slice(middle), beside)
  }
}

/**
 * Keeps refused rows with the reason and their exact text, in the transaction that writes the
 * others. Whatever a row holds, keeping it does not fail: the batch gets its decision.
 */
export async function quarantineRows(
  client: pg.PoolClient,
  entry: LedgerEntry,
  batch: DecodedBatch,
  refused: readonly RefusedRow[],
): Promise<void> {
  const { source, dataset, schema_version: schemaVersion } = batch.envelope
  await keep(
    client,
    refused.map((row) => entryOf(batch, row)),
    [source, dataset, schemaVersion, entry.batch, entry.trace?.traceId ?? null],
  )
}
