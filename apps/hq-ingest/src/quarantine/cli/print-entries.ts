import { SHOWN_CHARS, shownText } from '@hq-export/runtime/shown-text.ts'
import type { EntryPage } from '../list-entries.ts'
import type { ReplaySummary } from '../replay-entries.ts'
import type { SelectedCount } from '../selection.ts'
import type { ShownEntry } from '../show-entry.ts'

/** Columns of text, as wide as their widest cell. */
function table(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(shownText))
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** A page for people. */
export function printPage({ entries, next }: EntryPage): string {
  if (entries.length === 0) return 'no entries'
  const lines = table([
    ['id', 'source', 'dataset', 'code', 'seen', 'last seen', 'resolution', 'key'],
    ...entries.map((entry) => [
      entry.id,
      entry.source,
      entry.dataset,
      entry.code,
      String(entry.seenCount),
      entry.lastSeenAt,
      entry.resolution ?? '-',
      entry.key ?? '-',
    ]),
  ])
  return next === null ? lines : `${lines}\nmore: --before ${next}`
}

/** One entry for people; its row only where it was read. */
export function printEntry({ row, rowBytes, ...facts }: ShownEntry): string {
  const isCut = row !== undefined && Buffer.byteLength(row) < rowBytes
  return table([
    ...Object.entries(facts).map(([name, value]) => [name, value === null ? '-' : String(value)]),
    ['row', row ?? `${rowBytes} bytes, hidden; see --values`],
    ...(isCut ? [['', `the first ${SHOWN_CHARS} characters of ${rowBytes} bytes`]] : []),
  ])
}

/** What a command would do, for people. */
export function printCounts(verb: string, counts: readonly SelectedCount[]): string {
  const total = counts.reduce((sum, { rows }) => sum + rows, 0)
  const lines = counts.map(({ dataset, code, rows }) => [`  ${dataset}`, code, String(rows)])
  return [`${total} would be ${verb}`, ...(lines.length > 0 ? [table(lines)] : [])].join('\n')
}

/** What a replay did, for people. */
export function printReplay({ replayed, refused, notReplayable }: ReplaySummary): string {
  return [
    `${replayed.length} replayed, ${refused.length} refused again, ${notReplayable.length} not replayable`,
    ...refused.map(({ id, code, detail }) => `${id}  ${code}: ${detail}`),
    ...notReplayable.map(({ id, why }) => `${id}  ${why}`),
  ].join('\n')
}
