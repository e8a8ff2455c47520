import type pg from 'pg'
import { WrongResultError } from '../scenario.ts'

const TABLES = ['hq_export.outbox_0', 'hq_export.outbox_1', 'hq_export.outbox_2']

const WAITING = /* sql */ `
select count(*)::int as rows, count(sqlstate)::int as failed,
  avg(octet_length(body))::float8 as bytes
from (${TABLES.map((table) => `select body, sqlstate from ${table}`).join(' union all ')}) o`

const NEXT_XID = /* sql */ `select pg_catalog.pg_current_xact_id()::text as xid`

const IS_ACKED = /* sql */ `
select pg_catalog.pg_visible_in_snapshot($1::xid8, acked) as acked
from hq_export.ack order by id desc limit 1`

const SIZE = /* sql */ `
select (select count(*)::int from (
         ${TABLES.map((table) => `select from ${table} where dataset <> 0`).join(' union all ')}
       ) o) as rows,
       (select sum(pg_catalog.pg_total_relation_size(name::regclass))::float8
        from unnest($1::text[]) name) as bytes,
       (select coalesce(sum(n_dead_tup), 0)::int from pg_catalog.pg_stat_user_tables
        where schemaname = 'hq_export') as dead`

/** Empties outbox and dead letters; no relay may run. */
export async function emptyOutbox(dx: pg.ClientBase): Promise<void> {
  await dx.query(`truncate ${TABLES.join(', ')}, hq_export.dead_letter`)
}

/**
 * Every row waits and was captured as it should be.
 * @returns the average size of a body in bytes.
 * @throws {WrongResultError} otherwise.
 */
export async function assertWaiting(dx: pg.ClientBase, expected: number): Promise<number> {
  const { rows } = await dx.query<{ rows: number; failed: number; bytes: number }>(WAITING)
  const [outbox] = rows
  if (outbox?.rows !== expected || outbox.failed > 0) {
    throw new WrongResultError(
      `the outbox has ${outbox?.rows} of ${expected} rows, ${outbox?.failed} of them raw`,
    )
  }
  return outbox.bytes
}

/** Average size of the bodies that are kept, in bytes; 0 where there are none. */
export async function averageBodyBytes(dx: pg.ClientBase): Promise<number> {
  const { rows } = await dx.query<{ bytes: number | null }>(WAITING)
  return rows[0]?.bytes ?? 0
}

/**
 * A transaction after everything that has been committed so far: once it is acked, all of that is
 * settled.
 */
export async function markEnd(dx: pg.ClientBase): Promise<string> {
  const { rows } = await dx.query<{ xid: string }>(NEXT_XID)
  return rows[0]?.xid ?? ''
}

/** True once the relay has acked a snapshot that shows this transaction. */
export async function isAcked(dx: pg.ClientBase, xid: string): Promise<boolean> {
  const { rows } = await dx.query<{ acked: boolean }>({
    name: 'acked',
    text: IS_ACKED,
    values: [xid],
  })
  return rows[0]?.acked ?? false
}

/**
 * Rows of the three tables, without heartbeats, their bytes with index and TOAST, and dead tuples
 * in the whole schema.
 */
export async function outboxSize(
  dx: pg.ClientBase,
): Promise<{ rows: number; bytes: number; dead: number }> {
  const { rows } = await dx.query<{ rows: number; bytes: number; dead: number }>(SIZE, [TABLES])
  const [size] = rows
  if (size === undefined) throw new Error('the outbox has a size')
  return size
}
