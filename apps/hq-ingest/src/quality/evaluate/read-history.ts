import type pg from 'pg'
import type { HourProfile, PastIncident } from '../window/history.ts'
import { DAY_MS, floorTo } from '../window/time.ts'
import type { Stream } from './progress.ts'

/** As far back as anything is usual, and the day that is judged. */
const READ_DAYS = 29

const HOURS = /* sql */ `
select (extract(epoch from hour) * 1000)::float8 as hour, profile
from ingest.quality_hour
where source = $1 and dataset = $2
  and hour >= pg_catalog.to_timestamp($3::float8 / 1000)
  and hour < pg_catalog.to_timestamp($4::float8 / 1000)
order by hour`

// Of those that are over, only what touches these days; an accepted one says where the usual begins.
const INCIDENTS = /* sql */ `
select check_name as check, (extract(epoch from began_at) * 1000)::float8 as "beganAt",
       (extract(epoch from closed_at) * 1000)::float8 as "closedAt",
       accepted_at is not null as "isAccepted"
from ingest.incident
where source = $1 and dataset = $2
  and (accepted_at is not null or closed_at is null
    or closed_at >= pg_catalog.to_timestamp($3::float8 / 1000))`

/** Where to read from for what is judged from `begin` on. */
function oldest(begin: number): number {
  return floorTo(begin, DAY_MS) - READ_DAYS * DAY_MS
}

/**
 * Reads the hours of a stream that are usual to what is judged, and those up to `end` themselves.
 * @param begin of what is judged, milliseconds since the epoch.
 */
export async function readHours(
  client: pg.ClientBase,
  { source, dataset }: Stream,
  begin: number,
  end: number,
): Promise<HourProfile[]> {
  const { rows } = await client.query<HourProfile>(HOURS, [source, dataset, oldest(begin), end])
  return rows
}

/** Reads the incidents of a stream that say what of these hours was not usual. */
export async function readIncidents(
  client: pg.ClientBase,
  { source, dataset }: Stream,
  begin: number,
): Promise<PastIncident[]> {
  const { rows } = await client.query<
    Omit<PastIncident, 'closedAt'> & { readonly closedAt: number | null }
  >(INCIDENTS, [source, dataset, oldest(begin)])
  return rows.map(({ closedAt, ...incident }) => {
    return { ...incident, closedAt: closedAt ?? Number.POSITIVE_INFINITY }
  })
}
