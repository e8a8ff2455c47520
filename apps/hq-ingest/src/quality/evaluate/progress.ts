import type pg from 'pg'
import type { Pending } from '../window/judge-window.ts'
import { DAY_MS, floorTo, HOUR_MS } from '../window/time.ts'

/** A dataset of a source. */
export interface Stream {
  readonly source: string
  readonly dataset: string
}

/** How far a stream was judged; milliseconds since the epoch. */
export interface Progress {
  readonly since: number
  readonly hoursThrough: number
  readonly judgedThrough: number
  readonly reportedThrough: number
  readonly pending: Pending
}

const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`

const READ = /* sql */ `
select ${ms('since')} as since, ${ms('hours_through')} as "hoursThrough",
       ${ms('judged_through')} as "judgedThrough",
       ${ms(`reported_through::timestamp at time zone 'UTC'`)} as "reportedThrough", pending
from ingest.quality_progress where source = $1 and dataset = $2`

const FIRST = /* sql */ `
select ${ms('pg_catalog.min(minute)')} as first
from ingest.minute where source = $1 and dataset = $2`

const BEGIN = /* sql */ `
insert into ingest.quality_progress
  (source, dataset, since, hours_through, judged_through, reported_through)
select $1, $2, begin, begin, begin, (begin at time zone 'UTC')::date
from (select pg_catalog.to_timestamp($3::float8 / 1000)) as b (begin)
on conflict do nothing`

/** Writes what became of the given parts of the progress. */
const WRITE = /* sql */ `
update ingest.quality_progress
set hours_through = coalesce(pg_catalog.to_timestamp($3::float8 / 1000), hours_through),
    judged_through = coalesce(pg_catalog.to_timestamp($4::float8 / 1000), judged_through),
    reported_through = coalesce(
      (pg_catalog.to_timestamp($5::float8 / 1000) at time zone 'UTC')::date, reported_through),
    pending = coalesce($6::jsonb, pending)
where source = $1 and dataset = $2`

async function find(
  client: pg.ClientBase,
  { source, dataset }: Stream,
): Promise<Progress | undefined> {
  const { rows } = await client.query<Progress>(READ, [source, dataset])
  return rows[0]
}

/** Reads how far a stream is; begins it with its first row. Undefined before that. */
export async function readProgress(
  client: pg.ClientBase,
  stream: Stream,
): Promise<Progress | undefined> {
  const found = await find(client, stream)
  if (found !== undefined) return found
  const { source, dataset } = stream
  const { rows } = await client.query<{ first: number | null }>(FIRST, [source, dataset])
  const first = rows[0]?.first ?? null
  if (first === null) return undefined
  await client.query(BEGIN, [source, dataset, floorTo(first, HOUR_MS)])
  return find(client, stream)
}

/** Moves it on. */
export async function writeProgress(
  client: pg.ClientBase,
  { source, dataset }: Stream,
  moved: Partial<Progress>,
): Promise<void> {
  const { hoursThrough = null, judgedThrough = null, reportedThrough = null } = moved
  const pending = moved.pending === undefined ? null : JSON.stringify(moved.pending)
  const day = reportedThrough === null ? null : floorTo(reportedThrough, DAY_MS)
  await client.query(WRITE, [source, dataset, hoursThrough, judgedThrough, day, pending])
}
