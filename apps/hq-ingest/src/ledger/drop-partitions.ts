import type pg from 'pg'
import { partitionNamed } from './partition.ts'

const DAY_MS = 86_400_000

interface Attached {
  readonly name: string
  readonly pending: boolean
}

const ATTACHED = `
  select c.relname as name, i.inhdetachpending as pending
  from pg_catalog.pg_inherits as i
  join pg_catalog.pg_class as c on c.oid = i.inhrelid
  where i.inhparent = 'ingest.batch'::regclass
  order by c.relname`

// Detached and not dropped yet: the gateway that did it died in between. They look like partitions
// but have no parent.
const DETACHED = `
  select c.relname as name
  from pg_catalog.pg_class as c
  where c.relnamespace = 'ingest'::regnamespace and c.relkind = 'r' and not c.relispartition
    and c.relname ~ '^batch_[0-9]{4}_[0-9]{2}$'
  order by c.relname`

function isExpired(name: string, now: number, keepDays: number): boolean {
  const partition = partitionNamed(name)
  return partition !== undefined && Date.parse(partition.to) <= now - keepDays * DAY_MS
}

/**
 * Drops the partitions whose every batch is older than `keepDays`, the oldest first; at most
 * `limit` of them.
 *
 * Locks: DETACH CONCURRENTLY takes SHARE UPDATE EXCLUSIVE on the ledger and waits for the
 * transactions that may still read the partition; batches go on meanwhile. It cannot run in a
 * transaction; where it was interrupted it is finished the next time. The table is nobody's when it
 * is dropped.
 * @returns names that were dropped.
 * @throws 55P03 where it had to wait longer than lock_timeout: try again later.
 */
export async function dropPartitions(
  client: pg.ClientBase,
  now: number,
  keepDays: number,
  limit: number,
): Promise<string[]> {
  const { rows: attached } = await client.query<Attached>(ATTACHED)
  const expired = attached.filter(({ name }) => isExpired(name, now, keepDays)).slice(0, limit)
  for (const { name, pending } of expired) {
    await client.query(
      `alter table ingest.batch detach partition ingest.${name}
        ${pending ? 'finalize' : 'concurrently'}`,
    )
  }
  const { rows: detached } = await client.query<{ name: string }>(DETACHED)
  const dropped: string[] = []
  for (const { name } of detached) {
    if (!isExpired(name, now, keepDays)) continue
    await client.query(`drop table ingest.${name}`)
    dropped.push(name)
  }
  return dropped
}
