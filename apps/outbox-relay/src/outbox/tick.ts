import type pg from 'pg'

/**
 * A `pg_snapshot` as text, `xmin:xmax:xip,...`. Kept as text: the numbers are 64 bits wide and only
 * PostgreSQL computes with them.
 */
export type Snapshot = string

/**
 * The snapshot in which nothing is visible: a window from here takes everything that is retained.
 */
export const EMPTY_SNAPSHOT: Snapshot = '1:1:'

// Left to right: the snapshot first, then how far WAL was written, then how far it is on disk.
// Every commit that the snapshot shows had written its commit record before, so it is durable where
// the third covers the second.
const TAKE_TICK = /* sql */ `
select pg_catalog.pg_current_snapshot()::text as snapshot,
       pg_catalog.pg_current_wal_insert_lsn() <= pg_catalog.pg_current_wal_flush_lsn() as durable`

// Commits something that is nothing. With synchronous_commit = local this returns when the WAL up
// to here is on disk, and with it every commit that the tick's snapshot shows, also the ones made
// with synchronous_commit = off. A standby is not waited for.
const FORCE_FLUSH = /* sql */ `
begin;
set local synchronous_commit = local;
select pg_catalog.pg_logical_emit_message(true, 'hq_export', '');
commit;`

/** Resolves when everything that was written to the WAL so far is on disk. */
async function makeDurable(client: pg.ClientBase): Promise<void> {
  await client.query(FORCE_FLUSH)
}

/**
 * Cuts a window's upper end: a snapshot of which everything visible is on disk. What is not could
 * be undone by a crash after HQ had it, and its xid and seq be given to another row.
 */
export async function takeTick(client: pg.ClientBase): Promise<Snapshot> {
  const tick = (
    await client.query<{ snapshot: string; durable: boolean }>({ name: 'tick', text: TAKE_TICK })
  ).rows[0]
  if (tick === undefined) throw new Error('no snapshot')
  if (!tick.durable) await makeDurable(client)
  return tick.snapshot
}
