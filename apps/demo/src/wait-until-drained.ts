import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { type Progress, readProgress } from './read-progress.ts'

const POLL_MS = 50

/**
 * Waits until the relay has settled everything in the outbox. The workload must have ended.
 * @param giveUp ends the wait early.
 * @returns the last progress; `waitingRows` is above 0 where it took longer than `timeoutMs`.
 */
export async function waitUntilDrained(
  client: pg.ClientBase,
  timeoutMs: number,
  giveUp: AbortSignal,
): Promise<Progress> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const progress = await readProgress(client)
    if (progress.waitingRows === 0 || giveUp.aborted || performance.now() > deadline) {
      return progress
    }
    await delay(POLL_MS)
  }
}
