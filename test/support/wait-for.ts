import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 5
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
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await probe()
    if (value !== undefined && value !== false) return value
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await delay(POLL_MS)
  }
}
