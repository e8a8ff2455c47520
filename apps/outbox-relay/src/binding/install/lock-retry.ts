import { setTimeout as delay } from 'node:timers/promises'
import { DEADLOCK_DETECTED, hasSqlstate, LOCK_NOT_AVAILABLE } from '../../session/sqlstate.ts'
import { LockRefusedError } from './lock-relations.ts'

const LOCK_WAIT_MS = 2000
const ATTEMPTS = 30
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

/** How patiently to change the triggers of a busy database. */
export interface LockRetry {
  /** How long writers of a table may queue behind us per attempt; default 2000. */
  readonly lockWaitMs?: number
  /** Attempts before giving up; default 30, a few minutes in all. */
  readonly attempts?: number
  /** Waits between attempts; tests pass their own. */
  readonly sleep?: (ms: number) => Promise<unknown>
}

/** How one attempt locks. */
export interface LockAttempt {
  /**
   * How long the first lock may be waited for; all writers of that table queue behind us meanwhile.
   */
  readonly lockWaitMs: number
  /** Relation to lock first: the one that refused last time. */
  readonly lockFirst?: string
}

/** Full jitter: writers that were held up are not held up again in the same beat. */
function pauseMs(attempt: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)
  return FIRST_PAUSE_MS + Math.random() * longest
}

/** Somebody else works on a bound table, or reads a view of ours. */
export function isBusy(error: unknown): boolean {
  if (error instanceof LockRefusedError) return true
  return hasSqlstate(error, LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED)
}

/**
 * Makes attempts at a transaction that locks tables of the application, until one gets its locks.
 * @throws what the last one threw.
 */
export async function retryWithLockTimeout(
  { lockWaitMs = LOCK_WAIT_MS, attempts = ATTEMPTS, sleep = delay }: LockRetry,
  attemptOnce: (locking: LockAttempt) => Promise<void>,
): Promise<void> {
  let lockFirst: string | undefined
  for (let attempt = 1; ; attempt++) {
    try {
      await attemptOnce({ lockWaitMs, ...(lockFirst === undefined ? {} : { lockFirst }) })
      return
    } catch (error) {
      if (!isBusy(error) || attempt >= attempts) throw error
      if (error instanceof LockRefusedError) lockFirst = error.relation
    }
    await sleep(pauseMs(attempt))
  }
}
