import { rateSeries } from '../../flow/read-rates.ts'
import type { Window } from '../../flow/window.ts'
import { href } from '../../page/href.ts'
import { type Content, html } from '../../page/html.ts'
import { sparkline } from '../../page/sparkline.ts'
import { table } from '../../page/table.ts'
import { badge, count, duration, moment } from '../../page/text.ts'
import { lastVerified } from '../../verified/show-verified.ts'
import type { DatasetFacts, Sides } from './dataset-facts.ts'
import { doingNow } from './doing-now.ts'

const UNKNOWN = html`<span class="none">not known</span>`

/** How far a dataset is behind, in words. */
export function lag(seconds: number | null | undefined): Content {
  return seconds === null || seconds === undefined ? UNKNOWN : duration(seconds * 1_000)
}

/** Open refused rows of a dataset, leading to them. */
export function refused({ dataset, refused: open }: DatasetFacts): Content {
  if (open === undefined) return UNKNOWN
  if (open.rows === 0) return '0'
  const rows = `${count(open.rows)}${open.hasMore ? '+' : ''}`
  return html`<a href="${href(['refused'], { dataset })}">${rows}</a>`
}

/** Why a row did not arrive last, and when. */
export function lastError({ lastError: error }: DatasetFacts): Content {
  if (error === undefined) return html`<span class="none">none is open</span>`
  return html`<a href="${href(['help', error.code])}">${error.code}</a> ${moment(error.at)}`
}

function rate({ dataset }: DatasetFacts, { hq }: Sides): Content {
  if (hq === undefined) return UNKNOWN
  const series = rateSeries(hq.rates, dataset)
  const newest = series.at(-1) ?? 0
  const now = newest >= 10 ? newest.toFixed(0) : newest.toFixed(1)
  return html`${sparkline(series, `rows per second of ${dataset}, now ${now}`)} ${now}`
}

/** The table of datasets: three facts that never speak for one another, and the flow. */
export function datasetsTable(facts: readonly DatasetFacts[], sides: Sides, window: Window) {
  const waiting = ({ glance }: DatasetFacts): Content =>
    glance === undefined
      ? UNKNOWN
      : `${count(glance.waiting_rows)}${glance.has_more_waiting ? '+' : ''}`
  const backfill = ({ glance }: DatasetFacts): Content => {
    if (glance === undefined) return UNKNOWN
    if (glance.backfill === null) return '-'
    const { state, scanned, estimated } = glance.backfill
    const tone = state === 'failed' ? 'bad' : state === 'completed' ? 'good' : 'unknown'
    return html`${badge(tone, state)} ${count(scanned)} of about ${count(estimated)}`
  }
  return table<DatasetFacts>({
    id: 'datasets-table',
    caption: `Every dataset of the contract; rows per second over the last ${window.name}`,
    rowId: ({ dataset }) => dataset,
    rows: facts,
    empty: 'The contract has no dataset.',
    columns: [
      {
        title: 'dataset',
        show: ({ dataset }) =>
          html`<a href="${href(['datasets', dataset], { window: window.name })}">${dataset}</a>`,
      },
      { title: 'last verified', show: ({ verified }) => lastVerified(verified) },
      { title: 'doing now', show: (row) => doingNow(row, sides.source) ?? UNKNOWN },
      { title: 'last error', show: lastError },
      { title: 'lag', isNumber: true, show: ({ lagSeconds }) => lag(lagSeconds) },
      { title: 'waiting', isNumber: true, show: waiting },
      { title: 'rows/s', isNumber: true, show: (row) => rate(row, sides) },
      { title: 'refused', isNumber: true, show: refused },
      { title: 'backfill', show: backfill },
    ],
  })
}
