/*
 * Generated SQL is read by people: two spaces per level.
 */

/**
 * A line break, or what a line break inside of belongs to: comments, literals, identifiers. In
 * `$query$` and `$raw$` stands SQL of ours, which is laid out like any other.
 */
const TEXTS = [
  /--[^\n]*/,
  /\/\*.*?\*\//,
  /\be'(?:[^'\\]|\\.|'')*'/,
  /'(?:[^']|'')*'/,
  /"(?:[^"]|"")*"/,
  /\$(?!(?:query|raw)\$)(\w*)\$.*?\$\1\$/,
]
const LINE_BREAK_OR_TEXT = new RegExp(
  [...TEXTS, /\n(?=[^\n])/].map(({ source }) => source).join('|'),
  'gis',
)

/** SQL, each of its lines so many spaces further to the right; literals stay as they are. */
export function indent(sql: string, spaces = 2): string {
  if (sql === '') return ''
  const margin = ' '.repeat(spaces)
  const moved = sql.replace(LINE_BREAK_OR_TEXT, (found) => (found === '\n' ? `\n${margin}` : found))
  return sql.startsWith('\n') ? moved : `${margin}${moved}`
}

/** SQL of list items, one a line and indented. */
export function lines(items: readonly string[]): string {
  return items.map((item) => indent(item)).join(',\n')
}

/** `where` of these conditions, one a line; nothing where there is none. */
export function whereSql(conditions: readonly (string | undefined)[]): string {
  const all = conditions.filter((condition) => condition !== undefined)
  return all.length === 0 ? '' : `\nwhere ${all.join('\n  and ')}`
}
