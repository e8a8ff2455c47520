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
