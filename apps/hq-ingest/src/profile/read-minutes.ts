import type pg from 'pg'
import { mergeProfiles } from './merge-profiles.ts'
import type { Profile } from './profile.ts'

const MINUTE_MS = 60_000

/** Which minutes, and how many of them together. */
export interface MinutesFilter {
  readonly source?: string
  readonly dataset?: string
  /** Milliseconds since the epoch; the first minute, and the one behind the last. */
  readonly from: number
  readonly to: number
  /** Buckets begin at multiples of so many minutes since the epoch. */
  readonly bucketMinutes: number
}

/** What the rows of a source and dataset were like in some minutes. */
export interface MinuteBucket {
  readonly source: string
  readonly dataset: string
  /** Its begin, milliseconds since the epoch. */
  readonly from: number
  readonly profile: Profile
}

const MINUTES = /* sql */ `
select source, dataset, profile,
  (extract(epoch from minute) * 1000)::float8 as "minuteMs"
from ingest.minute
where minute >= pg_catalog.to_timestamp($1::float8 / 1000)
  and minute < pg_catalog.to_timestamp($2::float8 / 1000)
  and ($3::text is null or source = $3) and ($4::text is null or dataset = $4)
order by source, dataset, minute`

/**
 * Reads minutes, summed up over orgs and in buckets; buckets without batches are left out. In the
 * order of source, dataset and time.
 */
export async function* readMinutes(
  client: pg.ClientBase,
  { source, dataset, from, to, bucketMinutes }: MinutesFilter,
): AsyncGenerator<MinuteBucket> {
  const { rows } = await client.query<{
    source: string
    dataset: string
    profile: Profile
    minuteMs: number
  }>(MINUTES, [from, to, source ?? null, dataset ?? null])
  const bucketMs = bucketMinutes * MINUTE_MS
  let open: { source: string; dataset: string; from: number; profiles: Profile[] } | undefined
  for (const row of rows) {
    const begin = Math.floor(row.minuteMs / bucketMs) * bucketMs
    if (open?.source !== row.source || open.dataset !== row.dataset || open.from !== begin) {
      if (open !== undefined) yield bucketOf(open)
      open = { source: row.source, dataset: row.dataset, from: begin, profiles: [] }
    }
    open.profiles.push(row.profile)
  }
  if (open !== undefined) yield bucketOf(open)
}

function bucketOf({
  profiles,
  ...bucket
}: Omit<MinuteBucket, 'profile'> & { readonly profiles: readonly Profile[] }): MinuteBucket {
  return { ...bucket, profile: mergeProfiles(profiles) }
}
