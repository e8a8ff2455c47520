import { DATASETS, type Dataset } from '@hq-export/contract'
import { lifeOf } from '@hq-export/contract/lock/current-lock.ts'
import { flowCharts } from '../../flow/charts.ts'
import { type Window, windowForm, windowOf } from '../../flow/window.ts'
import { type Html, html } from '../../page/html.ts'
import { panel, readPanel } from '../../page/panel.ts'
import type { Screen } from '../../page/screen.ts'
import { facts } from '../../page/table.ts'
import { badge, duration, moment } from '../../page/text.ts'
import { lastVerified } from '../../verified/show-verified.ts'
import { columnsTable } from '../contract/show-columns.ts'
import { sendersTable } from '../contract/show-senders.ts'
import { incidentsTable } from '../quality/show-incidents.ts'
import { verdictsTable } from '../quality/show-verdicts.ts'
import { type DatasetView, readDataset } from './read-dataset.ts'
import { nullsTable, refusedTable, totals, unknownColumns } from './show-counts.ts'

function state(dataset: Dataset, { complete, verified }: DatasetView): Html {
  const { status, deprecation } = lifeOf(dataset.name)
  return facts('dataset-facts', [
    ['last verified', lastVerified(verified)],
    ...complete.map(({ source, lagSeconds, completeThrough }): [string, Html] => [
      `complete through, ${source}`,
      lagSeconds === null
        ? html`${badge('unknown', 'not known')} the source has told no moment yet`
        : html`${moment(completeThrough)}, ${duration(lagSeconds * 1_000)} ago`,
    ]),
    ...(complete.length === 0
      ? [['complete through', 'no source has told HQ how far this dataset is complete'] as const]
      : []),
    [
      'contract',
      deprecation === null ? status : `${status}, served until ${deprecation.sunset} at least`,
    ],
  ])
}

function content(dataset: Dataset, view: DatasetView, window: Window): Html {
  const verdicts = (view.report?.verdicts ?? []).map((verdict) => ({ ...verdict, subject: '' }))
  const day = view.report?.day
  return html`${panel({ id: 'state', title: 'Lag and last verified' }, state(dataset, view))}
${panel({ id: 'flow', title: 'What came' }, html`${windowForm(window)}${totals(view.points, window.name)}${flowCharts(dataset, view.points, window)}`)}
${panel({ id: 'incidents', title: 'Against what is usual' }, html`${incidentsTable('incidents-table', 'Checks of this dataset that fail', view.incidents, 'No check fails. One that does would stand here with its evidence.')}${verdictsTable('verdicts-table', `Checks of ${day ?? 'the last day'}`, verdicts, 'No day has its report yet: it is made when the day is over, by HQ’s clock in UTC.')}`)}
${panel({ id: 'nulls', title: 'NULLs' }, nullsTable(view.points))}
${panel({ id: 'refused', title: 'Refused' }, refusedTable(view.refused))}
${panel({ id: 'unknown', title: 'Unknown columns' }, unknownColumns(view.points))}
${panel({ id: 'senders', title: 'Who sends' }, sendersTable(view.senders))}`
}

/** How one dataset fares. */
export const dataset: Screen = {
  path: '/datasets/:dataset',
  show: async ({ hq, params, query }) => {
    const found: Dataset | undefined = DATASETS.find(({ name }) => name === params.dataset)
    if (found === undefined) {
      return {
        status: 404,
        title: 'No such dataset',
        content: html`<p>The contract has these: ${DATASETS.map(({ name }) => name).join(', ')}.</p>`,
      }
    }
    const window = windowOf(query)
    const reading = await hq.read((client) => readDataset(client, found.name, window))
    return {
      title: found.name,
      content: html`${
        reading.state === 'read'
          ? content(found, reading.value, window)
          : readPanel({ id: 'state', title: 'HQ' }, reading, () => '')
      }
${panel({ id: 'columns', title: 'Contract' }, columnsTable(found))}`,
    }
  },
}
