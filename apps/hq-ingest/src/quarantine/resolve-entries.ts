import type pg from 'pg'
import type { RefusedRow } from '../apply/batch-row.ts'
import type { StoredEntry } from './read-entries.ts'

const CLOSE = `
  update ingest.quarantine
  set resolved_at = pg_catalog.clock_timestamp(), resolution = 'replayed',
    resolved_by = coalesce($2, session_user), resolution_note = $3
  where id = any ($1::bigint[])`

/*
 * A row whose credential is found only now loses it now. An entry that was resolved is open again,
 * unless the same row is open as another entry. The pointer keeps leading into the batch that
 * brought the row.
 */
const REOPEN = `
  update ingest.quarantine as q
  set code = r.code, detail = r.detail,
    pointer = pg_catalog.regexp_replace(r.pointer, '^/rows/[0-9]+', '/rows/' || q.row_index),
    last_seen_at = pg_catalog.clock_timestamp(), seen_count = q.seen_count + 1,
    row_text = coalesce(r.row_text, q.row_text),
    row_sha256 = pg_catalog.sha256(pg_catalog.convert_to(coalesce(r.row_text, q.row_text), 'UTF8')),
    resolved_at = case when other.is_open then q.resolved_at end,
    resolution = case when other.is_open then q.resolution end,
    resolved_by = case when other.is_open then q.resolved_by end,
    resolution_note = case when other.is_open then q.resolution_note end
  from pg_catalog.json_to_recordset($1::json) as r
    (id int8, code text, detail text, pointer text, row_text text)
  join ingest.quarantine as same on same.id = r.id
  cross join lateral (
    select exists (
      select from ingest.quarantine as o
      where (o.source, o.dataset, o.row_sha256, o.deleted) =
        (same.source, same.dataset, same.row_sha256, same.deleted)
        and o.resolved_at is null and o.id <> same.id) as is_open
  ) as other
  where q.id = r.id`

/** Closes entries whose rows were applied by `batchId`. */
export async function closeEntries(
  client: pg.ClientBase,
  ids: readonly string[],
  by: string | undefined,
  batchId: string,
): Promise<void> {
  if (ids.length > 0) await client.query(CLOSE, [ids, by ?? null, batchId])
}

/** Leaves entries open, with the reason for which their rows were refused this time. */
export async function reopenEntries(
  client: pg.ClientBase,
  refused: readonly { readonly entry: StoredEntry; readonly row: RefusedRow }[],
): Promise<void> {
  if (refused.length === 0) return
  const rows = refused.map(
    ({ entry, row: { code, detail, operatorDetail, pointer, storedText } }) => ({
      id: entry.id,
      code,
      detail: operatorDetail ?? detail,
      pointer,
      row_text: storedText ?? null,
    }),
  )
  await client.query(REOPEN, [JSON.stringify(rows)])
}
