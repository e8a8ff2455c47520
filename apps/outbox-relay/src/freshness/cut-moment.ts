import { ROW_CODES } from '@hq-export/contract'
import type pg from 'pg'
import type { Snapshot } from '../outbox/tick.ts'

/*
 * A statement takes its snapshot before it evaluates anything, so a clock that it reads is later
 * than what it sees. The moment comes from the statement before. Whoever saw COMMIT return earlier
 * than that had left the list of running transactions earlier, and is in every later snapshot.
 */
const READ_CLOCK = /* sql */ `select pg_catalog.clock_timestamp()::text as at`

/*
 * Of each dataset, what the snapshot of this statement shows that no ack of the outbox answers for:
 * - a dataset that was never sent as a whole since it is captured;
 * - gaps, and differences of what carries the capture: changes that nobody captured;
 * - keys of the settle list: what committed before the first of those was noted is settled.
 * Snapshots come with their entities, and are held by what holds those. Reads, and waits for
 * nobody.
 */
const CUT = /* sql */ `
with tick as materialized (
  select pg_catalog.pg_current_snapshot()::text as snapshot
), part as materialized (
  select b.dataset as whole, p.number, p.dataset, p.captured_since,
    b.dataset <> p.dataset as is_entity, p.history_complete_at,
    pg_catalog.jsonb_exists(p.definition, 'derivedFrom') as is_derived
  from hq_export.binding b
  join hq_export.binding p on p.dataset = b.dataset
    or b.definition -> 'derivedFrom' @> pg_catalog.to_jsonb(p.dataset)
), sent as materialized (
  select p.dataset, b.requested_at as at, true as is_backfill
  from hq_export.backfill b
  cross join lateral pg_catalog.jsonb_to_recordset(b.progress -> 'passes') p
    (dataset text, kind text)
  where b.state = 'completed' and b.since is null and b.until is null and b.org_id is null
    and p.kind = 'rows'
  union all
  select d ->> 'dataset', r.started_at, false
  from hq_export.reconciliation r
  cross join lateral pg_catalog.jsonb_array_elements(r.run -> 'datasets') d
  where r.run -> 'scope' = '{}' and d ->> 'state' = 'equal' and (d ->> 'coverage')::float8 = 1
), difference as materialized (
  select dataset from hq_export.source_difference
), held as (
  select whole from part p
  where exists (select from hq_export.capture_gap g
      where g.dataset = p.number and g.closed_at is null)
    or exists (select from difference d where d.dataset = p.number)
    or p.is_entity and p.history_complete_at is null
    or not p.is_derived and not exists (select from sent s
      where s.dataset = p.dataset and s.at >= p.captured_since
        and (s.is_backfill or not p.is_entity))
)
select t.snapshot, b.dataset,
  case when not exists (select from held h where h.whole = b.dataset) then least(
    $1::timestamptz,
    (select coalesce(pg_catalog.min(coalesce(p.noted_at, '-infinity')), $1::timestamptz)
     from hq_export.settle p
     left join (select * from hq_export.settled m order by m.id desc limit 1) m on true
     where p.dataset = b.number and (p.number <= m.number
       and pg_catalog.pg_visible_in_snapshot(p.xid, m.seen)) is not true))
  end as moment
from tick t
cross join hq_export.binding b`

/** One look at the source. */
export interface Cut {
  /** The source's clock before the look. */
  readonly at: string
  /** Everything that had committed before `at` is visible in it. */
  readonly snapshot: Snapshot
  readonly datasets: readonly CutDataset[]
}

/** A bound dataset as the cut has it. */
export interface CutDataset {
  readonly dataset: string
  /** Complete up to here once HQ has decided what the snapshot shows; null: held back. */
  readonly completeThrough: string | null
  /** How much earlier than `at` that is, in seconds; null where it is. */
  readonly behindSeconds: number | null
}

/** Looks at everything that says how far the datasets are complete. */
export async function cutMoment(client: pg.ClientBase): Promise<Cut | undefined> {
  const [clock] = (await client.query<{ at: string }>(READ_CLOCK)).rows
  if (clock === undefined) throw new Error('the source has a clock')
  const { rows } = await client.query<{
    at: string
    snapshot: string
    dataset: string
    moment: string | null
    behind: number | null
  }>({
    name: 'cut-moment',
    text: /* sql */ `
select pg_catalog.to_json($1::timestamptz) #>> '{}' as at, c.snapshot, c.dataset,
  pg_catalog.to_json(nullif(c.moment, '-infinity')) #>> '{}' as moment,
  extract(epoch from $1::timestamptz - nullif(c.moment, '-infinity'))::float8 as behind
from (${CUT}) c
order by c.dataset`,
    values: [clock.at],
  })
  const [first] = rows
  if (first === undefined) return undefined
  return {
    at: first.at,
    snapshot: first.snapshot,
    datasets: rows.map(({ dataset, moment, behind }) => ({
      dataset,
      completeThrough: moment,
      behindSeconds: behind,
    })),
  }
}

/*
 * After the fence: whoever put rows of the cut aside or into the outbox once more did so before
 * their ack, so all of it is visible here. Rows in the outbox are waited for; keys that are not
 * there yet hold their dataset, and snapshots that come with it. A letter whose replay is such a
 * key is refused still.
 */
const AFTER = /* sql */ `
select pg_catalog.pg_current_snapshot()::text as snapshot,
  pg_catalog.clock_timestamp() >= $1::timestamptz as stands,
  (select pg_catalog.json_agg(pg_catalog.json_build_object(
     'dataset', b.dataset,
     'isHeld', exists (
       select from hq_export.reexport r
       join hq_export.binding p on p.number = r.dataset
       where p.dataset = b.dataset
         or b.definition -> 'derivedFrom' @> pg_catalog.to_jsonb(p.dataset)),
     'refused', (
       select count(*) from hq_export.dead_letter l
       where l.dataset = b.dataset and l.resolved_at is null and l.reason <> all ($2::text[])
     ) + (
       select count(*) from hq_export.reexport r
       join hq_export.dead_letter l on l.id = r.letter
       where l.dataset = b.dataset and l.resolved_at is not null
         and l.reason <> all ($2::text[]))))
   from hq_export.binding b) as datasets`

/** What is to be seen once the fence of a cut is passed. */
export interface Aftermath {
  /** What it shows has to be decided, too. */
  readonly snapshot: Snapshot
  /** False where the source's clock was set back: what commits now may be older than the moment. */
  readonly stands: boolean
  readonly datasets: readonly {
    readonly dataset: string
    /** Keys have to enter the outbox once more. */
    readonly isHeld: boolean
    /** Open dead letters that HQ has never seen. */
    readonly refused: number
  }[]
}

/** Looks once more, after the fence of a cut that was made at `at`. */
export async function lookAfter(client: pg.ClientBase, at: string): Promise<Aftermath> {
  const query = { name: 'look-after', text: AFTER, values: [at, ROW_CODES] }
  const [aftermath] = (await client.query<Aftermath>(query)).rows
  if (aftermath === undefined) throw new Error('no snapshot')
  return aftermath
}
