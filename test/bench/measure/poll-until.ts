import { setTimeout as delay } from 'node:timers/promises'

/** A bounded wait. */
export interface Poll<T> {
  /** Completes "waited N s for ...". */
  readonly what: string
  readonly everyMs: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** The awaited value, or undefined while it is not there. What it throws ends the wait. */
  readonly probe: () => Promise<T | undefined>
}

/**
 * Asks until there is an answer.
 * @throws after `timeoutMs`, naming what was waited for; the signal's reason when it is aborted.
 */
export async function pollUntil<T>(poll: Poll<T>): Promise<T> {
  const deadline = performance.now() + poll.timeoutMs
  for (;;) {
    poll.signal.throwIfAborted()
    const value = await poll.probe()
    if (value !== undefined) return value
    if (performance.now() > deadline) {
      throw new Error(`waited ${Math.round(poll.timeoutMs / 1000)} s for ${poll.what}`)
    }
    await delay(poll.everyMs)
  }
}
