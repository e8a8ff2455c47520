import { setTimeout as delay } from 'node:timers/promises'

const MIN_POLL_MS = 5
const MAX_POLL_MS = 50
/**
 * The longer it took so far, the longer until the next look: a wait is prolonged by a tenth at
 * most, and one that takes a second does not ask two hundred times.
 */
const POLLS_PER_WAIT = 10
/**
 * Many times what anything takes: a machine that is busy must not fail a test. Whoever promises a
 * time measures it.
 */
const PATIENCE_MS = 45_000

/**
 * Polls until `probe` returns something other than undefined or false, and returns it.
 * @throws after `timeoutMs`, naming what was waited for.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = PATIENCE_MS,
): Promise<T> {
  const begin = performance.now()
  for (;;) {
    const value = await probe()
    if (value !== undefined && value !== false) return value
    const waitedMs = performance.now() - begin
    if (waitedMs > timeoutMs) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await delay(Math.min(MAX_POLL_MS, Math.max(MIN_POLL_MS, waitedMs / POLLS_PER_WAIT)))
  }
}
