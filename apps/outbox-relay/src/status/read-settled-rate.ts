import type pg from 'pg'
import { selectUnseen } from '../outbox/outbox-tables.ts'

/**
 * Over how long the rate is taken. Outbox tables are emptied no sooner than this after they were
 * current.
 */
const PERIOD_S = 30

/** How fast rows have been settled lately. */
export interface SettledRate {
  readonly rows: number
  /** Time over which they were: about 30 s, less after a start. */
  readonly seconds: number
}

// The newest ack, and the newest that is a period old, or the oldest there is of this life of the
// server.
const ACKS = /* sql */ `
with newest as (
  select a.id, a.epoch, a.acked from hq_export.ack a order by a.id desc limit 1
)
select n.acked::text as to, b.acked::text as from,
       extract(epoch from pg_catalog.clock_timestamp() - b.acked_at)::float8 as age_s
from newest n
join hq_export.ack b on b.epoch = n.epoch
order by (b.acked_at <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1)) desc,
         case when b.acked_at <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1)
           then b.id else -b.id end desc
limit 1`

const SETTLED = /* sql */ `
select count(*)::int as rows
from (
  ${selectUnseen('$1', 'xid')}
) o
where pg_catalog.pg_visible_in_snapshot(xid, $2::pg_snapshot)`

/**
 * Counts the rows between two acks. A row counts when the window that holds it was acked as a
 * whole, so while a large window is under way the rate lags behind; rows that were rotated out
 * meanwhile are missing, so it is never too high.
 * @returns undefined where nothing was ever acked.
 */
export async function readSettledRate(client: pg.ClientBase): Promise<SettledRate | undefined> {
  const acks = (await client.query<{ to: string; from: string; age_s: number }>(ACKS, [PERIOD_S]))
    .rows[0]
  if (acks === undefined) return undefined
  const { rows } = await client.query<{ rows: number }>(SETTLED, [acks.from, acks.to])
  return { rows: rows[0]?.rows ?? 0, seconds: Math.min(PERIOD_S, acks.age_s) }
}
