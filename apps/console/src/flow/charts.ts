import type { Dataset } from '@hq-export/contract'
import { mergeProfiles } from '@hq-export/hq-ingest/profile/merge-profiles.ts'
import { chart, type Line } from '../page/chart.ts'
import { type Html, html } from '../page/html.ts'
import { isByHour } from './parts.ts'
import type { ProfilePoint } from './read-profiles.ts'
import { delayOf, shareOf, statuses, sumOf, writtenRows } from './shares.ts'
import type { Window } from './window.ts'

const OUTCOMES = ['inserted', 'updated', 'duplicate', 'stale', 'superseded'] as const
const NOTHING_CAME = 'No rows came in this window. The picture begins with the first batch.'
/** Lines that can still be told apart. */
const MAX_LINES = 8

function percent(count: number, rows: number): number | undefined {
  const share = shareOf(count, rows)
  return share === undefined ? undefined : share * 100
}

function outcomes(points: readonly ProfilePoint[], seconds: number): Line[] {
  const lines = OUTCOMES.map((name) => ({
    name,
    values: points.map(({ profile }) => profile[name] / seconds),
  }))
  const refused = points.map(({ profile }) => sumOf(profile.refused) / seconds)
  return [...lines, { name: 'refused', values: refused }].filter(({ values }) =>
    values.some((value) => value > 0),
  )
}

/** Of a dataset without critical fields, the columns that are NULL most often. */
function missing(points: readonly ProfilePoint[], { criticalFields }: Dataset): Line[] {
  const lineOf = (of: 'missing' | 'nulls') => (name: string) => ({
    name,
    values: points.map(({ profile }) => percent(profile[of][name] ?? 0, writtenRows(profile))),
  })
  if (criticalFields.length > 0) return criticalFields.map(({ name }) => lineOf('missing')(name))
  const sums = mergeProfiles(points.map(({ profile }) => profile)).nulls
  const columns = Object.keys(sums).toSorted((a, b) => (sums[b] ?? 0) - (sums[a] ?? 0))
  return columns.slice(0, MAX_LINES).map(lineOf('nulls'))
}

function shares(points: readonly ProfilePoint[], dataset: Dataset): Line[] {
  const names = new Set(points.flatMap(({ profile }) => Object.keys(statuses(profile, dataset))))
  return [...names]
    .sort()
    .slice(0, MAX_LINES)
    .map((name) => ({
      name,
      values: points.map(({ profile }) => {
        const counts = statuses(profile, dataset)
        return percent(counts[name] ?? 0, sumOf(counts))
      }),
    }))
}

/** Pictures of what came of a dataset over time. */
export function flowCharts(
  dataset: Dataset,
  points: readonly ProfilePoint[],
  window: Window,
): Html {
  const seconds = window.bucketMinutes * 60
  const moments = points.map(({ at }) => at)
  const delays = [
    { name: 'half of the rows, at most', share: 0.5 },
    { name: '99 % of them, at most', share: 0.99 },
  ].map(({ name, share }) => ({
    name,
    values: points.map(({ profile }) => delayOf(profile, share)),
  }))
  const rates = [{ name: 'rows', values: points.map(({ profile }) => profile.rows / seconds) }]
  const by = isByHour(window) ? 'hours' : 'minutes'
  const { criticalFields, quality } = dataset
  const nulls = criticalFields.length > 0 ? 'Rows without a critical field' : 'NULLs by column'
  const became = outcomes(points, seconds)
  const lacking = missing(points, dataset)
  const shared = { moments, empty: NOTHING_CAME }
  return html`<p class="said">By HQ's clock and whole ${by}; a part that is not over yet is not full.</p>
<div class="charts">
${chart({ ...shared, id: 'chart-lag', title: 'From commit to HQ', unit: 's', lines: delays })}
${chart({ ...shared, id: 'chart-rate', title: 'Rows', unit: 'rows/s', lines: rates })}
${chart({ ...shared, id: 'chart-outcomes', title: 'What became of them', unit: 'rows/s', lines: became })}
${chart({ ...shared, id: 'chart-nulls', title: nulls, unit: '%', lines: lacking })}
${quality.distribution === undefined ? '' : chart({ ...shared, id: 'chart-statuses', title: 'Share of each status', unit: '%', lines: shares(points, dataset) })}
</div>`
}
