/**
 * Where the two clocks may differ before the wall clock is believed again: it was set, or the
 * machine slept.
 */
const MAX_DRIFT_MS = 2

let offsetMs = performance.timeOrigin

/**
 * Milliseconds since the epoch, with microseconds behind the point. Spans take their times from
 * here, because the SDK's own start at a whole millisecond: what follows one another within one
 * would overlap, and a timeline of it could not be read.
 */
export function nowMs(): number {
  const elapsedMs = performance.now()
  const wallMs = Date.now()
  if (Math.abs(offsetMs + elapsedMs - wallMs) > MAX_DRIFT_MS) offsetMs = wallMs - elapsedMs
  return offsetMs + elapsedMs
}
