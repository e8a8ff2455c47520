import { SHOWN_CHARS } from '@hq-export/runtime/shown-text.ts'
import type pg from 'pg'

/** Everything that is kept of one entry. */
export interface ShownEntry {
  readonly id: string
  readonly rowBytes: number
  /**
   * The row as it was sent, but for secrets, at most its first {@link SHOWN_CHARS}; only there if
   * it was asked for.
   */
  readonly row?: string
  readonly [column: string]: string | number | boolean | null | undefined
}

const SHOW = `
  select q.id::text as id, q.source, q.dataset, q.schema_version as "schemaVersion",
    q.code as reason, q.key, q.org_id as "orgId",
    q.org_allowed as "orgAllowed", q.pointer, q.detail, q.batch, q.row_index as "rowIndex",
    q.deleted, q.xid::text as xid,
    pg_catalog.to_json(q.captured_at) #>> '{}' as "capturedAt", q.traceparent,
    q.trace_id as "traceId",
    pg_catalog.to_json(q.first_seen_at) #>> '{}' as "firstSeenAt",
    pg_catalog.to_json(q.last_seen_at) #>> '{}' as "lastSeenAt",
    q.seen_count as "seenCount", q.resolution, q.resolved_by as "resolvedBy",
    pg_catalog.to_json(q.resolved_at) #>> '{}' as "resolvedAt",
    q.resolution_note as "resolutionNote",
    pg_catalog.encode(q.row_sha256, 'hex') as "rowSha256",
    pg_catalog.octet_length(q.row_text) as "rowBytes",
    case when $2 then pg_catalog."left"(q.row_text, ${SHOWN_CHARS}) end as row
  from ingest.quarantine as q
  where q.id = $1::bigint`

/**
 * Reads one entry.
 * @param withValues whether to read the row, too; without, its values do not leave the database.
 * @returns undefined where there is none of this id.
 */
export async function showEntry(
  client: pg.ClientBase | pg.Pool,
  id: string,
  withValues: boolean,
): Promise<ShownEntry | undefined> {
  const { rows } = await client.query<ShownEntry>(SHOW, [id, withValues])
  const [entry] = rows
  if (entry === undefined || withValues) return entry
  const { row: _hidden, ...shown } = entry
  return shown
}
