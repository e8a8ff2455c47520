import { FINDING_CLASSES, REPAIR_STATES, type Reconciliation } from '@hq-export/contract'
import { escapeMarkup } from '@hq-export/runtime/escape-markup.ts'
import { type ReconciliationRecord, stateOf } from '../record/reconciliation-record.ts'
import { STYLE } from './report-style.ts'
import { count, describeSnapshots, nextStep, percent, runEntries } from './run-facts.ts'

type DatasetRun = Reconciliation['datasets'][number]

const MEANINGS: Readonly<Record<ReconciliationRecord['state'], string>> = {
  equal: 'Everything in scope was compared and is the same on both sides.',
  different: 'Keys differ. They are listed below.',
  repaired: 'What differed was sent once more. Only a later reading proves that it arrived.',
  undecided: 'It could not be told whether both sides are equal. Never take this for equal.',
}

function cells(tag: 'td' | 'th', values: readonly string[], firstNumber: number): string {
  return values
    .map((value, index) => {
      const number = index >= firstNumber ? ' class="number"' : ''
      return `<${tag}${number}>${escapeMarkup(value)}</${tag}>`
    })
    .join('')
}

/** @param firstNumber column from which on there are numbers. */
function htmlTable(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  firstNumber: number,
): string {
  return [
    `<table><caption>${escapeMarkup(caption)}</caption>`,
    `<thead><tr>${cells('th', head, firstNumber)}</tr></thead>`,
    '<tbody>',
    ...rows.map((row) => `<tr>${cells('td', row, firstNumber)}</tr>`),
    '</tbody></table>',
  ].join('\n')
}

function facts(entries: readonly (readonly [string, string])[]): string {
  const items = entries.map(
    ([name, value]) => `<dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(value)}</dd>`,
  )
  return `<dl>\n${items.join('\n')}\n</dl>`
}

function pairRows(datasets: readonly DatasetRun[], of: 'nulls' | 'statuses'): string[][] {
  return datasets.flatMap((dataset) =>
    Object.entries(dataset[of]).map(([name, [source, hq]]) => [
      dataset.dataset,
      name,
      count(source),
      count(hq),
    ]),
  )
}

function datasetTables(record: ReconciliationRecord): string[] {
  const datasets = record.run?.datasets ?? []
  const costOf = (name: string) => record.cost.find(({ dataset }) => dataset === name)
  return [
    htmlTable(
      'Datasets',
      ['dataset', 'state', 'reason', 'source rows', 'HQ rows', 'compared', 'in flight'],
      datasets.map((dataset) => [
        dataset.dataset,
        stateOf(record, dataset),
        dataset.reason ?? '-',
        count(dataset.source_rows),
        count(dataset.hq_rows),
        percent(dataset.coverage),
        count(dataset.in_flight),
      ]),
      3,
    ),
    htmlTable(
      'Findings by class',
      ['dataset', ...FINDING_CLASSES],
      datasets.map(({ dataset, findings }) => [
        dataset,
        ...FINDING_CLASSES.map((name) => count(findings[name] ?? 0)),
      ]),
      1,
    ),
    htmlTable(
      'Repairs',
      ['dataset', ...REPAIR_STATES],
      datasets.map(({ dataset, repairs }) => [
        dataset,
        ...REPAIR_STATES.map((name) => count(repairs[name] ?? 0)),
      ]),
      1,
    ),
    htmlTable(
      'Rows without a value, by critical field',
      ['dataset', 'field', 'source', 'HQ'],
      pairRows(datasets, 'nulls'),
      2,
    ),
    htmlTable(
      'Rows by status',
      ['dataset', 'status', 'source', 'HQ'],
      pairRows(datasets, 'statuses'),
      2,
    ),
    htmlTable(
      'How it was compared',
      ['dataset', 'checksum', 'spec', 'ranges', 'buckets read', 'keys read again', 'seconds'],
      datasets.map(({ dataset, algorithm, spec, duration_ms }) => {
        const cost = costOf(dataset)
        return [
          dataset,
          algorithm ?? '-',
          spec ?? '-',
          cost === undefined ? '-' : count(cost.ranges),
          cost === undefined ? '-' : count(cost.dirtyBuckets),
          cost === undefined ? '-' : count(cost.rechecked),
          (duration_ms / 1000).toFixed(1),
        ]
      }),
      3,
    ),
    htmlTable(
      'Snapshots under which it was read, the first and the last',
      ['dataset', 'source', 'HQ'],
      record.cost.map(({ dataset, sourceSnapshots, hqSnapshots }) => [
        dataset,
        describeSnapshots(sourceSnapshots),
        describeSnapshots(hqSnapshots),
      ]),
      Number.POSITIVE_INFINITY,
    ),
  ]
}

function findingsTable({ findings }: ReconciliationRecord): string {
  return htmlTable(
    'Findings: keys, names of columns and versions, no value',
    ['dataset', 'class', 'key', 'org', 'columns', 'source', 'HQ', 'repair', 'reason'],
    findings.map((finding) => [
      finding.dataset,
      finding.class,
      finding.key,
      finding.org_id ?? '-',
      finding.columns.join(', ') || '-',
      finding.source_version ?? '-',
      finding.hq_version ?? '-',
      finding.repair,
      finding.reason ?? '-',
    ]),
    Number.POSITIVE_INFINITY,
  )
}

/**
 * A run as one file that needs no other: no script, nothing that is loaded, light and dark, and
 * fit to be printed. Its tags are closed, so that it is XML, too.
 */
export function htmlReport(record: ReconciliationRecord): string {
  const { id, state, reason } = record
  const title = escapeMarkup(`Reconciliation ${id}: ${state}`)
  const next = nextStep(record)
  return [
    '<!DOCTYPE html>',
    '<html lang="en"><head><meta charset="utf-8"/>',
    '<meta http-equiv="Content-Security-Policy" ' +
      `content="default-src 'none'; style-src 'unsafe-inline'"/>`,
    '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
    '<meta name="color-scheme" content="light dark"/>',
    `<title>${title}</title>`,
    `<style>${STYLE}</style></head>`,
    '<body><main>',
    '<h1>Reconciliation</h1>',
    `<p class="state ${state}"><strong>${state}</strong> ${escapeMarkup(MEANINGS[state])}</p>`,
    ...(reason === null ? [] : [`<p>Reason: ${escapeMarkup(reason)}</p>`]),
    ...(next === undefined ? [] : [`<p>Next: ${escapeMarkup(next)}</p>`]),
    facts(runEntries(record)),
    ...datasetTables(record),
    ...(record.findings.length === 0 ? [] : [findingsTable(record)]),
    '</main></body></html>',
  ].join('\n')
}
