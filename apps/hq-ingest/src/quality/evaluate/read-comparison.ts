import type { DatasetReconciliation } from '@hq-export/contract'
import type pg from 'pg'
import type { Comparison } from '../checks/check.ts'
import type { Stream } from './progress.ts'

/** Older than that, a comparison says nothing of today: it is daily, and may be late. */
const MAX_AGE_HOURS = 36

// The newest that says something of all rows, or that found a difference in some of them.
const LAST = /* sql */ `
select d.value as compared
from ingest.reconciliation r
cross join lateral pg_catalog.jsonb_array_elements(r.datasets) as d (value)
where r.source = $1 and d.value ->> 'dataset' = $2
  and r.finished_at <= pg_catalog.to_timestamp($3::float8 / 1000)
  and r.finished_at >= pg_catalog.to_timestamp($3::float8 / 1000)
    - pg_catalog.make_interval(hours => $4)
  and (d.value ->> 'state' = 'different'
    or (r.kind <> 'follow' and r.orgs is null and r.scope = '{}'))
order by r.finished_at desc limit 1`

/** Reads what the last comparison of a stream came to, before `at` (milliseconds). */
export async function readComparison(
  client: pg.ClientBase,
  { source, dataset }: Stream,
  at: number,
): Promise<Comparison | undefined> {
  const { rows } = await client.query<{ compared: DatasetReconciliation }>(LAST, [
    ...[source, dataset, at, MAX_AGE_HOURS],
  ])
  const compared = rows[0]?.compared
  if (compared === undefined) return undefined
  const { state, nulls, findings, source_rows: sourceRows, hq_rows: hqRows } = compared
  return { state, nulls, findings, sourceRows, hqRows }
}
