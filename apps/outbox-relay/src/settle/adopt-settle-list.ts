import type pg from 'pg'
import { forEachBlockRange } from '../outbox/block-ranges.ts'
import { IS_SETTLED } from './read-pending.ts'

/*
 * A dump that was restored on another server brings marks and keys with transaction ids that mean
 * nothing here. What the newest mark had settled goes; what was pending there gets an id of this
 * server, where its own would be visible to no mark; then a mark of this server says that nothing
 * of what is left is settled. The two steps are small transactions that lock single rows, and a
 * relay that dies between them leaves the old mark, by which the next one goes on. Writers wait for
 * nothing.
 */

const IS_FOREIGN = /* sql */ `
select exists (
  select from (select m.system_identifier from hq_export.settled m order by m.id desc limit 1) m
  where m.system_identifier <> (pg_catalog.pg_control_system()).system_identifier
) as found`

// A restore without its sequences would count again from 1, where everything is closed.
const COUNT_ON = /* sql */ `
select pg_catalog.setval('hq_export.settle_number', c.closed)
from (select greatest(pg_catalog.pg_sequence_last_value('hq_export.settle_horizon'),
  (select max(m.number) from hq_export.settled m)) as closed) c
where c.closed > coalesce(pg_catalog.pg_sequence_last_value('hq_export.settle_number'), 0)`

// A key that was noted here already, perhaps under a number that counted from 1, is due later than
// the old mark: it stays.
const forget = (table: number): string => /* sql */ `
delete from hq_export.settle_${table} p
using (select m.due_before, m.number, m.seen from hq_export.settled m order by m.id desc limit 1) m
where p.ctid >= $1::tid and p.ctid < $2::tid and p.due_at <= m.due_before and ${IS_SETTLED}`

const adopt = (table: number): string => /* sql */ `
update hq_export.settle_${table}
set xid = pg_catalog.pg_current_xact_id()
where ctid >= $1::tid and ctid < $2::tid
  and xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())`

// Other relays, which read marks to make the next, are kept out for the moment.
const MARK = /* sql */ `
do $$
begin
  lock table hq_export.settled in share row exclusive mode;
  insert into hq_export.settled (due_before, number, seen)
  select m.due_before, m.number, '1:1:'
  from (select * from hq_export.settled m order by m.id desc limit 1) m
  where m.system_identifier <> (pg_catalog.pg_control_system()).system_identifier;
end $$`

/** Makes the settle list of a restored dump this server's own; elsewhere it changes nothing. */
export async function adoptSettleList(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ found: boolean }>(IS_FOREIGN)
  if (rows[0]?.found !== true) return
  await client.query(COUNT_ON)
  for (const table of [0, 1]) {
    for (const statement of [forget(table), adopt(table)]) {
      await forEachBlockRange(client, `hq_export.settle_${table}`, (range) =>
        client.query(statement, [...range]),
      )
    }
  }
  await client.query(MARK)
}
