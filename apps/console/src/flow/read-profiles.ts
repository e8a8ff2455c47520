import { mergeProfiles } from '@hq-export/hq-ingest/profile/merge-profiles.ts'
import type { Profile } from '@hq-export/hq-ingest/profile/profile.ts'
import type pg from 'pg'
import { isByHour } from './read-rates.ts'
import type { Window } from './window.ts'

/** What the rows of a part of the window were like. */
export interface ProfilePoint {
  /** Begin of the part, seconds since the epoch. */
  readonly at: number
  readonly profile: Profile
}

// As in read-rates.ts; of one dataset, whatever its source.
const PROFILES = /* sql */ `
with parts (moment, profile) as (
  select hour, profile from ingest.quality_hour
  where $2 and hour >= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1)
    and dataset = $4
  union all
  select m.minute, m.profile
  from ingest.minute m
  left join ingest.quality_progress p on p.source = m.source and p.dataset = m.dataset
  where m.minute >= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1)
    and (not $2 or p.hours_through is null or m.minute >= p.hours_through)
    and m.dataset = $4
)
select (pg_catalog.floor(extract(epoch from moment) / $3) * $3)::float8 as at, profile
from parts order by 1`

/** Reads what the rows of a dataset were like, by time; parts without batches are left out. */
export async function readProfiles(
  client: pg.ClientBase,
  dataset: string,
  window: Window,
): Promise<ProfilePoint[]> {
  const { rows } = await client.query<ProfilePoint>(PROFILES, [
    ...[window.ms / 1_000, isByHour(window), window.bucketMinutes * 60, dataset],
  ])
  const parts = new Map<number, Profile[]>()
  for (const { at, profile } of rows) {
    const part = parts.get(at)
    if (part === undefined) parts.set(at, [profile])
    else part.push(profile)
  }
  return [...parts].map(([at, profiles]) => ({ at, profile: mergeProfiles(profiles) }))
}
