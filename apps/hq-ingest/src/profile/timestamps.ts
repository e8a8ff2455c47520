/*
 * Timestamps as texts, as PostgreSQL writes them in JSON: `2026-02-16T05:30:00.1234+00:00`. In UTC,
 * with four digits of a year, they are in order as texts are: `+` stands before `.` and the digits.
 */

const UTC = '+00:00'
const YEAR_END = 4

function isPlain(text: string): boolean {
  return text.endsWith(UTC) && text.charAt(YEAR_END) === '-'
}

/** Compares two timestamps of the contract's form, in UTC by the microsecond, else by the millisecond. */
export function compareTimestamps(a: string, b: string): number {
  if (isPlain(a) && isPlain(b)) return a < b ? -1 : a > b ? 1 : 0
  return Date.parse(a) - Date.parse(b)
}

/** The instant in that form. @param ms since the epoch. */
export function timestampOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}${UTC}`
}

const FRACTION = /\.(\d+)/
const TRAILING_ZEROS = /\.0*$|0+$/
const FRACTION_DIGITS = 6

/** @param fraction digits of a second. */
function timestampAt(secondsMs: number, fraction: string): string {
  const seconds = new Date(secondsMs).toISOString().slice(0, -'.000Z'.length)
  return `${seconds}${`.${fraction}`.replace(TRAILING_ZEROS, '')}${UTC}`
}

/** The same instant as PostgreSQL writes it in JSON, in UTC. */
export function inUtc(text: string): string {
  if (isPlain(text) && !text.includes('.')) return text
  const fraction = FRACTION.exec(text)?.[1] ?? ''
  return timestampAt(Date.parse(text.replace(FRACTION, '')), fraction)
}

const US_PER_SECOND = 1_000_000n
/** From 1970 to 2000, where PostgreSQL's time begins. */
const SECONDS_BEFORE_2000 = 946_684_800n

/** The instant in that form. @param us since 2000, as PostgreSQL keeps it. */
export function timestampOfUs(us: bigint): string {
  const fraction = ((us % US_PER_SECOND) + US_PER_SECOND) % US_PER_SECOND
  const seconds = (us - fraction) / US_PER_SECOND + SECONDS_BEFORE_2000
  return timestampAt(Number(seconds) * 1000, String(fraction).padStart(FRACTION_DIGITS, '0'))
}
