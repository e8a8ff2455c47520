import type pg from 'pg'
import { HOUR_MS } from '../window/time.ts'
import { digestWeek, WEEK_MS, weekOf } from './week-digest.ts'

/** The reports of its last day come a little later. */
const AFTER_MS = 2 * HOUR_MS

const IS_KEPT = /* sql */ `
select exists (
  select from ingest.quality_digest
  where source = $1 and week = (pg_catalog.to_timestamp($2::float8 / 1000) at time zone 'UTC')::date
) as kept`

const KEEP = /* sql */ `
insert into ingest.quality_digest (source, week, digest) values ($1, $2, $3)
on conflict (source, week) do nothing`

/**
 * Keeps the digest of the last week that is over, of every source. Weeks in which nobody looked are
 * not made up for.
 * @param through minutes before it are final, milliseconds since the epoch.
 * @returns the sources of which one is new.
 */
export async function keepDigests(
  client: pg.ClientBase,
  sources: readonly string[],
  through: number,
): Promise<void> {
  const week = weekOf(through - AFTER_MS) - WEEK_MS
  for (const source of sources) {
    const { rows } = await client.query<{ kept: boolean }>(IS_KEPT, [source, week])
    if (rows[0]?.kept === true) continue
    const digest = await digestWeek(client, source, week)
    await client.query(KEEP, [source, digest.week, JSON.stringify(digest)])
  }
}
