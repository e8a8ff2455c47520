import { mergeProfiles } from '@hq-export/hq-ingest/profile/merge-profiles.ts'
import type { Profile } from '@hq-export/hq-ingest/profile/profile.ts'
import { parseRecord } from '@hq-export/runtime/parse-record.ts'
import type pg from 'pg'
import { z } from 'zod'
import { PARTS, partsOf } from './parts.ts'
import type { Window } from './window.ts'

/** What the rows of a part of the window were like. */
export interface ProfilePoint {
  /** Begin of the part, seconds since the epoch. */
  readonly at: number
  readonly profile: Profile
}

const PROFILES = /* sql */ `
with ${PARTS}
select dataset, (pg_catalog.floor(extract(epoch from moment) / $4) * $4)::float8 as at, profile
from parts where $5::text is null or dataset = $5 order by 2`

/** What sums of profiles need; counts that are none are left out of them. */
const storedSchema = z.looseObject({
  first: z.string().nullish(),
  last: z.string().nullish(),
})

type Part = ProfilePoint & { readonly dataset: string }

async function readParts(
  client: pg.ClientBase,
  dataset: string | null,
  window: Window,
): Promise<Part[]> {
  const { rows } = await client.query<Part>(PROFILES, [
    ...(await partsOf(client, window)),
    window.bucketMinutes * 60,
    dataset,
  ])
  for (const { dataset: name, profile } of rows) {
    parseRecord(storedSchema, profile, {
      ...{ name: `what came of ${name}`, table: 'ingest.minute', column: 'profile' },
      where: `dataset = '${name}'`,
    })
  }
  return rows
}

function sumOf(parts: readonly Part[]): Profile {
  return mergeProfiles(parts.map(({ profile }) => profile))
}

/** Reads what the rows of a dataset were like, by time; parts without batches are left out. */
export async function readProfiles(
  client: pg.ClientBase,
  dataset: string,
  window: Window,
): Promise<ProfilePoint[]> {
  const points = Map.groupBy(await readParts(client, dataset, window), ({ at }) => at)
  return [...points].map(([at, parts]) => ({ at, profile: sumOf(parts) }))
}

/**
 * Reads what the rows of every dataset were like in a window; one that is longer than an hour is
 * of whole hours.
 */
export async function readSums(
  client: pg.ClientBase,
  window: Window,
): Promise<ReadonlyMap<string, Profile>> {
  const bucketMinutes = window.ms > 3_600_000 ? 60 : window.bucketMinutes
  const parts = await readParts(client, null, { ...window, bucketMinutes })
  const sums = Map.groupBy(parts, ({ dataset }) => dataset)
  return new Map([...sums].map(([dataset, own]) => [dataset, sumOf(own)]))
}
