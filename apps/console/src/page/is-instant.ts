const INSTANT_PATTERN =
  /^(?!0000)(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)$/

/**
 * Whether text of an address is a moment (ISO 8601, with its offset) that PostgreSQL takes for one,
 * too: no 30th of February.
 */
export function isInstant(text: string): boolean {
  const [, local] = INSTANT_PATTERN.exec(text) ?? []
  const ms = local === undefined ? Number.NaN : Date.parse(`${local}Z`)
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 19) === local
}
