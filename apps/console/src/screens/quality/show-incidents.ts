import type { ListedIncident } from '@hq-export/hq-ingest/quality/incident/list-incidents.ts'
import { href } from '../../page/href.ts'
import { type Html, html } from '../../page/html.ts'
import { table } from '../../page/table.ts'
import { badge, moment } from '../../page/text.ts'
import { cause, measure } from './show-verdicts.ts'

function evidence({
  evidence: { metric, value, threshold, baseline, worst },
}: ListedIncident): Html {
  const limits = `fails above ${measure(threshold)}, usual ${measure(baseline)}`
  const numbers = `${metric}: ${measure(value)}, ${limits}`
  return html`${numbers}${worst.slice(0, 3).map((part) => html`<div>${cause(part)}</div>`)}`
}

function end({ closedAt, acceptedAt, acceptedBy, cleanWindows }: ListedIncident) {
  if (acceptedAt !== null) return html`accepted by ${acceptedBy} ${moment(acceptedAt)}`
  if (closedAt !== null) return html`over ${moment(closedAt)}`
  return cleanWindows === 0 ? 'open' : 'open; one window is clean'
}

/** Incidents with what failed, and since when. */
export function incidentsTable(
  id: string,
  caption: string,
  rows: readonly ListedIncident[],
  empty: string,
): Html {
  return table<ListedIncident>({
    ...{ id, caption, rows, empty },
    rowId: (incident) => incident.id,
    columns: [
      {
        title: 'incident',
        show: ({ id: number, check, severity }) => {
          const alert = severity === 'page' ? 'HqExportQualityFails' : 'HqExportQualityDrifts'
          return html`${number} <a href="${href(['help', alert])}">${check}</a>`
        },
      },
      {
        title: 'severity',
        show: ({ severity }) => badge(severity === 'page' ? 'bad' : 'warn', severity),
      },
      { title: 'dataset', show: ({ source, dataset }) => `${dataset} of ${source}` },
      { title: 'evidence', show: evidence },
      { title: 'began', show: ({ beganAt }) => moment(beganAt) },
      { title: 'failed last', show: ({ lastFailedAt }) => moment(lastFailedAt) },
      { title: 'state', show: end },
    ],
  })
}
