import { shownText } from './shown-text.ts'

/** Names in the notation of the wire: `lastSeenAt` is `last_seen_at`. */
function withWireNames(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(withWireNames)
  if (data === null || typeof data !== 'object') return data
  const members = Object.entries(data).map(([name, value]) => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    withWireNames(value),
  ])
  return Object.fromEntries(members)
}

/** Facts as one line of JSON, every name in snake_case. */
export function printJson(data: unknown): string {
  return JSON.stringify(withWireNames(data))
}

/**
 * Columns of text, as wide as their widest cell.
 * @param firstNumber column from which on they hold numbers, one digit below the other.
 */
export function table(
  cells: readonly (readonly string[])[],
  firstNumber: number = Number.POSITIVE_INFINITY,
): string {
  const rows = cells.map((row) => row.map(shownText))
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0
          return column < firstNumber ? cell.padEnd(width) : cell.padStart(width)
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
