import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { CURRENT_XMAX, DAY, LIFE, selectUnseen, unionOfOutbox } from './outbox-tables.ts'
import { EMPTY_SNAPSHOT, type Snapshot } from './tick.ts'
import { type FoundWaiting, selectWaiting, type WaitingRows } from './waiting-rows.ts'

/*
 * Rows of the outbox are counted by snapshots of their own, whatever the windows say, and before
 * they are truncated. hq_export.balance_mark says how far: the lock on its one row is held by
 * whoever counts, for as long as that takes, and waited for by nobody.
 */

/** SQL: what the sequences of the datasets 1 to 4 have counted. */
export const FILTERED = `array[${[1, 2, 3, 4]
  .map(
    (dataset) => `coalesce(pg_catalog.pg_sequence_last_value('hq_export.filtered_${dataset}'), 0)`,
  )
  .join(', ')}]`

/** SQL: outcomes that the acks after `folded` have, as rows of hq_export.balance. */
export const ackedOutcomes = (folded: string): string => /* sql */ `
select o.day, o.dataset, 0 as captured, o.inserted, o.updated, o.superseded, o.duplicate, o.stale,
  o.refused, 0 as filtered
from hq_export.ack a
cross join lateral pg_catalog.jsonb_to_recordset(a.outcomes) o (
  day date, dataset smallint, inserted bigint, updated bigint, superseded bigint, duplicate bigint,
  stale bigint, refused bigint)
where a.id > ${folded} and a.outcomes is not null`

/**
 * SQL: rows outside of a filter since the mark, as rows of hq_export.balance. A sequence that was
 * set back counts from there.
 */
export const filteredSince = (marked: string): string => /* sql */ `
select (pg_catalog.clock_timestamp() at time zone 'UTC')::date, f.dataset, f.n,
  0, 0, 0, 0, 0, 0, f.n
from (
  select u.dataset, u.now - case when u.now < u.marked then 0 else u.marked end as n
  from rows from (pg_catalog.unnest(${FILTERED}), pg_catalog.unnest(${marked}))
    with ordinality as u (now, marked, dataset)
) f
where f.n > 0`

/** SQL: the base of a look does not show this row. */
const IS_UNSEEN = 'not pg_catalog.pg_visible_in_snapshot(xid, $4::pg_snapshot)'

const MARK = /* sql */ `
select m.counted::text as counted, m.folded::text as folded, m.filtered::text as filtered
from hq_export.balance_mark m
where m.epoch = (${LIFE})`

const LOCK_MARK = /* sql */ `${MARK}
for update of m skip locked`

// The statement's own snapshot is how far it has counted. A row of another server gets an id of
// this one first, or it would be counted with each of the two. What is read is counted as waiting,
// too, where that is not known ($4, $5): so that nobody reads millions of rows for each purpose.
const COUNT = /* sql */ `
with uncounted as (
  ${selectUnseen('$1', 'xid, dataset, captured_at')}
), counted as (
  select * from (
    ${selectUnseen('$4', 'xid, dataset, captured_at')}
  ) o
  where o.xid < pg_catalog.pg_snapshot_xmax($1::pg_snapshot)
    and pg_catalog.pg_visible_in_snapshot(o.xid, $1::pg_snapshot)
), parts as (
  select ${DAY} as day, dataset, count(*) filter (where xid < ${CURRENT_XMAX}) as captured,
    count(*) filter (where ${IS_UNSEEN}) as rows,
    pg_catalog.min(captured_at) filter (where ${IS_UNSEEN}) as oldest,
    pg_catalog.bool_or(xid >= ${CURRENT_XMAX}) as has_foreign
  from uncounted
  group by 1, 2
  union all
  select ${DAY}, dataset, 0, count(*), pg_catalog.min(captured_at), false
  from counted
  group by 1, 2
), added (day, dataset, captured, inserted, updated, superseded, duplicate, stale, refused,
    filtered) as (
  select day, dataset, captured, 0, 0, 0, 0, 0, 0, 0 from parts
  where dataset <> 0 and captured > 0
  union all
  ${ackedOutcomes('$2::bigint')}
  union all
  ${filteredSince('$3::bigint[]')}
), marked as (
  update hq_export.balance_mark
  set counted = pg_catalog.pg_current_snapshot(), filtered = ${FILTERED},
    folded = coalesce((select a.id from hq_export.ack a order by a.id desc limit 1), folded)
), balanced as (
insert into hq_export.balance as b (day, dataset, captured, inserted, updated, superseded,
  duplicate, stale, refused, filtered)
select day, dataset, pg_catalog.sum(captured), pg_catalog.sum(inserted), pg_catalog.sum(updated),
  pg_catalog.sum(superseded), pg_catalog.sum(duplicate), pg_catalog.sum(stale),
  pg_catalog.sum(refused), pg_catalog.sum(filtered)
from added
group by day, dataset
on conflict (day, dataset) do update set
  captured = b.captured + excluded.captured, inserted = b.inserted + excluded.inserted,
  updated = b.updated + excluded.updated, superseded = b.superseded + excluded.superseded,
  duplicate = b.duplicate + excluded.duplicate, stale = b.stale + excluded.stale,
  refused = b.refused + excluded.refused, filtered = b.filtered + excluded.filtered
)
${selectWaiting('$5')}`

