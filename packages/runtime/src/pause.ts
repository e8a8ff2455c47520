import { setTimeout as delay } from 'node:timers/promises'

/** Waits, and ends early, without an error, when `signal` is aborted: its user asks it then. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {}) // it rejects for the signal alone
}
