import { CAUSE_POINTER } from '@hq-export/hq-ingest/quarantine/selection.ts'
import type pg from 'pg'

/*
 * A row that HQ refuses is kept twice: as a dead letter at the source and as an entry of HQ's
 * quarantine. Neither knows the number of the other; they are the same row where
 *
 * - their content is the same: the relay sends the letter's body as it is, so the SHA-256 of that
 *   is the SHA-256 of the text that HQ keeps; or
 * - they came in the same batch with the same key: HQ replaces a credential in the text that it
 *   keeps, or keeps none of a text that PostgreSQL refuses, so that the content is not the same.
 *   The id of a batch is a source's own, and a key stands in a batch once.
 *
 * Both sides say the batch that brought the row last, which is the same one unless a delivery was
 * cut off between them; then the content says it. A letter without a counterpart never reached HQ,
 * or is decided there; an entry without one came from another source, or is decided at this one.
 */

/** What a side says of a row so that the other can find it. */
export interface Trait {
  /** Number of the row on its own side. */
  readonly id: string
  readonly dataset: string
  readonly key: string | null
  readonly batch: string | null
  /** SHA-256 of the row's text in hex; null where none is kept. */
  readonly sha256: string | null
}

/** The same row on the other side. */
export interface Counterpart {
  readonly id: string
  readonly isOpen: boolean
  readonly resolution: string | null
  readonly code: string
  readonly pointer: string
  readonly at: string
  readonly replayCount: number
}

const TRAITS = `pg_catalog.json_to_recordset($1::json) as t
    (id int8, dataset text, key text, batch text, sha256 text)`

const LETTER = `
  d.id, d.resolved_at is null as is_open, d.resolution, d.reason as code,
  d.pointer, d.last_failed_at as seen_at, d.replay_count`
const BODY_SHA256 = "pg_catalog.sha256(pg_catalog.convert_to(d.body, 'UTF8'))"

// By its key there are a few, by its batch at most as many as a batch has rows.
const LETTERS = `
  select t.id::text as trait, d.id::text as id, d.is_open as "isOpen", d.resolution, d.code,
    d.pointer, pg_catalog.to_json(d.seen_at) #>> '{}' as at, d.replay_count as "replayCount"
  from ${TRAITS}
  cross join lateral (
    select * from (
      (select ${LETTER} from hq_export.dead_letter as d
       where t.key is not null and d.dataset = t.dataset and d.key = t.key
         and (d.batch = t.batch or ${BODY_SHA256} = pg_catalog.decode(t.sha256, 'hex')))
      union all
      (select ${LETTER} from hq_export.dead_letter as d
       where t.key is null and d.batch = t.batch and d.dataset = t.dataset
         and ${BODY_SHA256} = pg_catalog.decode(t.sha256, 'hex'))
    ) as found
    order by found.is_open desc, found.id desc limit 1
  ) as d`

const ENTRY = `
  q.id, q.resolved_at is null as is_open, q.resolution, q.code, ${CAUSE_POINTER} as pointer,
  q.last_seen_at as seen_at`

// Sources by a loose index scan: there are a few.
const ENTRIES = `
  with recursive source as (
    (select q.source from ingest.quarantine as q order by q.source limit 1)
    union all
    select n.source from source as s cross join lateral (
      select q.source from ingest.quarantine as q where q.source > s.source
      order by q.source limit 1) as n
  )
  select t.id::text as trait, q.id::text as id, q.is_open as "isOpen", q.resolution, q.code,
    q.pointer, pg_catalog.to_json(q.seen_at) #>> '{}' as at, 0 as "replayCount"
  from ${TRAITS}
  cross join lateral (
    select * from (
      (select ${ENTRY} from source as s join ingest.quarantine as q on q.source = s.source
       where q.resolved_at is null and q.dataset = t.dataset
         and q.row_sha256 = pg_catalog.decode(t.sha256, 'hex'))
      union all
      (select ${ENTRY} from source as s join ingest.quarantine as q on q.source = s.source
       where q.batch = t.batch and q.dataset = t.dataset
         and (q.key = t.key or q.row_sha256 = pg_catalog.decode(t.sha256, 'hex')))
    ) as found
    order by found.is_open desc, found.id desc limit 1
  ) as q`

async function match(
  client: pg.ClientBase,
  statement: string,
  traits: readonly Trait[],
): Promise<ReadonlyMap<string, Counterpart>> {
  if (traits.length === 0) return new Map()
  const { rows } = await client.query<Counterpart & { trait: string }>(statement, [
    JSON.stringify(traits),
  ])
  return new Map(rows.map(({ trait, ...counterpart }) => [trait, counterpart]))
}

/** Letters of the source that are the same rows as these entries, by the number of the entry. */
export function findLetters(client: pg.ClientBase, entries: readonly Trait[]) {
  return match(client, LETTERS, entries)
}

/** Entries of HQ that are the same rows as these letters, by the number of the letter. */
export function findEntries(client: pg.ClientBase, letters: readonly Trait[]) {
  return match(client, ENTRIES, letters)
}
