import { SHOWN_CHARS } from '@hq-export/runtime/shown-text.ts'
import { table } from '@hq-export/runtime/table.ts'
import type { EntryPage } from '../list-entries.ts'
import type { ReplaySummary } from '../replay-entries.ts'
import type { SelectedCount } from '../selection.ts'
import type { ShownEntry } from '../show-entry.ts'

/** A page for people. */
export function printPage({ entries, next }: EntryPage): string {
  if (entries.length === 0) return 'no entries'
  const lines = table([
    ['id', 'source', 'dataset', 'reason', 'seen', 'last seen', 'resolution', 'key'],
    ...entries.map((entry) => [
      entry.id,
      entry.source,
      entry.dataset,
      entry.reason,
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

/** Ids that were asked for and do not exist, for people. */
export function printMissing(ids: readonly string[]): string {
  return `no entry ${ids.join(', ')}; list shows them`
}

/** What a command would do, for people. */
export function printCounts(
  verb: string,
  selected: number,
  counts: readonly SelectedCount[],
): string {
  const lines = counts.map(({ dataset, reason, rows }) => [`  ${dataset}`, reason, String(rows)])
  return [`${selected} would be ${verb}`, ...(lines.length > 0 ? [table(lines)] : [])].join('\n')
}

/** What a replay did, for people. */
export function printReplay({ replayed, refused, notReplayable }: ReplaySummary): string {
  return [
    `${replayed.length} replayed, ${refused.length} refused again, ` +
      `${notReplayable.length} not replayable`,
    ...refused.map(({ id, reason, detail }) => `${id}  ${reason}: ${detail}`),
    ...notReplayable.map(({ id, why }) => `${id}  ${why}`),
  ].join('\n')
}
