import { mergeProfiles } from '@hq-export/hq-ingest/profile/merge-profiles.ts'
import type { ProfilePoint } from '../../flow/read-profiles.ts'
import type { Refused } from '../../flow/read-refused.ts'
import { shareOf, sumOf, writtenRows } from '../../flow/shares.ts'
import { href } from '../../page/href.ts'
import { type Html, html } from '../../page/html.ts'
import { empty } from '../../page/panel.ts'
import { facts, table } from '../../page/table.ts'
import { cappedCount, count, moment } from '../../page/text.ts'

/** Sums of the window. */
export function totals(points: readonly ProfilePoint[], window: string): Html {
  if (points.length === 0)
    return empty(`No rows came within ${window}. Totals appear with the first batch.`)
  const sum = mergeProfiles(points.map(({ profile }) => profile))
  const entries = (['inserted', 'updated', 'duplicate', 'stale', 'superseded'] as const).map(
    (name): [string, string] => [name, count(sum[name])],
  )
  return facts('totals', [
    ['rows that came', count(sum.rows)],
    ...entries,
    ['refused', count(sumOf(sum.refused))],
    ['of them last states of deleted rows', count(sum.deletes)],
  ])
}

interface Counted {
  readonly name: string
  readonly rows: number
}

/** Columns that rows bring and the contract does not know: HQ keeps them in `_dx_extra`. */
export function unknownColumns(points: readonly ProfilePoint[]): Html {
  const sum = mergeProfiles(points.map(({ profile }) => profile))
  const rows = Object.entries(sum.unknown).map(([name, found]): Counted => ({ name, rows: found }))
  return table<Counted>({
    id: 'unknown-table',
    caption: 'Columns that the contract does not know, in this window',
    rows,
    rowId: ({ name }) => name,
    empty: 'None. A column that a newer source sends would stand here; HQ keeps it in _dx_extra.',
    columns: [
      { title: 'column', show: ({ name }) => html`<code>${name}</code>` },
      { title: 'rows', isNumber: true, show: ({ rows: found }) => count(found) },
    ],
  })
}

/** NULLs of every column of the window. */
export function nullsTable(points: readonly ProfilePoint[]): Html {
  const sum = mergeProfiles(points.map(({ profile }) => profile))
  const written = writtenRows(sum)
  const rows = Object.entries(sum.nulls).map(([name, found]): Counted => ({ name, rows: found }))
  return table<Counted>({
    id: 'nulls-table',
    caption: `NULLs by column, of ${count(written)} rows that HQ wrote in this window`,
    rows: rows.toSorted((a, b) => b.rows - a.rows),
    rowId: ({ name }) => name,
    empty: 'None in this window.',
    columns: [
      { title: 'column', show: ({ name }) => html`<code>${name}</code>` },
      { title: 'NULL', isNumber: true, show: ({ rows: found }) => count(found) },
      {
        title: 'share',
        isNumber: true,
        show: ({ rows: found }) => `${((shareOf(found, written) ?? 0) * 100).toFixed(1)} %`,
      },
    ],
  })
}

/** Open quarantine entries by code. */
export function refusedTable(refused: readonly Refused[]): Html {
  return table<Refused>({
    id: 'refused-table',
    caption: 'Refused rows that nobody has resolved, by code',
    rows: refused,
    rowId: ({ code }) => code,
    empty: 'None. A row that breaks the contract would be counted here, by why it was refused.',
    columns: [
      { title: 'code', show: ({ code }) => html`<a href="${href(['help', code])}">${code}</a>` },
      {
        title: 'open',
        isNumber: true,
        show: ({ dataset, code, rows }) =>
          html`<a href="${href(['refused'], { dataset, code })}">${cappedCount(rows)}</a>`,
      },
      { title: 'refused last', show: ({ lastSeenAt }) => moment(lastSeenAt) },
    ],
  })
}
