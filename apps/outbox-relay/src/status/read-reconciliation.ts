import {
  DATASETS,
  FINDING_CLASSES,
  type FindingClass,
  type ReconciliationState,
} from '@hq-export/contract'
import { parseRecord } from '@hq-export/runtime/parse-record.ts'
import type pg from 'pg'
import { z } from 'zod'
import { noCounts } from '../reconcile/empty-dataset.ts'
import { IS_UNDER_WAY } from '../reconcile/record/reconciliation-record.ts'

/** What is known of both sides being equal. */
export interface ReconciliationStatus {
  /**
   * Of the last run that was to compare everything; `different` where one that came later found
   * something. Null where there was none.
   */
  readonly state: ReconciliationState | null
  readonly last_id: string | null
  readonly last_finished_at: string | null
  readonly last_duration_s: number | null
  /** Why it is undecided; null where it is not. */
  readonly last_reason: string | null
  /** Least share of the rows of a dataset that it compared, 0 to 1. */
  readonly coverage: number | null
  readonly under_way: boolean
  /** Since the last one that was decided has ended, or since any was possible. */
  readonly decided_age_s: number
  /** Undecided ones since then. */
  readonly undecided_runs: number
  readonly datasets: readonly {
    readonly dataset: string
    readonly findings: Readonly<Record<FindingClass, number>>
    readonly sent: number
    /** More differed than is sent by itself. */
    readonly cap_reached: boolean
    /** Since the part that waits longest was compared, or since any was possible. */
    readonly unchecked_s: number
  }[]
  /** Null where changes were never followed. */
  readonly follow: {
    /** Keys that were compared since a day or less. */
    readonly keys: number
    readonly found: number
    /** Share of the keys that changed which was compared, 0 to 1; null where none changed. */
    readonly share: number | null
    readonly age_s: number
  } | null
}

// A run that was killed counts as soon as nobody works on it any more.
const STATUS = /* sql */ `
with runs as (
  select r.*, ${IS_UNDER_WAY} as is_under_way from hq_export.reconciliation r
), whole as (
  select * from runs where is_whole and not is_under_way
), last as (
  select * from whole order by number desc limit 1
), decided as (
  select * from whole where state <> 'undecided' order by number desc limit 1
)
select
  (select id::text from last) as last_id,
  (select case when exists (select from runs f
      where f.state = 'different' and f.number > l.number) then 'different'
    when l.proven_at is not null then 'equal' else l.state end from last l) as state,
  (select pg_catalog.to_json(finished_at) #>> '{}' from last) as last_finished_at,
  (select extract(epoch from finished_at - started_at)::float8 from last) as last_duration_s,
  (select case when state <> 'undecided' then null when run is null then 'it was killed'
    else (select d ->> 'reason' from pg_catalog.jsonb_array_elements(run -> 'datasets') d
      where d ->> 'reason' is not null limit 1) end from last) as last_reason,
  (select pg_catalog.min((d ->> 'coverage')::float8) from last,
    pg_catalog.jsonb_array_elements(last.run -> 'datasets') d) as coverage,
  exists (select from runs where is_under_way) as under_way,
  greatest(0, extract(epoch from pg_catalog.clock_timestamp() - coalesce(
    (select finished_at from decided),
    (select m.run_on at time zone 'UTC' from hq_export.migration m
      where m.name = '0024_create_reconciliation'))))::float8 as decided_age_s,
  (select count(*)::int from whole
    where number > coalesce((select number from decided), 0)) as undecided_runs,
  greatest(0, extract(epoch from pg_catalog.clock_timestamp()
    - (select m.run_on at time zone 'UTC' from hq_export.migration m
      where m.name = '0024_create_reconciliation')))::float8 as possible_age_s,
  (select run -> 'datasets' from decided) as datasets,
  (select cost from decided) as cost,
  extract(epoch from pg_catalog.clock_timestamp()
    - (select finished_at from decided))::float8 as cost_age_s`

const FOLLOW = /* sql */ `
select f.keys_compared::float8 as keys, f.keys_found::float8 as found,
       (f.keys_compared / nullif(
         (f.keys_compared + f.keys_left_out + f.rows_missed)::numeric, 0))::float8 as share,
       greatest(0,
         extract(epoch from pg_catalog.clock_timestamp() - f.looked_at))::float8 as age_s
from hq_export.follow f`

interface StatusRow extends Omit<ReconciliationStatus, 'datasets' | 'follow'> {
  readonly possible_age_s: number
  readonly datasets: unknown
  readonly cost: unknown
  readonly cost_age_s: number | null
}

const datasetsSchema = z.array(
  z.object({
    dataset: z.string(),
    findings: z.record(z.string(), z.number()),
    repairs: z.object({ sent: z.number().optional() }),
  }),
)
const costSchema = z.array(
  z.object({
    dataset: z.string(),
    capReached: z.boolean().optional(),
    oldestRangeSeconds: z.number().nullable(),
  }),
)

/** What the last decided one came to. @throws where that cannot be read. */
function readDecided(row: StatusRow) {
  const place = {
    ...{ name: 'the last decided comparison', table: 'hq_export.reconciliation' },
    where: "state <> 'undecided' order by number desc limit 1",
  }
  return {
    datasets: parseRecord(datasetsSchema.nullable(), row.datasets, { ...place, column: 'run' }),
    cost: parseRecord(costSchema.nullable(), row.cost, { ...place, column: 'cost' }),
  }
}

/** Reads what is known of both sides being equal; all from data-engine-x. */
export async function readReconciliation(client: pg.ClientBase): Promise<ReconciliationStatus> {
  const [row] = (await client.query<StatusRow>(STATUS)).rows
  if (row === undefined) throw new Error('reconciliations have a status')
  const { datasets: _, cost: __, cost_age_s, possible_age_s, ...facts } = row
  const { datasets, cost } = readDecided(row)
  const [follow] = (await client.query<NonNullable<ReconciliationStatus['follow']>>(FOLLOW)).rows
  return {
    ...facts,
    datasets: DATASETS.map(({ name }) => {
      const found = datasets?.find(({ dataset }) => dataset === name)
      const spent = cost?.find(({ dataset }) => dataset === name)
      const oldest = spent?.oldestRangeSeconds ?? null
      return {
        dataset: name,
        findings: { ...noCounts(FINDING_CLASSES), ...found?.findings },
        sent: found?.repairs.sent ?? 0,
        cap_reached: spent?.capReached ?? false,
        unchecked_s: oldest === null ? possible_age_s : oldest + (cost_age_s ?? 0),
      }
    }),
    follow: follow ?? null,
  }
}
