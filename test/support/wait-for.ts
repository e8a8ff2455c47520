import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 5

/**
 * Polls until `probe` returns something other than undefined or false, and returns it.
 * @throws after `timeoutMs`, naming what was waited for.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await probe()
    if (value !== undefined && value !== false) return value
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await delay(POLL_MS)
  }
}
