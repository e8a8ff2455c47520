import type { Taking } from '@hq-export/runtime/postgres/own-locks.ts'
import type pg from 'pg'
import { relayLocks } from '../session/lead.ts'

/** One process at a time executes backfills: the relay that leads, or a command where none does. */
const EXECUTION = 'backfill'

/** True while a process executes backfills, whoever asks. */
export function isExecuting(client: pg.ClientBase): Promise<boolean> {
  return relayLocks.isHeld(client, EXECUTION)
}

/**
 * Takes the lock unless another process has it; held until this session ends or {@link
 * releaseExecutionLock}.
 */
export function tryExecutionLock(client: pg.ClientBase): Promise<Taking> {
  return relayLocks.take(client, EXECUTION)
}

/** Gives the lock back before the session ends. */
export function releaseExecutionLock(client: pg.ClientBase, key: string): Promise<void> {
  return relayLocks.release(client, key)
}
