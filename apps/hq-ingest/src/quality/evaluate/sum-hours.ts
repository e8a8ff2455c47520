import type pg from 'pg'
import { readMinutes } from '../../profile/read-minutes.ts'
import { DAY_MS, floorTo, HOUR_MS } from '../window/time.ts'
import { type Progress, type Stream, writeProgress } from './progress.ts'

/** Read at a time, so that no result grows with the time that nobody looked. */
const CHUNK_MS = 7 * DAY_MS

// A pass that died before it had noted how far it was writes the same sum again.
const KEEP = /* sql */ `
insert into ingest.quality_hour (source, dataset, hour, profile)
values ($1, $2, pg_catalog.to_timestamp($3::float8 / 1000), $4)
on conflict (source, dataset, hour) do nothing`

/**
 * Sums up the whole hours of a stream that are final.
 * @param through minutes before it are final.
 */
export async function sumHours(
  client: pg.ClientBase,
  stream: Stream,
  { hoursThrough }: Progress,
  through: number,
): Promise<void> {
  const end = floorTo(through, HOUR_MS)
  for (let from = hoursThrough; from < end; from += CHUNK_MS) {
    const to = Math.min(from + CHUNK_MS, end)
    for await (const hour of readMinutes(client, { ...stream, from, to, bucketMinutes: 60 })) {
      const { source, dataset } = stream
      await client.query(KEEP, [source, dataset, hour.from, JSON.stringify(hour.profile)])
    }
    await writeProgress(client, stream, { hoursThrough: to })
  }
}