const FORGET = /* sql */ `
delete from hq_export.balance
where day < (pg_catalog.clock_timestamp() at time zone 'UTC')::date - 400`

/**
 * Counts rows that became visible since the last count as captured, and what the acks since then
 * say became of rows. Does nothing while another session counts, or before this life of the server
 * has begun.
 * @param waiting learns what waits of what is read.
 */
export async function countCaptured(client: pg.ClientBase, waiting?: WaitingRows): Promise<void> {
  await transact(client, async () => {
    const mark = (await client.query<Mark>(LOCK_MARK)).rows[0]
    if (mark === undefined) return
    const base = await waiting?.base(client)
    const { rows } = await client.query<FoundWaiting>(COUNT, [
      ...[mark.counted, mark.folded, mark.filtered],
      ...[base?.seen ?? mark.counted, base?.groups ?? '[]'],
    ])
    if (base !== undefined && rows[0] !== undefined) waiting?.keep(base, rows[0])
    await client.query(FORGET)
  })
}

/** How far it has been counted. */
interface Mark {
  /** What it shows is counted as captured. */
  readonly counted: Snapshot
  /** Id of the last ack whose outcomes are counted. */
  readonly folded: string
  /** What the sequences of what is outside of a filter had counted. */
  readonly filtered: string
}

/** How far it has been counted; undefined before this life of the server has begun. */
export async function readMark(client: pg.ClientBase): Promise<Mark | undefined> {
  return (await client.query<Mark>(MARK)).rows[0]
}

const READ_COUNTED = /* sql */ `select counted::text as counted from hq_export.balance_mark`

/** What it shows is counted; undefined before the first relay has worked. */
export async function readCounted(client: pg.ClientBase): Promise<Snapshot | undefined> {
  return (await client.query<{ counted: Snapshot }>(READ_COUNTED)).rows[0]?.counted
}

const BEGIN = /* sql */ `
insert into hq_export.balance_mark as m (epoch, counted, folded, filtered)
select $1, $2::pg_snapshot, coalesce(pg_catalog.max(a.id), 0), ${FILTERED} from hq_export.ack a
on conflict do nothing`

// In a new life everything retained is sent once more, so it is counted once more; what was counted
// and waits is taken back, so that a difference of before stays one. Whether a snapshot shows an id
// is told by their numbers, also those of another server.
const TAKE_BACK = /* sql */ `
update hq_export.balance b set captured = b.captured - w.rows
from (
  select ${DAY} as day, o.dataset, count(*) as rows
  from (${unionOfOutbox((table) => `select xid, captured_at, dataset from ${table}`)}) o,
    hq_export.balance_mark m
  where pg_catalog.pg_visible_in_snapshot(o.xid, m.counted)
    and not pg_catalog.pg_visible_in_snapshot(o.xid, $1::pg_snapshot)
  group by 1, 2
) w
where b.day = w.day and b.dataset = w.dataset`

const BEGIN_AGAIN = /* sql */ `
update hq_export.balance_mark set epoch = $1, counted = $2::pg_snapshot`

/**
 * Where counting begins: with what is not settled yet, or, in a new life of the server, with
 * everything that is retained. In the open transaction, before rows get other ids.
 * @param acked of the newest ack before this life; undefined where there was none.
 */
export async function beginCounting(
  client: pg.ClientBase,
  epoch: string,
  {
    isNew,
    acked = EMPTY_SNAPSHOT,
  }: { readonly isNew: boolean; readonly acked?: Snapshot | undefined },
): Promise<void> {
  await client.query(BEGIN, [epoch, isNew ? EMPTY_SNAPSHOT : acked])
  if (!isNew) return
  await client.query(TAKE_BACK, [acked])
  await client.query(BEGIN_AGAIN, [epoch, EMPTY_SNAPSHOT])
}
