import type pg from 'pg'
import type { Window } from './window.ts'

/** Whether whole hours are looked at, as far as they are over. */
export function isByHour({ bucketMinutes }: Window): boolean {
  return bucketMinutes >= 60
}

const FROM = 'pg_catalog.statement_timestamp() - pg_catalog.make_interval(secs => $1)'

/**
 * SQL: `parts (dataset, moment, profile)`, what came in a window, with the parameters of
 * {@link partsOf}. Hours are kept once they are over; what came since is still in minutes.
 *
 * The time is the statement's, for which an index can be asked: with a clock that goes on while it
 * is read, every minute of 400 days would be read.
 */
export const PARTS: string = /* sql */ `
parts (dataset, moment, profile) as (
  select dataset, hour, profile from ingest.quality_hour where $2 and hour >= ${FROM}
  union all
  select m.dataset, m.minute, m.profile
  from ingest.minute m
  left join ingest.quality_progress p on p.source = m.source and p.dataset = m.dataset
  where m.minute >= greatest(${FROM}, $3::timestamptz)
    and (not $2 or p.hours_through is null or m.minute >= p.hours_through)
)`

// A stream that is new has no hour; it gets its first within minutes.
const MINUTES_SINCE = /* sql */ `
select least(pg_catalog.min(hours_through), pg_catalog.statement_timestamp() - interval '2 hours')
  ::text as since
from ingest.quality_progress`

/** Seconds of the window, whether by hours, and since when minutes are looked at beside them. */
export async function partsOf(client: pg.ClientBase, window: Window): Promise<unknown[]> {
  if (!isByHour(window)) return [window.ms / 1_000, false, null]
  const { rows } = await client.query<{ since: string }>(MINUTES_SINCE)
  return [window.ms / 1_000, true, rows[0]?.since ?? null]
}
