import type { Column, Dataset } from '@hq-export/contract'
import { type Html, html } from '../../page/html.ts'
import { table } from '../../page/table.ts'

/** The columns of a dataset as the contract has them. */
export function columnsTable(dataset: Dataset): Html {
  const rule =
    dataset.semantics === 'append' ? 'A row never changes.' : 'The newest version counts.'
  const roles = ({ name }: Column) =>
    [
      ...(dataset.primaryKey.includes(name) ? ['key'] : []),
      ...(dataset.versionColumn === name ? ['version'] : []),
      ...(dataset.timeColumn === name ? ['time'] : []),
      ...(dataset.criticalFields.some(({ anyOf }) => anyOf.flat().includes(name))
        ? ['critical']
        : []),
    ].join(', ')
  return table<Column>({
    id: 'columns-table',
    caption: `${dataset.description} ${rule}`,
    rows: dataset.columns,
    rowId: ({ name }) => name,
    empty: 'The dataset has no column.',
    columns: [
      { title: 'column', show: ({ name }) => html`<code>${name}</code>` },
      { title: 'type', show: ({ type, nullable }) => `${type}${nullable ? '' : ', never NULL'}` },
      { title: 'part', show: roles },
      {
        title: 'values',
        show: ({ values, personal }) =>
          [...(values ?? []), ...(personal === true ? ['(personal)'] : [])].join(', '),
      },
      { title: 'meaning', show: ({ description }) => description },
      {
        title: 'since',
        show: ({ since, deprecated }) =>
          deprecated === undefined
            ? (since ?? 'the first')
            : `${since ?? 'the first'}, deprecated in ${deprecated}`,
      },
    ],
  })
}
