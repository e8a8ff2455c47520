import { HEARTBEAT_DATASET } from '@hq-export/contract'
import type pg from 'pg'

/** Heartbeats come every 30 s; so many may be late. */
const HEARD_MINUTES = 5
/** A source that is silent for longer is one no more. */
const GONE_DAYS = 7

const HEARD = /* sql */ `
select exists (
  select from ingest.batch
  where source = $1 and dataset = '${HEARTBEAT_DATASET}'
    and received_at < pg_catalog.to_timestamp($2::float8 / 1000)
    and received_at >= pg_catalog.to_timestamp($2::float8 / 1000)
      - pg_catalog.make_interval(mins => ${HEARD_MINUTES})
) as heard`

const SILENT = /* sql */ `
select (extract(epoch from pg_catalog.to_timestamp($2::float8 / 1000)
  - least(source_ts, received_at)))::float8 as seconds
from ingest.heartbeat
where source = $1 and received_at >= pg_catalog.to_timestamp($2::float8 / 1000)
  - pg_catalog.make_interval(days => ${GONE_DAYS})`

/** True where a heartbeat came at the end of a window: the way was open. */
export async function wasHeard(
  client: pg.ClientBase,
  source: string,
  end: number,
): Promise<boolean> {
  const { rows } = await client.query<{ heard: boolean }>(HEARD, [source, end])
  return rows[0]?.heard === true
}

/** Seconds since the newest heartbeat was written; undefined where none came for a week. */
export async function secondsSilent(
  client: pg.ClientBase,
  source: string,
  now: number,
): Promise<number | undefined> {
  const { rows } = await client.query<{ seconds: number }>(SILENT, [source, now])
  const seconds = rows[0]?.seconds
  return seconds === undefined ? undefined : Math.max(0, seconds)
}
