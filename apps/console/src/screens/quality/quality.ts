import type { Complete } from '../../flow/read-complete.ts'
import { windowForm, windowOf } from '../../flow/window.ts'
import { href } from '../../page/href.ts'
import { type Content, html } from '../../page/html.ts'
import { readPanel } from '../../page/panel.ts'
import type { Screen } from '../../page/screen.ts'
import { table } from '../../page/table.ts'
import { badge, commandLine, duration, moment } from '../../page/text.ts'
import { type QualityView, readQuality } from './read-quality.ts'
import { flowTable } from './show-flow.ts'
import { incidentsTable } from './show-incidents.ts'
import { verdictsTable } from './show-verdicts.ts'

const DAY = /^\d{4}-\d\d-\d\d$/

function freshness({ complete }: QualityView): Content {
  return table<Complete>({
    id: 'freshness-table',
    caption: 'Up to which moment each dataset of each source is complete in HQ',
    rows: complete,
    rowId: ({ source, dataset }) => `${source}.${dataset}`,
    empty: 'No source has told it yet. A relay tells it about once a second while it works.',
    columns: [
      { title: 'dataset', show: ({ dataset }) => dataset },
      { title: 'source', show: ({ source }) => source },
      {
        title: 'complete through',
        show: ({ completeThrough }) =>
          completeThrough === null ? badge('unknown', 'not known') : moment(completeThrough),
      },
      {
        title: 'that is',
        isNumber: true,
        show: ({ lagSeconds }) =>
          lagSeconds === null ? '-' : `${duration(lagSeconds * 1_000)} ago`,
      },
      { title: 'told', show: ({ receivedAt }) => moment(receivedAt) },
      { title: 'version', show: ({ schemaVersion }) => schemaVersion },
    ],
  })
}

function day({ day: shown, days, reports }: QualityView, window: string): Content {
  const verdicts = reports.flatMap((report) =>
    report.verdicts.map((verdict) => ({
      ...verdict,
      subject: `${report.dataset} of ${report.source}`,
    })),
  )
  // What fails first; then what could not be told.
  const order = ['fail', 'not_enough_rows', 'pass']
  const sorted = verdicts.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict))
  const links = days.map(
    (known) =>
      html`<a href="${href(['quality'], { window, day: known })}"${known === shown ? html` aria-current="true"` : ''}>${known}</a> `,
  )
  const command =
    shown === undefined
      ? 'npm run ingest -- quality'
      : `npm run ingest -- quality --day ${shown} --format html`
  return html`<p>${links}</p>${verdictsTable('verdicts-table', `Checks of ${shown ?? 'a day'}, what fails first`, sorted, 'No day has its report yet: it is made when the day is over, by HQ’s clock in UTC. The command judges today so far.')}${commandLine(command)}`
}

/** Does what came look as it should, and up to when is it there? */
export const quality: Screen = {
  path: '/quality',
  nav: { title: 'Quality', key: 'q' },
  show: async ({ hq, query }) => {
    const window = windowOf(query)
    const asked = query.get('day') ?? ''
    const reading = await hq.read((client) =>
      readQuality(client, window, DAY.test(asked) ? asked : undefined),
    )
    if (reading.state !== 'read')
      return {
        title: 'Quality',
        content: readPanel({ id: 'incidents', title: 'HQ' }, reading, () => ''),
      }
    const view = reading.value
    return {
      title: 'Quality',
      content: html`${readPanel({ id: 'incidents', title: 'Checks that fail' }, reading, () => incidentsTable('incidents-table', 'Incidents that are open, the one that failed last first', view.open, 'None is open. A check that fails would stand here with its evidence until two windows are clean.'))}
${readPanel({ id: 'freshness', title: 'Freshness' }, reading, freshness)}
${readPanel({ id: 'flow', title: 'What came' }, reading, () => html`${windowForm(window)}${flowTable(view.flows, window.name)}`)}
${readPanel({ id: 'day', title: 'Report of a day' }, reading, () => day(view, window.name))}
${readPanel({ id: 'closed', title: 'Incidents that are over' }, reading, () => html`${incidentsTable('closed-table', 'Incidents that are over or accepted, the newest first', view.closed, 'None within 400 days.')}${commandLine('npm run ingest -- incidents list --closed')}`)}`,
    }
  },
}
