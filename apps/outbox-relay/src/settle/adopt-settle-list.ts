import type pg from 'pg'
import { IS_SETTLED } from './read-pending.ts'

// A dump that was restored on another server brings marks and keys with transaction ids that mean nothing here: what was pending there is
// written anew under an id of this server, and a mark of this server says that nothing is settled. One statement, one transaction.
const ADOPT = /* sql */ `
do $$
begin
  lock table hq_export.settled in share row exclusive mode;
  if not exists (select from hq_export.settled)
    or exists (
      select from (select m.system_identifier from hq_export.settled m order by m.id desc limit 1) m
      where m.system_identifier = (pg_catalog.pg_control_system()).system_identifier
    )
  then
    return;
  end if;
  -- A dump without its sequences would count again from 1, where everything is closed.
  perform pg_catalog.setval('hq_export.settle_number', greatest(
    pg_catalog.pg_sequence_last_value('hq_export.settle_number'),
    pg_catalog.pg_sequence_last_value('hq_export.settle_horizon'),
    (select max(m.number) from hq_export.settled m), 1));
  lock table hq_export.settle_0, hq_export.settle_1 in share row exclusive mode;
  insert into hq_export.settle_0 (due_at, dataset, key, traceparent)
  select p.due_at, p.dataset, p.key, p.traceparent
  from hq_export.settle p
  cross join (select m.number, m.seen from hq_export.settled m order by m.id desc limit 1) m
  where not ${IS_SETTLED};
  delete from hq_export.settle_0 where xid <> pg_catalog.pg_current_xact_id();
  delete from hq_export.settle_1;
  insert into hq_export.settled (due_before, number, seen)
  select m.due_before, m.number, '1:1:' from hq_export.settled m order by m.id desc limit 1;
end $$`

/** Makes the settle list of a restored dump this server's own; elsewhere it changes nothing. */
export async function adoptSettleList(client: pg.ClientBase): Promise<void> {
  await client.query(ADOPT)
}
