import type pg from 'pg'

/** What of the settle list is not exported yet. */
export interface Pending {
  readonly keys: number
  /** Until the first key is due, by the server's clock; negative once it is. Null where nothing is pending. */
  readonly dueInMs: number | null
  /** Moment up to which one step exports: now, or earlier, so that a step stays bounded. Text, of microseconds. */
  readonly dueBefore: string
  /** Age of the newest mark. */
  readonly markAgeMs: number
}

/** A key is settled when the newest mark saw it and it was due. Without a mark of this server, every key is pending. */
export const IS_SETTLED = /* sql */ `(p.due_at <= m.due_before and pg_catalog.pg_visible_in_snapshot(p.xid, m.seen))`

// Both tables whole: they hold what came within the delay and two periods of rotation. The clock last, after the snapshot: what
// is due by it and visible was so in this statement.
const READ_PENDING = /* sql */ `
with pending as materialized (
  select p.due_at
  from (select m.due_before, m.seen from hq_export.settled m order by m.id desc limit 1) m
  cross join hq_export.settle p
  where not ${IS_SETTLED}
), bound as (
  select least(pg_catalog.clock_timestamp(),
    (select max(b.due_at) from (select due_at from pending order by due_at limit $1) b
     where (select count(*) from pending) > $1)) as due_before
)
select (select count(*)::int from pending) as keys,
  (select extract(epoch from min(due_at) - pg_catalog.clock_timestamp())::float8 * 1000 from pending) as "dueInMs",
  bound.due_before::text as "dueBefore",
  coalesce((select extract(epoch from pg_catalog.clock_timestamp() - m.due_before)::float8 * 1000
    from hq_export.settled m order by m.id desc limit 1), 0) as "markAgeMs"
from bound`

/** Looks at the settle list. @param maxKeys how many keys one step may export, but for keys due at the same moment. */
export async function readPending(client: pg.ClientBase, maxKeys: number): Promise<Pending> {
  const { rows } = await client.query<Pending>({
    name: 'settle-pending',
    text: READ_PENDING,
    values: [maxKeys],
  })
  const [pending] = rows
  if (pending === undefined) throw new Error('the settle list has a state')
  return pending
}
