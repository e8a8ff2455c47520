import type pg from 'pg'
import { PARTS, partsOf } from './parts.ts'
import type { Window } from './window.ts'

/** Rows that came in a part of the window. */
export interface RatePoint {
  readonly dataset: string
  /** Begin of the part, seconds since the epoch. */
  readonly at: number
  readonly rows: number
}

/** Rows of all datasets by time, and what it takes to make rates of them. */
export interface Rates {
  readonly points: readonly RatePoint[]
  /** Begin of the first and of the last part, by HQ's clock. */
  readonly first: number
  readonly last: number
  /** Seconds of the last part that are summed up. */
  readonly lastSeconds: number
  readonly bucketSeconds: number
}

// Only a number is taken of each profile.
const SUMMED = /* sql */ `
with ${PARTS}
select dataset, (pg_catalog.floor(extract(epoch from moment) / $4) * $4)::float8 as at,
  pg_catalog.sum((profile ->> 'rows')::float8)::float8 as rows
from parts
group by 1, 2 order by 1, 2`

const CLOCK = /* sql */ `
select extract(epoch from rolled_at)::float8 as rolled,
  extract(epoch from pg_catalog.clock_timestamp())::float8 as now
from ingest.roll_up`

/** Reads how many rows came, whatever became of them. */
export async function readRates(client: pg.ClientBase, window: Window): Promise<Rates> {
  const bucketSeconds = window.bucketMinutes * 60
  const { rows: points } = await client.query<RatePoint>(SUMMED, [
    ...(await partsOf(client, window)),
    bucketSeconds,
  ])
  const [clock] = (await client.query<{ rolled: number; now: number }>(CLOCK)).rows
  const now = clock?.now ?? 0
  const floor = (time: number) => Math.floor(time / bucketSeconds) * bucketSeconds
  const last = floor(clock?.rolled ?? now)
  return {
    points,
    first: floor(now - window.ms / 1_000) + bucketSeconds,
    last,
    lastSeconds: Math.max(1, Math.min(bucketSeconds, (clock?.rolled ?? now) - last)),
    bucketSeconds,
  }
}

/**
 * Rows per second of a dataset, the oldest first: undefined before its first rows, and zero where
 * none came since.
 */
export function rateSeries(rates: Rates, dataset: string): (number | undefined)[] {
  const { first, last, bucketSeconds, lastSeconds } = rates
  const own = new Map(
    rates.points.filter((point) => point.dataset === dataset).map(({ at, rows }) => [at, rows]),
  )
  const since = Math.min(...own.keys())
  const series: (number | undefined)[] = []
  for (let at = first; at <= last; at += bucketSeconds) {
    const seconds = at === last ? lastSeconds : bucketSeconds
    series.push(at < since ? undefined : (own.get(at) ?? 0) / seconds)
  }
  return series
}
