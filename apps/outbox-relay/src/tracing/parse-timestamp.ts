const ISO = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$/

/**
 * Milliseconds since the epoch with microseconds behind the point; undefined for what is no ISO
 * 8601 time. For spans: no value of a row.
 */
export function parseTimestamp(text: string): number | undefined {
  const match = ISO.exec(text)
  if (match === null) return undefined
  const [, seconds, fraction, zone] = match
  const ms = Date.parse(`${seconds}${zone}`)
  return Number.isNaN(ms) ? undefined : ms + Number(`0${fraction ?? ''}`) * 1000
}
