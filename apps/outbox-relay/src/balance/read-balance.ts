import { type BalanceRow, balanceRowSchema, datasetByNumber } from '@hq-export/contract'
import type pg from 'pg'
import { ackedOutcomes, DAY, EPOCH, filteredSince } from '../outbox/count-captured.ts'
import { unionOfOutbox } from '../outbox/outbox-tables.ts'

/** Whether a text is a day, `YYYY-MM-DD`. */
export function isCalendarDay(text: string): boolean {
  return balanceRowSchema.shape.day.safeParse(text).success
}

/** Days whose rows are told whether anything of them is open or not. */
const RECENT_DAYS = 3

// One statement, so that what is counted, what is not counted yet and what waits are of one
// snapshot. It takes that after its locks, so no table is truncated between the two.
const READ = /* sql */ `
with mark as materialized (
  select m.counted, m.folded, m.filtered,
    (select a.acked from hq_export.ack a order by a.id desc limit 1) as acked
  from hq_export.balance_mark m
  where m.epoch = (${EPOCH})
), parts (day, dataset, captured, inserted, updated, superseded, duplicate, stale, refused,
    filtered, waiting) as (
  select day, dataset, captured, inserted, updated, superseded, duplicate, stale, refused, filtered,
    0
  from hq_export.balance
  union all
  select a.*, 0 from mark m cross join lateral (${ackedOutcomes('m.folded')}) a
  union all
  select f.*, 0 from mark m cross join lateral (${filteredSince('m.filtered')}) f
  union all
  select ${DAY}, dataset,
    count(*) filter (where not pg_catalog.pg_visible_in_snapshot(xid, m.counted)),
    0, 0, 0, 0, 0, 0, 0,
    count(*) filter (where not pg_catalog.pg_visible_in_snapshot(xid, m.acked))
  from mark m cross join lateral (
    ${unionOfOutbox(
      (table) => /* sql */ `select xid, dataset, captured_at from ${table}
    where xid >= least(pg_catalog.pg_snapshot_xmin(m.counted), pg_catalog.pg_snapshot_xmin(m.acked))
      and dataset <> 0`,
    )}
  ) o
  group by 1, 2
), days as (
  select day::text as day, dataset::int as dataset,
    pg_catalog.sum(captured)::float8 as captured, pg_catalog.sum(inserted)::float8 as inserted,
    pg_catalog.sum(updated)::float8 as updated, pg_catalog.sum(superseded)::float8 as superseded,
    pg_catalog.sum(duplicate)::float8 as duplicate, pg_catalog.sum(stale)::float8 as stale,
    pg_catalog.sum(refused)::float8 as refused, pg_catalog.sum(filtered)::float8 as filtered,
    pg_catalog.sum(waiting)::float8 as waiting
  from parts
  group by parts.day, parts.dataset
)
select d.* from days d
where exists (select from mark) and case
  when $1::date is not null then d.day::date = $1::date
  else d.waiting > 0
    or d.captured <> d.inserted + d.updated + d.superseded + d.duplicate + d.stale + d.refused
      + d.filtered + d.waiting
    or d.day::date > (pg_catalog.clock_timestamp() at time zone 'UTC')::date - ${RECENT_DAYS}
end
order by d.day, d.dataset
limit 1000`

/**
 * Reads the balance of days: of one, or of the last ones and all of which something waits or does
 * not add up. None where no relay has worked in this life of the server.
 * @param day UTC day, `YYYY-MM-DD`.
 */
export async function readBalance(client: pg.ClientBase, day?: string): Promise<BalanceRow[]> {
  const { rows } = await client.query<BalanceRow & { dataset: number }>(READ, [day ?? null])
  return rows.map((row) => ({ ...row, dataset: datasetByNumber(Number(row.dataset)).name }))
}
