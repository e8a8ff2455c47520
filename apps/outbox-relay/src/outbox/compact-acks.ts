import type pg from 'pg'

const LOCK_NOT_AVAILABLE = '55P03'

// TRUNCATE and the re-insert of the newest ack are one statement: whoever reads, reads an ack. Only relays ask for this
// table, and the lock is not waited for. No temporary table: many databases revoke the right to make one.
const COMPACT = /* sql */ `
do $$
declare
  v_newest hq_export.ack;
begin
  set local synchronous_commit = local;
  lock table hq_export.ack in access exclusive mode nowait;
  select a.* into v_newest from hq_export.ack a order by a.id desc limit 1;
  truncate hq_export.ack;
  insert into hq_export.ack select v_newest.*;
end $$`

const COUNT = /* sql */ `select count(*)::int as count from (select from hq_export.ack limit 1000) a`

/** Rows of `hq_export.ack` that are left alone. */
const KEPT_ACKS = 1000

/** Empties the table of acks, but for the newest, once it has grown. */
export async function compactAcks(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ count: number }>(COUNT)
  if ((rows[0]?.count ?? 0) < KEPT_ACKS) return
  try {
    await client.query(COMPACT)
  } catch (error) {
    if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error
  }
}
