import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'
import type { Profile } from '../../profile/profile.ts'
import { openSetCheckName } from '../checks/open-set.ts'
import type { Stream } from './progress.ts'

// Hours of an incident that nobody accepted do not count: what was new then is new still. What an
// accepted one names is known from then on.
const KNOWN = /* sql */ `
select v.value from pg_catalog.unnest($4::text[]) as v (value)
where exists (
  select from ingest.quality_hour h
  where h.source = $1 and h.dataset = $2
    and h.hour < pg_catalog.to_timestamp($5::float8 / 1000) - pg_catalog.make_interval(hours => 1)
    and h.profile -> 'values' -> $3 ? v.value
    and not exists (
      select from ingest.incident i
      where i.source = $1 and i.dataset = $2 and i.check_name = $6 and i.accepted_at is null
        and i.began_at < h.hour + pg_catalog.make_interval(hours => 1)
        and coalesce(i.closed_at, 'infinity') > h.hour)
) or exists (
  select from ingest.incident i
  where i.source = $1 and i.dataset = $2 and i.check_name = $6 and i.accepted_at is not null
    and i.evidence -> 'worst' @>
      pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('name', v.value))
)`

async function knownValues(
  client: pg.ClientBase,
  { source, dataset }: Stream,
  column: string,
  profiles: Iterable<Profile>,
  before: number,
): Promise<ReadonlySet<string>> {
  const values = new Set<string>()
  for (const profile of profiles) {
    for (const value of Object.keys(profile.values[column] ?? {})) values.add(value)
  }
  if (values.size === 0) return values
  const { rows } = await client.query<{ value: string }>(KNOWN, [
    ...[source, dataset, column, [...values], before, openSetCheckName(column)],
  ])
  return new Set(rows.map(({ value }) => value))
}

/**
 * Which of the values of its open sets that a window has were seen before, within the 400 days that
 * hours are kept; by column.
 * @param before hours that end by then, milliseconds since the epoch.
 */
export async function knownSets(
  client: pg.ClientBase,
  stream: Stream,
  { quality }: Dataset,
  profiles: readonly Profile[],
  before: number,
): Promise<Record<string, ReadonlySet<string>>> {
  const known: Record<string, ReadonlySet<string>> = {}
  for (const column of quality.openSets) {
    known[column] = await knownValues(client, stream, column, profiles, before)
  }
  return known
}
