import { escapeMarkup } from '@hq-export/runtime/escape-markup.ts'
import { shownText } from '@hq-export/runtime/shown-text.ts'
import type { Verdict } from '../verdict.ts'
import { type DayReport, judgementOf } from './read-day.ts'

const WORDS: Readonly<Record<Verdict['verdict'], string>> = {
  pass: 'pass',
  fail: 'FAIL',
  not_enough_rows: 'not enough rows',
}

function number(value: number | null): string {
  if (value === null) return '-'
  return Number.isInteger(value) ? String(value) : value.toPrecision(4)
}

function describe(verdict: Verdict): string {
  const { metric, value, threshold, baseline, rows, tolerated } = verdict
  const lack = verdict.lacks === null ? '' : `, lacks ${verdict.lacks}`
  const pardon = tolerated === undefined ? '' : `, tolerated up to ${number(tolerated)}`
  return (
    `${metric}: ${number(value)}, fails above ${number(threshold)}, ` +
    `usual ${number(baseline)}, ${rows} rows${lack}${pardon}`
  )
}

function causes({ worst }: Verdict): string[] {
  return worst.map(
    ({ what, name, count, of, usual }) =>
      `${what} ${shownText(name)}: ${count} of ${of}, usual ${number(usual)}`,
  )
}

function headline({ source, dataset, day, isFinal, isBehind, profile }: DayReport): string {
  const state = isBehind ? ', not all of it is summed up yet' : isFinal ? '' : ', so far'
  return `${source} ${dataset} ${day}${state}: ${profile.rows} rows`
}

function balanceLine({ balanceDifference: rows }: DayReport): string[] {
  if (rows === null || rows === 0) return []
  return [`  FAIL  balance of the day: ${rows} rows of which nobody knows what became`]
}

/** For a terminal. */
export function printText(reports: readonly DayReport[]): string {
  if (reports.length === 0) return 'no rows of that day are summed up yet: nothing can be told'
  return reports
    .flatMap((report) => [
      headline(report),
      ...balanceLine(report),
      ...report.verdicts.flatMap((verdict) => [
        `  ${WORDS[verdict.verdict].padEnd(16)}${verdict.check.padEnd(34)}${describe(verdict)}`,
        ...causes(verdict).map((cause) => `${' '.repeat(18)}${cause}`),
      ]),
    ])
    .join('\n')
}

/** Names of ours as the wire has them; those of columns, operations and providers as they are. */
export function printReportsJson(reports: readonly DayReport[]): string {
  return JSON.stringify({
    judgement: judgementOf(reports),
    reports: reports.map(({ isFinal, isBehind, balanceDifference, profile, ...report }) => {
      const { mixRest, ...counts } = profile
      return {
        ...report,
        is_final: isFinal,
        is_behind: isBehind,
        balance_difference: balanceDifference,
        profile: { ...counts, mix_rest: mixRest },
      }
    }),
  })
}

/** As JUnit has it: a suite for each dataset, a case for each check. */
export function printJunit(reports: readonly DayReport[]): string {
  const suites = reports.map((report) => {
    const cases = report.verdicts.map((verdict) => {
      const name = `name="${escapeMarkup(verdict.check)}"`
      const message = escapeMarkup([describe(verdict), ...causes(verdict)].join('; '))
      if (verdict.verdict === 'pass') return `<testcase ${name}/>`
      const tag = verdict.verdict === 'fail' ? 'failure' : 'skipped'
      return `<testcase ${name}><${tag} message="${message}"/></testcase>`
    })
    const balance =
      balanceLine(report).length === 0
        ? '<testcase name="balance"/>'
        : `<testcase name="balance"><failure message="${report.balanceDifference} rows"/></testcase>`
    const failures = report.verdicts.filter(({ verdict }) => verdict === 'fail').length
    const skipped = report.verdicts.filter(({ verdict }) => verdict === 'not_enough_rows').length
    return (
      `<testsuite name="${escapeMarkup(headline(report))}" tests="${cases.length + 1}" ` +
      `failures="${failures + balanceLine(report).length}" skipped="${skipped}">` +
      `${[...cases, balance].join('')}</testsuite>`
    )
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>${suites.join('\n')}</testsuites>`
}

const STYLE = `body{font:14px/1.4 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}
table{border-collapse:collapse;width:100%;margin:0 0 2rem}caption{text-align:left;font-weight:600}
td,th{border-bottom:1px solid #ddd;padding:.25rem .5rem;text-align:left;vertical-align:top}
.fail{font-weight:600}@media print{body{margin:0}table{page-break-inside:avoid}}`

const VERDICTS = {
  good: 'Every check that could be told passes.',
  bad: 'A check fails.',
  unknown: 'Nothing could be told.',
} as const

/** One file without a script, that prints well. */
export function printHtml(reports: readonly DayReport[]): string {
  const tables = reports.map((report) => {
    const rows = report.verdicts.map((verdict) => {
      const cells = [verdict.check, WORDS[verdict.verdict], describe(verdict)]
      const told = [...cells, causes(verdict).join('; ')].map((cell) => escapeMarkup(cell))
      const mark = verdict.verdict === 'fail' ? ' class="fail"' : ''
      return `<tr${mark}>${told.map((cell) => `<td>${cell}</td>`).join('')}</tr>`
    })
    const balance = balanceLine(report).map(
      (line) => `<tr class="fail"><td>balance</td><td colspan="3">${escapeMarkup(line)}</td></tr>`,
    )
    const head = ['check', 'verdict', 'measured', 'stands out'].map((name) => `<th>${name}</th>`)
    return (
      `<table><caption>${escapeMarkup(headline(report))}</caption>` +
      `<thead><tr>${head.join('')}</tr></thead>` +
      `<tbody>${[...rows, ...balance].join('\n')}</tbody></table>`
    )
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Quality</title><style>${STYLE}</style></head>
<body><h1>Quality</h1><p>${VERDICTS[judgementOf(reports)]}</p>
${tables.join('\n')}
</body></html>`
}
