import { DATASETS } from '@hq-export/contract'
import { percent } from '@hq-export/outbox-relay/reconcile/report/run-facts.ts'
import { href } from '../../page/href.ts'
import { type Content, type Html, html } from '../../page/html.ts'
import { table } from '../../page/table.ts'
import { count, moment } from '../../page/text.ts'
import type { Verified } from '../../verified/read-verified.ts'
import { lastVerified, stateBadge } from '../../verified/show-verified.ts'
import { PAGE_ROWS, type RunRow } from './read-runs.ts'

interface DatasetRow {
  readonly dataset: string
  readonly verified: Verified | undefined
}

/** The last verdict on each dataset as a whole. */
export function verdictsOfDatasets(verified: readonly Verified[]): Html {
  const of = (show: (known: Verified) => Content) => (row: DatasetRow) =>
    row.verified === undefined ? '-' : show(row.verified)
  return table<DatasetRow>({
    id: 'verdicts',
    caption: 'The last comparison of each dataset as a whole',
    rows: DATASETS.map(({ name }) => ({
      dataset: name,
      verified: verified.find(({ dataset }) => dataset === name),
    })),
    rowId: ({ dataset }) => dataset,
    empty: 'The contract has no dataset.',
    columns: [
      {
        title: 'dataset',
        show: ({ dataset }) => html`<a href="${href(['datasets', dataset])}">${dataset}</a>`,
      },
      { title: 'verdict', show: ({ verified: known }) => lastVerified(known) },
      { title: 'compared', isNumber: true, show: of(({ coverage }) => percent(coverage)) },
      { title: 'source rows', isNumber: true, show: of(({ sourceRows }) => count(sourceRows)) },
      { title: 'HQ rows', isNumber: true, show: of(({ hqRows }) => count(hqRows)) },
      { title: 'in flight', isNumber: true, show: of(({ inFlight }) => count(inFlight)) },
      { title: 'why', show: of(({ reason }) => reason ?? '-') },
    ],
  })
}

/** Comparisons, the newest first, with where older ones are. */
export function runsTable(rows: readonly RunRow[]): Html {
  const shown = rows.slice(0, PAGE_ROWS)
  const older =
    rows.length > PAGE_ROWS
      ? html`<p><a href="${href(['verify'], { before: shown.at(-1)?.cursor })}">Older ones</a></p>`
      : ''
  return html`${table<RunRow>({
    id: 'runs-table',
    caption: 'Comparisons of both sides, the newest first',
    rows: shown,
    rowId: ({ id }) => id,
    empty: 'Nothing was compared yet. A relay compares daily; the command below does it now.',
    columns: [
      {
        title: 'began',
        show: (run) => html`<a href="${href(['verify', run.id])}">${moment(run.startedAt)}</a>`,
      },
      {
        title: 'state',
        show: ({ state, reason }) =>
          html`${stateBadge(state)}${reason === null ? '' : ` ${reason}`}`,
      },
      { title: 'begun by', show: ({ kind }) => kind },
      { title: 'scope', show: ({ scope }) => scope },
      { title: 'compared', isNumber: true, show: ({ coverage }) => percent(coverage) },
      { title: 'findings', isNumber: true, show: ({ findings }) => count(findings) },
      { title: 'sent again', isNumber: true, show: ({ sent }) => count(sent) },
    ],
  })}${older}`
}
