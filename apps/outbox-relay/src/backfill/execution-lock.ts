import type pg from 'pg'
import { isAdvisoryLocked } from '../lead.ts'

/** One process at a time executes backfills: the relay that leads, or a command where none does. Spells `hqbackfi`. */
const EXECUTION_LOCK = '7525904622732142185'

// The form that does not wait, as for the lead: a waiter would hold back vacuum.
const TRY_LOCK = /* sql */ `select pg_catalog.pg_try_advisory_lock($1::bigint) as locked`

/** True while a process executes backfills, whoever asks. */
export async function isExecuting(client: pg.ClientBase): Promise<boolean> {
  return isAdvisoryLocked(client, EXECUTION_LOCK)
}

/** Takes the lock if it is free; held until this session ends or {@link releaseExecutionLock}. */
export async function tryExecutionLock(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(TRY_LOCK, [EXECUTION_LOCK])
  return rows[0]?.locked ?? false
}

/** Gives the lock back before the session ends. */
export async function releaseExecutionLock(client: pg.ClientBase): Promise<void> {
  await client.query('select pg_catalog.pg_advisory_unlock($1::bigint)', [EXECUTION_LOCK])
}
