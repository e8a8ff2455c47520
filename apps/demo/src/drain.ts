import type pg from 'pg'
import type { DemoContext } from './demo-context.ts'
import { waitUntilDrained } from './wait-until-drained.ts'

/** After the workload of a run that is to be judged. */
const DRAIN_TIMEOUT_MS = 60_000
/**
 * After Ctrl-C: what is not delivered by then waits in the outbox, which a given database keeps.
 */
const STOP_DRAIN_TIMEOUT_MS = 10_000

/**
 * Waits until HQ has decided every row, and says how long it took or what is left.
 * @param failing aborted when an app has failed.
 * @returns true if nothing waits any more.
 */
export async function drain(
  { say, warn, stopping, aborting }: DemoContext,
  monitor: pg.ClientBase,
  failing: AbortSignal,
): Promise<boolean> {
  const wasStopped = stopping.aborted
  const timeoutMs = wasStopped ? STOP_DRAIN_TIMEOUT_MS : DRAIN_TIMEOUT_MS
  const giveUp = AbortSignal.any([aborting, failing, ...(wasStopped ? [] : [stopping])])
  const beganAt = performance.now()
  const { waitingRows, deadLetters } = await waitUntilDrained(monitor, timeoutMs, giveUp)
  failing.throwIfAborted()
  const seconds = ((performance.now() - beganAt) / 1000).toFixed(2)
  if (waitingRows === 0) say(`delivered everything ${seconds} s later`)
  else warn(`${waitingRows.toLocaleString('en-US')} rows still wait for HQ after ${seconds} s`)
  if (deadLetters > 0) {
    warn(`HQ refused ${deadLetters} rows; see: npm run relay -- dead-letters list`)
  }
  return waitingRows === 0
}
