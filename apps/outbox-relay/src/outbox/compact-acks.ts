import type pg from 'pg'
import { hasSqlstate, LOCK_NOT_AVAILABLE } from '../session/sqlstate.ts'

// TRUNCATE and the re-insert of the newest ack are one statement: whoever reads, reads an ack. Only
// relays ask for this table, and the lock is not waited for. No temporary table: many databases
// revoke the right to make one.
const COMPACT = /* sql */ `
do $$
declare
  v_newest hq_export.ack;
begin
  set local synchronous_commit = local;
  lock table hq_export.ack in access exclusive mode nowait;
  select a.* into v_newest from hq_export.ack a order by a.id desc limit 1;
  -- What is not counted in hq_export.balance yet.
  if exists (
    select from hq_export.ack a join hq_export.balance_mark m on a.id > m.folded
    where a.id <> v_newest.id and a.outcomes is not null
  ) then
    return;
  end if;
  truncate hq_export.ack;
  insert into hq_export.ack select v_newest.*;
end $$`

const SIZE = /* sql */ `select pg_catalog.pg_relation_size('hq_export.ack')::int as bytes`

/**
 * Size of `hq_export.ack` that is left alone: a hundred thousand acks, of which heartbeats alone
 * make three thousand a day.
 */
const KEPT_BYTES = 8 * 1024 * 1024

/** Empties the table of acks, but for the newest, once it has grown beyond `keptBytes`. */
export async function compactAcks(
  client: pg.ClientBase,
  keptBytes: number = KEPT_BYTES,
): Promise<void> {
  const { rows } = await client.query<{ bytes: number }>(SIZE)
  if ((rows[0]?.bytes ?? 0) <= keptBytes) return
  try {
    await client.query(COMPACT)
  } catch (error) {
    if (!hasSqlstate(error, LOCK_NOT_AVAILABLE)) throw error
  }
}
