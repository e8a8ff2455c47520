import { type BalanceRow, balanceRowSchema, datasetByNumber } from '@hq-export/contract'
import type pg from 'pg'
import { ackedOutcomes, filteredSince, readMark } from '../outbox/count-captured.ts'
import { DAY, selectUnseen } from '../outbox/outbox-tables.ts'
import { readUntruncated } from '../outbox/read-untruncated.ts'
import { WaitingRows, waitingGroups } from '../outbox/waiting-rows.ts'

/** Whether a text is a day, `YYYY-MM-DD`. */
export function isCalendarDay(text: string): boolean {
  return balanceRowSchema.shape.day.safeParse(text).success
}

/** Days whose rows are told whether anything of them is open or not. */
const RECENT_DAYS = 3

// What is counted, what is not counted yet and what waits are of one snapshot.
const READ = /* sql */ `
with uncounted as (
  ${selectUnseen('$2', 'dataset, captured_at')}
), parts (day, dataset, captured, inserted, updated, superseded, duplicate, stale, refused,
    filtered, waiting) as (
  select day, dataset, captured, inserted, updated, superseded, duplicate, stale, refused, filtered,
    0
  from hq_export.balance
  union all
  select a.*, 0 from (${ackedOutcomes('$3::bigint')}) a
  union all
  select f.*, 0 from (${filteredSince('$4::bigint[]')}) f
  union all
  select ${DAY}, dataset, count(*), 0, 0, 0, 0, 0, 0, 0, 0 from uncounted where dataset <> 0
  group by 1, 2
  union all
  select g.day, g.dataset, 0, 0, 0, 0, 0, 0, 0, 0, g.rows
  from ${waitingGroups('$5')}
  where g.dataset <> 0
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
where case
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
 * @param waiting what earlier looks have seen.
 */
export async function readBalance(
  client: pg.ClientBase,
  day?: string,
  waiting = new WaitingRows(),
): Promise<BalanceRow[]> {
  return readUntruncated(client, async () => {
    const mark = await readMark(client)
    if (mark === undefined) return []
    const { counted, folded, filtered } = mark
    const groups = await waiting.look(client)
    const { rows } = await client.query<BalanceRow & { dataset: number }>(READ, [
      ...[day ?? null, counted, folded, filtered, groups],
    ])
    return rows.map((row) => ({ ...row, dataset: datasetByNumber(Number(row.dataset)).name }))
  })
}
