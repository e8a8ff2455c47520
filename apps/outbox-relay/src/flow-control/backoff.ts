/** First ceiling of the exponential backoff. */
const BASE_MS = 100
/**
 * Last ceiling: an HQ that comes back is noticed within ten seconds, and one request in ten seconds
 * burdens nobody.
 */
const CAP_MS = 10_000
/**
 * Longest wait that HQ may ask for: who is wrong by the unit or by the clock must not park the
 * relay for a day.
 */
export const MAX_WAIT_MS = 5 * 60_000

/**
 * Milliseconds to wait before attempt `attempt + 1`: exponential with full jitter, and never less
 * than HQ asked for.
 *
 * @param attempt attempts made so far, from 1.
 * @param retryAfterMs what `Retry-After` said, where it said something.
 * @param random uniform in [0, 1).
 */
export function backoffMs(
  attempt: number,
  retryAfterMs: number | undefined,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt - 1, 20))
  return Math.max(retryAfterMs ?? 0, Math.floor(random() * ceiling))
}

// IMF-fixdate or one of its two older forms: all of them begin with the day of the week.
const HTTP_DATE_PATTERN = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/

/**
 * Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or an HTTP date.
 * @returns milliseconds from `nowMs`, {@link MAX_WAIT_MS} at most; undefined where there is none or
 * it cannot be read.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  if (/^\d+$/.test(text)) return Math.min(MAX_WAIT_MS, Number(text) * 1000)
  const at = HTTP_DATE_PATTERN.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.min(MAX_WAIT_MS, Math.max(0, at - nowMs))
}
