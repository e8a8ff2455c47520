import type pg from 'pg'
import type { EventsOfRuns } from '../checks/event-continuity.ts'

/** Of each hour at most so many runs are looked at: 48,000 a day, however many there are. */
const RUNS_PER_HOUR = 2000

// Bounded: each hour's runs end with the limit, and each run is one look at the index of its events.
// A run of the source that is deleted there is none.
const READ = /* sql */ `
select pg_catalog.count(*)::int as runs,
       pg_catalog.count(*) filter (where e.last - e.first + 1 > e.events)::int as "withGaps",
       coalesce(pg_catalog.sum(e.last - e.first + 1 - e.events) filter (where e.events > 0), 0)::int
         as missing,
       pg_catalog.count(*) filter (where e.events = 0)::int as "withoutEvents"
from pg_catalog.generate_series(0, 23) as h (hour)
cross join lateral (
  select r.run_id from hq.dx_operation_runs_v1 r
  where r._dx_source = $1 and r._dx_deleted_at is null
    and r.created_at >= pg_catalog.to_timestamp($2::float8 / 1000)
      + pg_catalog.make_interval(hours => h.hour)
    and r.created_at < pg_catalog.to_timestamp($2::float8 / 1000)
      + pg_catalog.make_interval(hours => h.hour + 1)
  limit ${RUNS_PER_HOUR}
) as run
cross join lateral (
  select pg_catalog.count(*) as events, pg_catalog.min(o.event_sequence) as first,
         pg_catalog.max(o.event_sequence) as last
  from hq.dx_operation_events_v1 o where o.run_id = run.run_id
) as e`

/**
 * Reads what the events of a day's runs are like: of the first 2,000 runs that HQ finds of each
 * hour.
 * @param day its begin, milliseconds since the epoch.
 */
export async function readEventsOfRuns(
  client: pg.ClientBase,
  source: string,
  day: number,
): Promise<EventsOfRuns> {
  const { rows } = await client.query<EventsOfRuns>(READ, [source, day])
  return rows[0] ?? { runs: 0, withGaps: 0, missing: 0, withoutEvents: 0 }
}
