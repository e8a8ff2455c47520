import type pg from 'pg'
import { conditionOf, type Selection } from './selection.ts'

/** Rows that can be applied together. */
export interface EntryGroup {
  readonly source: string
  readonly dataset: string
  readonly schemaVersion: string
}

/** An entry with what is needed to apply its row. */
export interface StoredEntry {
  readonly id: string
  readonly code: string
  readonly rowIndex: number
  readonly orgAllowed: boolean
  readonly deleted: boolean
  readonly xid: string
  /** As on the wire. */
  readonly capturedAt: string
  readonly traceparent: string | null
  readonly rowText: string
}

/** The groups that a selection has entries of. */
export async function readGroups(
  client: pg.ClientBase | pg.Pool,
  selection: Selection,
): Promise<EntryGroup[]> {
  const { text, values } = conditionOf(selection)
  const { rows } = await client.query<EntryGroup>(
    `select distinct q.source, q.dataset, q.schema_version as "schemaVersion"
     from ingest.quarantine as q where ${text} order by 1, 2, 3`,
    values,
  )
  return rows
}

/**
 * Reads and locks the next entries of a group, oldest first: at most `limit`, and of more than
 * `maxBytes` of rows only the first.
 *
 * Locks: the entries, in the order of their ids.
 */
export async function lockEntries(
  client: pg.ClientBase,
  selection: Selection,
  { source, dataset, schemaVersion }: EntryGroup,
  after: string,
  { limit, maxBytes }: { readonly limit: number; readonly maxBytes: number },
): Promise<StoredEntry[]> {
  const { text, values } = conditionOf(selection)
  const { rows } = await client.query<StoredEntry>(
    `select q.id::text as id, q.code, q.row_index as "rowIndex", q.org_allowed as "orgAllowed",
       q.deleted, q.xid::text as xid,
       pg_catalog.to_json(q.captured_at) #>> '{}' as "capturedAt", q.traceparent,
       q.row_text as "rowText"
     from ingest.quarantine as q
     where ${text} and q.source = $${values.push(source)} and q.dataset = $${values.push(dataset)}
       and q.schema_version = $${values.push(schemaVersion)}
       and q.id > $${values.push(after)}::bigint
     order by q.id limit $${values.push(limit)} for update`,
    values,
  )
  let bytes = 0
  const fitting = rows.findIndex(({ rowText }, position) => {
    bytes += Buffer.byteLength(rowText)
    return bytes > maxBytes && position > 0
  })
  return fitting === -1 ? rows : rows.slice(0, fitting)
}
