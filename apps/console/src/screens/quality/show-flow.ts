import { datasetByName } from '@hq-export/contract'
import type { RowsBy } from '@hq-export/hq-ingest/profile/profile.ts'
import { shareOf, statuses, sumOf, writtenRows } from '../../flow/shares.ts'
import { href } from '../../page/href.ts'
import { type Html, html } from '../../page/html.ts'
import { table } from '../../page/table.ts'
import { count } from '../../page/text.ts'
import type { DatasetFlow } from './read-quality.ts'

function percent(part: number, rows: number): string {
  const share = shareOf(part, rows)
  return share === undefined ? '-' : `${(share * 100).toFixed(1)} %`
}

function shares(counts: RowsBy, rows: number): string {
  const named = Object.entries(counts).map(([name, found]) => `${name} ${percent(found, rows)}`)
  return named.join(', ') || '-'
}

function oddities({ sum }: DatasetFlow): string {
  const kinds = {
    'in the future': sum.future,
    'ends before it starts': sum.reversed,
    'below zero': sum.negative,
    'means nothing': sum.meaningless,
    'unknown column': sum.unknown,
  }
  const found = Object.entries(kinds).flatMap(([kind, counts]) =>
    Object.entries(counts).map(([column, rows]) => `${column} ${kind}: ${count(rows)}`),
  )
  return found.join(', ') || '-'
}

/** What rows were like in the window, by dataset. */
export function flowTable(flows: readonly DatasetFlow[], window: string): Html {
  return table<DatasetFlow>({
    id: 'flow-table',
    caption: `What came within ${window}`,
    rows: flows,
    rowId: ({ dataset }) => dataset,
    empty: 'The contract has no dataset.',
    columns: [
      {
        title: 'dataset',
        show: ({ dataset }) =>
          html`<a href="${href(['datasets', dataset], { window })}">${dataset}</a>`,
      },
      { title: 'rows', isNumber: true, show: ({ sum }) => count(sum.rows) },
      { title: 'refused', isNumber: true, show: ({ sum }) => count(sumOf(sum.refused)) },
      {
        title: 'without a critical field',
        show: ({ sum }) => shares(sum.missing, writtenRows(sum)),
      },
      {
        title: 'statuses',
        show: ({ dataset, sum }) => {
          const counts = statuses(sum, datasetByName(dataset))
          return shares(counts, sumOf(counts))
        },
      },
      { title: 'odd values', show: oddities },
    ],
  })
}
