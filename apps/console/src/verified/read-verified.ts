import { RECONCILIATION_STATES } from '@hq-export/contract'
import { parseRecord } from '@hq-export/runtime/parse-record.ts'
import type pg from 'pg'
import { z } from 'zod'

const verifiedSchema = z.object({
  dataset: z.string(),
  runId: z.string(),
  state: z.enum(RECONCILIATION_STATES),
  /** Why it is undecided; null where it is not. */
  reason: z.string().nullable(),
  /** ISO 8601, by the source's clock. */
  finishedAt: z.string(),
  /** Share of the rows that was compared, 0 to 1. */
  coverage: z.number(),
  sourceRows: z.number(),
  hqRows: z.number(),
  inFlight: z.number(),
})

/** What the last comparison of a whole dataset came to. */
export type Verified = z.infer<typeof verifiedSchema>

const PARTS = /* sql */ `
  d.value ->> 'dataset' as dataset, d.value ->> 'reason' as reason,
  pg_catalog.to_json(r.finished_at) #>> '{}' as "finishedAt",
  (d.value ->> 'coverage')::float8 as coverage,
  (d.value ->> 'source_rows')::float8 as "sourceRows",
  (d.value ->> 'hq_rows')::float8 as "hqRows", (d.value ->> 'in_flight')::float8 as "inFlight"`

// A run that is proven since is equal. Whole ones are few: one a day, and those asked for.
const OF_SOURCE = /* sql */ `
select distinct on (dataset) * from (
  select r.id::text as "runId", ${PARTS},
    case when d.value ->> 'state' = 'repaired' and r.proven_at is not null then 'equal'
      else d.value ->> 'state' end as state
  from (
    select * from hq_export.reconciliation
    where kind <> 'follow' and run is not null and run -> 'scope' = '{}'
    order by number desc limit 50
  ) r
  cross join lateral pg_catalog.jsonb_array_elements(r.run -> 'datasets') d
) v
order by dataset, "finishedAt" desc`

// Of several sources the one that is worst off: a dataset is equal where it is with each of them.
const OF_HQ = /* sql */ `
select distinct on (dataset) dataset, "runId", state, reason, "finishedAt", coverage, "sourceRows",
  "hqRows", "inFlight"
from (
  select distinct on (r.source, d.value ->> 'dataset')
    r.id::text as "runId", ${PARTS}, d.value ->> 'state' as state
  from (
    select * from ingest.reconciliation
    where kind <> 'follow' and orgs is null and scope = '{}'
    order by finished_at desc limit 200
  ) r
  cross join lateral pg_catalog.jsonb_array_elements(r.datasets) d
  order by r.source, d.value ->> 'dataset', r.finished_at desc
) v
order by dataset, pg_catalog.array_position(array['different', 'undecided', 'repaired', 'equal'],
  state), "finishedAt"`

function verifiedOf(row: Verified, table: string, column: string): Verified {
  const { runId } = row
  const place = { name: `comparison ${runId}`, table, column, where: `id = '${runId}'` }
  return parseRecord(verifiedSchema, row, place)
}

/** The last comparison of each dataset as a whole, as data-engine-x has recorded it. */
export async function readVerifiedOfSource(client: pg.ClientBase): Promise<Verified[]> {
  const { rows } = await client.query<Verified>(OF_SOURCE)
  return rows.map((row) => verifiedOf(row, 'hq_export.reconciliation', 'run'))
}

/** The same as HQ was told. */
export async function readVerifiedOfHq(client: pg.ClientBase): Promise<Verified[]> {
  const { rows } = await client.query<Verified>(OF_HQ)
  return rows.map((row) => verifiedOf(row, 'ingest.reconciliation', 'datasets'))
}
