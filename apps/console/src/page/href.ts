/** Parameters of a page's address; those without a value are left out. */
export type Query = Readonly<Record<string, string | number | bigint | undefined>>

/** `.` and `..` mean other places however they are escaped, so they are escaped twice. */
function escapePart(part: string): string {
  const named = /^\.{1,2}$/.test(part) ? part.replaceAll('.', '%2E') : part
  return encodeURIComponent(named.toWellFormed())
}

/**
 * A link within the console: a path whose parts may be text of others, and parameters.
 * @param parts of the path; each is escaped, so that none can leave its place.
 */
export function href(parts: readonly string[], query: Query = {}): string {
  const path = `/${parts.map(escapePart).join('/')}`
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  const search = new URLSearchParams(given).toString()
  return search === '' ? path : `${path}?${search}`
}
