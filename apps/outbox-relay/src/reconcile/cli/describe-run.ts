import { FINDING_CLASSES } from '@hq-export/contract'
import { shownText } from '@hq-export/runtime/shown-text.ts'
import { table } from '@hq-export/runtime/table.ts'
import { type ReconciliationRecord, stateOf } from '../record/reconciliation-record.ts'
import {
  count,
  countFindings,
  coverageOf,
  describeScope,
  durationSeconds,
  nextStep,
  percent,
} from '../report/run-facts.ts'

/** Column of a table from which on it has numbers. */
const FIRST_NUMBER = 2

function datasetTable(record: ReconciliationRecord): string {
  const datasets = record.run?.datasets ?? []
  const classes = FINDING_CLASSES.filter((name) => countFindings(record, [name]) > 0)
  return table(
    [
      ['dataset', 'state', 'source rows', 'HQ rows', 'compared', 'in flight', ...classes, 'sent'],
      ...datasets.map((dataset) => [
        dataset.dataset,
        stateOf(record, dataset),
        count(dataset.source_rows),
        count(dataset.hq_rows),
        percent(dataset.coverage),
        count(dataset.in_flight),
        ...classes.map((name) => count(dataset.findings[name] ?? 0)),
        count(dataset.repairs.sent ?? 0),
      ]),
    ],
    FIRST_NUMBER,
  )
}

function headline(record: ReconciliationRecord): string {
  const { id, state, reason, provenAt } = record
  const why = reason === null ? '' : `: ${shownText(reason)}`
  const proof = provenAt === null ? '' : `, repaired and read again ${provenAt}`
  return `reconciliation ${id} is ${state}${why}${proof}`
}

/** A reconciliation for people: what it came to and what to do next. */
export function describeRun(record: ReconciliationRecord): string {
  const seconds = durationSeconds(record)
  const rows = (record.run?.datasets ?? []).reduce((sum, { source_rows }) => sum + source_rows, 0)
  const rate = seconds === null || seconds === 0 ? '' : ` (${count(Math.round(rows / seconds))}/s)`
  const next = nextStep(record)
  return [
    headline(record),
    `${describeScope(record)}; began ${record.startedAt}` +
      (seconds === null ? '' : `, ${count(rows)} rows in ${seconds.toFixed(1)} s${rate}`),
    ...(record.run === null ? [] : ['', datasetTable(record), '']),
    ...(next === undefined ? [] : [next]),
  ].join('\n')
}

/** Its findings for people: names of columns and no value. */
export function describeFindings(record: ReconciliationRecord, limit: number): string {
  const { findings } = record
  if (findings.length === 0) return 'no findings'
  const shown = findings.slice(0, limit)
  const total = countFindings(record, FINDING_CLASSES)
  return [
    table([
      ['dataset', 'key', 'class', 'columns', 'source', 'HQ', 'repair', 'reason'],
      ...shown.map((finding) => [
        finding.dataset,
        finding.key,
        finding.class,
        finding.columns.join(', ') || '-',
        finding.source_version ?? '-',
        finding.hq_version ?? '-',
        finding.repair,
        finding.reason ?? '-',
      ]),
    ]),
    ...(total > shown.length
      ? [`${count(total - shown.length)} more; see --limit, or report`]
      : []),
  ].join('\n')
}

/** Reconciliations for people, the newest first. */
export function describeRuns(records: readonly ReconciliationRecord[]): string {
  if (records.length === 0) return 'no reconciliation yet; begin one: npm run relay -- reconcile'
  return table([
    ['id', 'kind', 'state', 'began', 'compared', 'findings', 'scope', 'reason'],
    ...records.map((record) => [
      record.id,
      record.kind,
      record.state,
      record.startedAt,
      percent(coverageOf(record)),
      count(countFindings(record, FINDING_CLASSES)),
      describeScope(record),
      record.reason ?? '-',
    ]),
  ])
}
