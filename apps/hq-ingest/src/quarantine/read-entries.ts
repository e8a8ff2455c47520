import type pg from 'pg'
import { CAUSE_POINTER, conditionOf, type Selection } from './selection.ts'

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

const COLUMNS = `
  q.id::text as id, q.code, q.row_index as "rowIndex", q.org_allowed as "orgAllowed",
  q.deleted, q.xid::text as xid,
  pg_catalog.to_json(q.captured_at) #>> '{}' as "capturedAt", q.traceparent,
  q.row_text as "rowText"`

/** How much of a selection is taken at once. */
export interface Piece {
  readonly limit: number
  readonly maxBytes: number
}

/** As many of the first entries as are not larger together; at least one. */
function fitting<E extends StoredEntry>(entries: E[], maxBytes: number): E[] {
  let bytes = 0
  const end = entries.findIndex(({ rowText }, position) => {
    bytes += Buffer.byteLength(rowText)
    return bytes > maxBytes && position > 0
  })
  return end === -1 ? entries : entries.slice(0, end)
}

/** An entry with what it can be applied together with. */
export type GroupedEntry = StoredEntry & EntryGroup

/**
 * Reads and locks the next entries of a selection, whatever their groups, oldest first.
 *
 * Locks: the entries, in the order of their ids.
 * @param after id behind which they begin.
 * @param through last id.
 */
export async function lockNextEntries(
  client: pg.ClientBase,
  selection: Selection,
  after: string,
  through: string,
  { limit, maxBytes }: Piece,
): Promise<GroupedEntry[]> {
  const { pointer, ...others } = selection
  const { text, values } = conditionOf(others)
  // In the order of the ids, from where the last piece ended: the index by causes would have all
  // that is left sorted for each piece, so the place is written as no index has it.
  const place = pointer === undefined ? '' : `and ${CAUSE_POINTER} || '' = $${values.push(pointer)}`
  const { rows } = await client.query<GroupedEntry>(
    `select ${COLUMNS}, q.source, q.dataset, q.schema_version as "schemaVersion"
     from ingest.quarantine as q
     where ${text} ${place} and q.id > $${values.push(after)}::bigint
       and q.id <= $${values.push(through)}::bigint
     order by q.id limit $${values.push(limit)} for update`,
    values,
  )
  return fitting(rows, maxBytes)
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
  { limit, maxBytes }: Piece,
): Promise<StoredEntry[]> {
  const { text, values } = conditionOf(selection)
  const { rows } = await client.query<StoredEntry>(
    `select ${COLUMNS}
     from ingest.quarantine as q
     where ${text} and q.source = $${values.push(source)} and q.dataset = $${values.push(dataset)}
       and q.schema_version = $${values.push(schemaVersion)}
       and q.id > $${values.push(after)}::bigint
     order by q.id limit $${values.push(limit)} for update`,
    values,
  )
  return fitting(rows, maxBytes)
}
