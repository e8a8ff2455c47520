import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { hasSqlstate, LOCK_NOT_AVAILABLE } from '../session/sqlstate.ts'
import type { Ack } from './ack.ts'
import { countCaptured, readCounted } from './count-captured.ts'
import { CURRENT_OUTBOX, OUTBOX_REGCLASSES, OUTBOX_TABLES } from './outbox-tables.ts'

/**
 * How often the outbox may turn: TRUNCATE stalls a standby's replay behind its readers, or cancels
 * them.
 */
export const ROTATION_PERIOD_MS = 30_000

/** Turns that empty every table. */
export const TURNS_TO_EMPTY = OUTBOX_TABLES.length
/** Bytes that may stay where nothing but heartbeats is written: some weeks of them. */
const RESTING_BYTES = 8 * 1024 * 1024

const IS_USED = OUTBOX_TABLES.map((table) => `exists (select from hq_export.outbox_${table})`)
const STATE = /* sql */ `
select ${CURRENT_OUTBOX} as current,
       array[${IS_USED.join(', ')}] as used`

const SIZE = /* sql */ `
select pg_catalog.sum(pg_catalog.pg_total_relation_size(t))::float8 as bytes
from pg_catalog.unnest(array[${OUTBOX_REGCLASSES}]) t`

const SWITCH = /* sql */ `select pg_catalog.setval('hq_export.current_outbox', $1)`

function truncateStatements(table: number) {
  return {
    lock: /* sql */ `lock table hq_export.outbox_${table} in access exclusive mode nowait`,
    // Under the lock nobody can be writing, so what a new statement sees is all there is, and a row
    // that is hidden from it is an error (SEES_ALL). What is not visible in a snapshot began after
    // it or was open then: look-ups in the index, which take no longer for a large table.
    unsettled: /* sql */ `
      select exists (select from hq_export.outbox_${table}
        where xid >= pg_catalog.pg_snapshot_xmax($1::pg_snapshot))
        or exists (
          select from pg_catalog.pg_snapshot_xip($1::pg_snapshot) x
          cross join lateral (select from hq_export.outbox_${table} o where o.xid = x limit 1) o
        ) as found`,
    truncate: /* sql */ `truncate hq_export.outbox_${table}`,
  }
}

/** True if the table is empty afterwards. */
async function truncateIfSettled(client: pg.ClientBase, table: number, ack: Ack): Promise<boolean> {
  const { lock, unsettled, truncate } = truncateStatements(table)
  await countCaptured(client)
  const counted = await readCounted(client)
  if (counted === undefined) return false
  try {
    return await transact(client, async () => {
      // The truncation need not wait for a synchronous standby: undone by a failover, it only
      // brings back settled rows.
      await client.query('set local synchronous_commit = local')
      await client.query(lock)
      for (const shown of [ack.acked, counted]) {
        const { rows } = await client.query<{ found: boolean }>(unsettled, [shown])
        if (rows[0]?.found !== false) return false
      }
      await client.query(truncate)
      return true
    })
  } catch (error) {
    // Somebody (pg_dump, a prepared transaction, a writer) holds the table. The next period tries
    // again.
    if (hasSqlstate(error, LOCK_NOT_AVAILABLE)) return false
    throw error
  }
}

/**
 * Turns the three outbox tables by one: empties the oldest and makes it the current one. The one
 * that was current stays as it is for a period, so that what was acked lately can be sent again
 * after a failover.
 *
 * A table is truncated only when every row in it is visible in `ack`, and counted as captured,
 * proven under ACCESS EXCLUSIVE; both were committed before. Never the current table, so no writer
 * waits. A writer that read the old number of the current table inserts there all the same; readers
 * look into all three.
 *
 * @returns true if the tables turned.
 */
export async function rotate(client: pg.ClientBase, ack: Ack): Promise<boolean> {
  const state = (await client.query<{ current: number; used: boolean[] }>(STATE)).rows[0]
  if (state === undefined) throw new Error('the outbox has a state')
  const { current, used } = state
  if (!used.includes(true)) return false

  const oldest = (current + 1) % OUTBOX_TABLES.length
  if (used[oldest] && !(await truncateIfSettled(client, oldest, ack))) return false
  await client.query(SWITCH, [oldest])
  return true
}

/** True where the outbox is worth turning, although nothing but heartbeats was written lately. */
export async function isLarge(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ bytes: number }>(SIZE)
  return (rows[0]?.bytes ?? 0) > RESTING_BYTES
}
