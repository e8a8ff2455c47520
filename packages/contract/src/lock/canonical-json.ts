import { hash } from 'node:crypto'

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]))
}

/**
 * JSON of which there is one text only: names sorted by code unit, indented by two spaces, a line
 * break at its end.
 */
export function canonicalJson(value: unknown): string {
  return `${JSON.stringify(sorted(value), null, 2)}\n`
}

/** SHA-256 of {@link canonicalJson}, in hexadecimal digits. */
export function sha256Of(value: unknown): string {
  return hash('sha256', canonicalJson(value))
}
