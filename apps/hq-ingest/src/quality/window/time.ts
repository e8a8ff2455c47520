export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
/** What is judged at a time: the longest micro-batch of the contract (Sync Cadence). */
export const WINDOW_MS = 15 * MINUTE_MS

/** The last begin of such a period, counted from the epoch, that is not after `time`. */
export function floorTo(time: number, periodMs: number): number {
  return Math.floor(time / periodMs) * periodMs
}

/** A day, such as 2026-03-01, from its begin. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}
