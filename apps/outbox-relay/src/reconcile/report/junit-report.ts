import type { Reconciliation } from '@hq-export/contract'
import { escapeMarkup } from '@hq-export/runtime/escape-markup.ts'
import { type ReconciliationRecord, stateOf } from '../record/reconciliation-record.ts'
import { describeScope, describeSnapshots, durationSeconds, hqVersionOf } from './run-facts.ts'

type DatasetRun = Reconciliation['datasets'][number]

/** What became of one check: it holds, or not, or it could not be told. */
interface TestCase {
  readonly name: string
  readonly result: 'passed' | 'failed' | 'unknown'
  readonly message: string
}

function pairs(counts: DatasetRun['nulls']): string {
  const unequal = Object.entries(counts).filter(([, [source, hq]]) => source !== hq)
  return unequal.map(([name, [source, hq]]) => `${name}: ${source} and ${hq} in HQ`).join(', ')
}

function caseOf(dataset: DatasetRun, name: string, differs: boolean, message: string): TestCase {
  if (differs) return { name, result: 'failed', message }
  // Of rows that were not compared nothing is known; what was found is found all the same.
  if (dataset.state === 'undecided') {
    return { name, result: 'unknown', message: dataset.reason ?? 'it could not be told' }
  }
  return { name, result: 'passed', message: '' }
}

/**
 * The checks of a dataset. Counts of a side are taken while rows are on their way, so that they
 * may differ where nothing does: keys decide, and counts say how much it is.
 */
function testCases(record: ReconciliationRecord, dataset: DatasetRun): TestCase[] {
  const { findings, coverage } = dataset
  const found = (name: keyof typeof findings) => findings[name] ?? 0
  const rows = found('missing') + found('extra') + found('foreign')
  const content = found('stale') + found('different') + found('ahead')
  const isOpen = stateOf(record, dataset) !== 'equal'
  return [
    caseOf(
      dataset,
      'rows',
      isOpen && rows > 0,
      `${found('missing')} missing in HQ, ${found('extra')} extra, ` +
        `${found('foreign')} of another source there; ` +
        `${dataset.source_rows} rows, ${dataset.hq_rows} in HQ`,
    ),
    caseOf(
      dataset,
      'content',
      isOpen && content > 0,
      `${found('stale')} stale, ${found('different')} different, ${found('ahead')} ahead`,
    ),
    caseOf(
      dataset,
      'nulls',
      isOpen && rows + content > 0 && pairs(dataset.nulls) !== '',
      pairs(dataset.nulls),
    ),
    caseOf(
      dataset,
      'statuses',
      isOpen && rows + content > 0 && pairs(dataset.statuses) !== '',
      pairs(dataset.statuses),
    ),
    {
      name: 'coverage',
      result: dataset.state === 'undecided' || coverage < 1 ? 'unknown' : 'passed',
      message: dataset.reason ?? `${coverage} of the rows were compared`,
    },
  ]
}

function caseXml(dataset: DatasetRun, { name, result, message }: TestCase): string {
  const at = `classname="${escapeMarkup(dataset.dataset)}" name="${escapeMarkup(name)}"`
  const time = `time="${(dataset.duration_ms / 1000).toFixed(3)}"`
  if (result === 'passed') return `    <testcase ${at} ${time}/>`
  const tag = result === 'failed' ? 'failure' : 'error'
  const type = result === 'failed' ? 'different' : 'undecided'
  return (
    `    <testcase ${at} ${time}><${tag} type="${type}" message="${escapeMarkup(message)}"/>` +
    '</testcase>'
  )
}

function propertiesXml(record: ReconciliationRecord, dataset: DatasetRun): string[] {
  const cost = record.cost.find((each) => each.dataset === dataset.dataset)
  const entries = {
    scope: describeScope(record),
    checksum: dataset.algorithm ?? '-',
    spec: dataset.spec ?? '-',
    coverage: String(dataset.coverage),
    in_flight: String(dataset.in_flight),
    source_snapshots: describeSnapshots(cost?.sourceSnapshots),
    hq_snapshots: describeSnapshots(cost?.hqSnapshots),
    relay_version: record.run?.version ?? '-',
    gateway_version: hqVersionOf(record) ?? '-',
  }
  return [
    '    <properties>',
    ...Object.entries(entries).map(
      ([name, value]) => `      <property name="${name}" value="${escapeMarkup(value)}"/>`,
    ),
    '    </properties>',
  ]
}

function countOf(cases: readonly TestCase[], result: TestCase['result']): number {
  return cases.filter((each) => each.result === result).length
}

function attributes(cases: readonly TestCase[]): string {
  return (
    `tests="${cases.length}" failures="${countOf(cases, 'failed')}" ` +
    `errors="${countOf(cases, 'unknown')}"`
  )
}

/**
 * A run in the XML that JUnit writes and that test runners of others read: a suite per dataset, a
 * case per check. A run without an end is one error.
 */
export function junitReport(record: ReconciliationRecord): string {
  const { id, reason, run, startedAt } = record
  const name = escapeMarkup(`reconciliation ${id}`)
  const head = '<?xml version="1.0" encoding="UTF-8"?>'
  if (run === null) {
    return [
      head,
      `<testsuites name="${name}" tests="1" failures="0" errors="1">`,
      `  <testsuite name="reconciliation" tests="1" failures="0" errors="1">`,
      '    <testcase classname="reconciliation" name="end"><error type="undecided" ' +
        `message="${escapeMarkup(reason ?? '')}"/></testcase>`,
      '  </testsuite>',
      '</testsuites>',
    ].join('\n')
  }
  const suites = run.datasets.map((dataset) => ({ dataset, cases: testCases(record, dataset) }))
  const time = (durationSeconds(record) ?? 0).toFixed(3)
  return [
    head,
    `<testsuites name="${name}" ${attributes(suites.flatMap(({ cases }) => cases))} time="${time}">`,
    ...suites.flatMap(({ dataset, cases }) => [
      `  <testsuite name="${escapeMarkup(dataset.dataset)}" ${attributes(cases)} ` +
        `time="${(dataset.duration_ms / 1000).toFixed(3)}" timestamp="${escapeMarkup(startedAt)}">`,
      ...propertiesXml(record, dataset),
      ...cases.map((each) => caseXml(dataset, each)),
      '  </testsuite>',
    ]),
    '</testsuites>',
  ].join('\n')
}
