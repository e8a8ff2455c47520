import type pg from 'pg'
import { conditionOf, type Selection } from './selection.ts'

/** One entry without its row. */
export interface ListedEntry {
  readonly id: string
  readonly source: string
  readonly dataset: string
  /** Code for which it is refused. */
  readonly reason: string
  readonly key: string | null
  readonly pointer: string | null
  readonly detail: string | null
  readonly orgId: string | null
  readonly batch: string
  readonly firstSeenAt: string
  readonly lastSeenAt: string
  readonly seenCount: number
  readonly resolution: string | null
}

/** One page, newest entry first. */
export interface EntryPage {
  readonly entries: readonly ListedEntry[]
  /** Where the next page begins; null on the last. */
  readonly next: string | null
}

/**
 * Lists entries by keyset: a page begins below an id, so that entries that come meanwhile shift
 * nothing.
 * @param before id below which the page begins; undefined for the first.
 */
export async function listEntries(
  client: pg.ClientBase | pg.Pool,
  selection: Selection,
  limit: number,
  before: string | undefined,
): Promise<EntryPage> {
  const { text, values } = conditionOf(selection)
  const below = before === undefined ? '' : `and q.id < $${values.push(before)}::bigint`
  const { rows } = await client.query<ListedEntry>(
    `select q.id::text as id, q.source, q.dataset, q.code as reason, q.key, q.pointer, q.detail,
       q.org_id as "orgId", q.batch,
       pg_catalog.to_json(q.first_seen_at) #>> '{}' as "firstSeenAt",
       pg_catalog.to_json(q.last_seen_at) #>> '{}' as "lastSeenAt", q.seen_count as "seenCount",
       q.resolution
     from ingest.quarantine as q where ${text} ${below} order by q.id desc
     limit $${values.push(limit + 1)}`,
    values,
  )
  const entries = rows.slice(0, limit)
  return { entries, next: rows.length > limit ? (entries.at(-1)?.id ?? null) : null }
}
