import { ROW_CODES, type RowCode } from '@hq-export/contract'
import type pg from 'pg'
import { COUNT_LIMIT } from '../page/text.ts'

/** Open quarantine entries of a dataset and code. */
export interface Refused {
  readonly dataset: string
  readonly code: RowCode
  /** One above {@link COUNT_LIMIT} where there are more. */
  readonly rows: number
  /** When the newest was refused last, ISO 8601. */
  readonly lastSeenAt: string
}

const iso = (column: string) => `pg_catalog.to_json(${column}) #>> '{}'`

const OF_GROUP = /* sql */ `(q.dataset, q.code) >= (d.dataset, c.code)
      and (q.dataset, q.code) <= (d.dataset, c.code) and q.resolved_at is null`

// For each dataset and code a part of the index on open entries, and no more of it than is counted:
// as ranges in the order of that index, because for equal values the planner takes a scan of the
// table, or of all ids, to be as good, and of a code that nothing was refused for both find nothing
// until they have seen everything.
const REFUSED = /* sql */ `
select d.dataset, c.code, n.rows, ${iso('l.last_seen_at')} as "lastSeenAt"
from unnest($1::text[]) as d (dataset)
cross join unnest($2::text[]) as c (code)
cross join lateral (
  select count(*)::int as rows from (
    select from ingest.quarantine q
    where ${OF_GROUP}
    order by q.dataset, q.code, q.id
    limit $3
  ) open
) n
cross join lateral (
  select q.last_seen_at from ingest.quarantine q
  where ${OF_GROUP}
  order by q.dataset desc, q.code desc, q.id desc
  limit 1
) l`

/** Reads the open entries of these datasets, by code; those without any are left out. */
export async function readRefused(
  client: pg.ClientBase,
  datasets: readonly string[],
): Promise<Refused[]> {
  const { rows } = await client.query<Refused>(REFUSED, [datasets, ROW_CODES, COUNT_LIMIT + 1])
  return rows
}
