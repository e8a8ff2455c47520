import type pg from 'pg'
import { wireRowSql } from '../outbox/outbox-row.ts'

/** A letter whose row is to be tried again now. */
export interface DueLetter {
  readonly id: string
  readonly dataset: string
  /** The row as it went on the wire, an element of the envelope's `rows`. */
  readonly text: string
}

// A time that lies further ahead than any pause was written by a clock that has been set back
// since.
const DUE = /* sql */ `
select d.id::text as id, d.dataset,
       ${wireRowSql('d')} as text
from hq_export.dead_letter d
where d.retry_at is not null and d.resolved_at is null and d.body is not null
  and (d.retry_at <= pg_catalog.clock_timestamp()
    or d.retry_at > pg_catalog.clock_timestamp() + interval '5 minutes')
order by d.retry_at
limit $1`

const NEXT = /* sql */ `
select extract(epoch from d.retry_at - pg_catalog.clock_timestamp())::float8 * 1000 as ms
from hq_export.dead_letter d
where d.retry_at is not null and d.resolved_at is null
order by d.retry_at
limit 1`

const CLOSE = /* sql */ `
update hq_export.dead_letter d
set resolved_at = pg_catalog.clock_timestamp(), resolution = 'replayed',
    replay_count = d.replay_count + 1, retry_at = null,
    note = coalesce(d.note, 'by the relay: HQ has decided the row')
where d.id = $1::bigint and d.resolved_at is null`

/** Reads letters that the relay has to try again, those that are due longest first. */
export async function readDueLetters(client: pg.ClientBase, limit: number): Promise<DueLetter[]> {
  return (await client.query<DueLetter>(DUE, [limit])).rows
}

/** Milliseconds until a letter is due, negative where one is; undefined where none will be. */
export async function untilDue(client: pg.ClientBase): Promise<number | undefined> {
  return (await client.query<{ ms: number }>(NEXT)).rows[0]?.ms
}

/** Settles a letter whose row HQ has taken. */
export async function closeLetter(client: pg.ClientBase, id: string): Promise<void> {
  await client.query(CLOSE, [id])
}
