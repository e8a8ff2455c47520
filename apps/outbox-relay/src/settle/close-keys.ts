import type pg from 'pg'
import type { SettlingDataset } from './settling-datasets.ts'

// Not transactional: a writer reads it at once, whatever its snapshot. Never lower.
const RAISE_HORIZON = /* sql */ `
select pg_catalog.setval('hq_export.settle_horizon', greatest(
  pg_catalog.pg_sequence_last_value('hq_export.settle_horizon'), $1::bigint))`

// Whoever inserted a child holds this lock until it ends; partitions carry their own. By catalog
// names: the relay has no right on the application's schemas, which to_regclass would ask for.
const CHILD_WRITERS = /* sql */ `
with recursive child as (
  select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname || '.' || c.relname = any ($1::text[])
  union
  select i.inhrelid from pg_catalog.pg_inherits i join child on child.oid = i.inhparent
)
select distinct l.virtualtransaction as writer
from pg_catalog.pg_locks l join child on child.oid = l.relation
where l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
  and l.database = (select oid from pg_catalog.pg_database
    where datname = pg_catalog.current_database())`

/** Transactions that have written children and not ended; prepared ones included. */
export async function childWriters(
  client: pg.ClientBase,
  datasets: readonly SettlingDataset[],
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ writer: string }>({
    name: 'settle-child-writers',
    text: CHILD_WRITERS,
    values: [datasets.map(({ childTable }) => childTable)],
  })
  return new Set(rows.map(({ writer }) => writer))
}

/**
 * Closes every key up to `lastNumber`: a child that is written from now on reads the horizon and
 * notes itself as late. Those who may have read it before hold their lock on the child table, the
 * same order of steps as the doorbell's: raise, then look.
 * @returns the writers to wait for before the keys are exported. A child's time says nothing here:
 * it is that of the transaction's start, and a transaction that began in time may commit much
 * later.
 */
export async function closeKeys(
  client: pg.ClientBase,
  datasets: readonly SettlingDataset[],
  lastNumber: string,
): Promise<ReadonlySet<string>> {
  await client.query(RAISE_HORIZON, [lastNumber])
  return childWriters(client, datasets)
}
