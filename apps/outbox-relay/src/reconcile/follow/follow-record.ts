import type pg from 'pg'
import { NOTHING_SEEN, outboxSchema, type Seen } from './look.ts'

/** What became of keys since the numbers were written last. */
export interface FollowCounts {
  /** Keys that were compared. */
  readonly compared: number
  /** Those of them that differ. */
  readonly found: number
  /** Keys that were not compared: too many, or on their way all the while. */
  readonly leftOut: number
  /** Rows that were truncated before they were seen, at most. */
  readonly missed: number
}

export const NO_COUNTS: FollowCounts = { compared: 0, found: 0, leftOut: 0, missed: 0 }

/** The sum of two. */
export function addCounts(a: FollowCounts, b: Partial<FollowCounts>): FollowCounts {
  return {
    compared: a.compared + (b.compared ?? 0),
    found: a.found + (b.found ?? 0),
    leftOut: a.leftOut + (b.leftOut ?? 0),
    missed: a.missed + (b.missed ?? 0),
  }
}

const READ = /* sql */ `
select f.seen::text as snapshot, f.outbox from hq_export.follow f where f.epoch = $1`

// One row, of whoever leads. Two at once would only compare some keys twice. After a day the
// numbers begin anew, so that they say how it is and not how it once was.
const IS_RECENT = `f.period_began > pg_catalog.clock_timestamp() - interval '1 day'`
const COUNTS = ['keys_compared', 'keys_found', 'keys_left_out', 'rows_missed'].map(
  (name) => `${name} = excluded.${name} + case when ${IS_RECENT} then f.${name} else 0 end`,
)
const SAVE = /* sql */ `
insert into hq_export.follow as f
  (epoch, seen, outbox, keys_compared, keys_found, keys_left_out, rows_missed)
values ($1, $2::pg_snapshot, $3::jsonb, $4, $5, $6, $7)
on conflict (one) do update
set epoch = excluded.epoch, seen = excluded.seen, outbox = excluded.outbox,
    looked_at = pg_catalog.clock_timestamp(), ${COUNTS.join(',\n    ')},
    period_began = case when ${IS_RECENT} then f.period_began else pg_catalog.clock_timestamp() end`

/** How far the looks of this life of the server have come. */
export async function readSeen(client: pg.ClientBase, epoch: string): Promise<Seen> {
  const { rows } = await client.query<{ snapshot: string; outbox: unknown }>(READ, [epoch])
  const [row] = rows
  if (row === undefined) return NOTHING_SEEN
  return { snapshot: row.snapshot, outbox: outboxSchema.parse(row.outbox) }
}

/** Records how far they have come, and adds the counts. */
export async function saveSeen(
  client: pg.ClientBase,
  epoch: string,
  { snapshot, outbox }: Seen,
  { compared, found, leftOut, missed }: FollowCounts,
): Promise<void> {
  await client.query(SAVE, [
    epoch,
    snapshot,
    JSON.stringify(outbox),
    compared,
    found,
    leftOut,
    missed,
  ])
}
