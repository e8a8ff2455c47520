import { FINDING_CLASSES, REPAIR_STATES } from '@hq-export/contract'
import type { ReconciliationRun } from '@hq-export/outbox-relay/reconcile/record/reconciliation-record.ts'
import { percent } from '@hq-export/outbox-relay/reconcile/report/run-facts.ts'
import { href } from '../../page/href.ts'
import { type Content, type Html, html } from '../../page/html.ts'
import { facts, table } from '../../page/table.ts'
import { commandLine, count, moment } from '../../page/text.ts'
import { stateBadge } from '../../verified/show-verified.ts'
import { PAGE_FINDINGS, type RunFinding, type RunView } from './read-run.ts'

type DatasetRun = ReconciliationRun['datasets'][number]

const INSTANT = /^\d{4}-\d\d-\d\dT/

const FORMATS = [
  ['html', 'HTML, to read and to print'],
  ['json', 'JSON'],
  ['junit', 'JUnit'],
] as const

function counts(all: Readonly<Record<string, number | undefined>>, names: readonly string[]) {
  const found = names.filter((name) => (all[name] ?? 0) > 0)
  return found.map((name) => `${name} ${count(all[name] ?? 0)}`).join(', ') || '-'
}

/** What was compared, and how. */
export function runFacts(run: RunView): Html {
  const entries = run.facts.map(([name, text]): [string, Content] => [
    name,
    INSTANT.test(text) ? moment(text) : text,
  ])
  const downloads = run.hasReport
    ? html`<p>As a file: ${FORMATS.map(
        ([format, title]) =>
          html`<a href="${href(['verify', run.id, 'report'], { format })}">${title}</a> `,
      )}</p>${commandLine(`npm run relay -- reconcile report ${run.id} --format html`)}`
    : html`<p>Reports are made of what data-engine-x has recorded: set DX_DATABASE_URL.</p>`
  return html`${facts('run-facts', entries)}${downloads}`
}

/** What each dataset came to. */
export function datasetRuns({ datasets, reason }: RunView): Html {
  return table<DatasetRun>({
    id: 'run-datasets',
    caption: 'What each dataset came to',
    rows: datasets,
    rowId: ({ dataset }) => dataset,
    empty: `Nothing is recorded of any dataset${reason === null ? '' : `: ${reason}`}.`,
    columns: [
      { title: 'dataset', show: ({ dataset }) => dataset },
      {
        title: 'state',
        show: (of) => html`${stateBadge(of.state)}${of.reason === null ? '' : ` ${of.reason}`}`,
      },
      { title: 'source rows', isNumber: true, show: ({ source_rows }) => count(source_rows) },
      { title: 'HQ rows', isNumber: true, show: ({ hq_rows }) => count(hq_rows) },
      { title: 'compared', isNumber: true, show: ({ coverage }) => percent(coverage) },
      { title: 'in flight', isNumber: true, show: ({ in_flight }) => count(in_flight) },
      { title: 'classes', show: ({ findings }) => counts(findings, FINDING_CLASSES) },
      { title: 'repairs', show: ({ repairs }) => counts(repairs, REPAIR_STATES) },
    ],
  })
}

/** Under which snapshots both sides were read. */
export function snapshotsTable({ snapshots }: RunView): Html {
  return table<RunView['snapshots'][number]>({
    id: 'run-snapshots',
    caption: 'Snapshots under which both sides were read, the first and the last',
    rows: snapshots,
    rowId: ({ dataset }) => dataset,
    empty: 'Only data-engine-x has recorded them.',
    columns: [
      { title: 'dataset', show: ({ dataset }) => dataset },
      { title: 'source', show: ({ source }) => html`<code>${source}</code>` },
      { title: 'HQ', show: ({ hq }) => html`<code>${hq}</code>` },
    ],
  })
}

/** Keys that are not the same, from one of them on. */
export function findingsTable(run: RunView, from: number): Html {
  const shown = run.findings.slice(from, from + PAGE_FINDINGS)
  const next = from + PAGE_FINDINGS
  const more =
    run.findings.length > next
      ? html`<p><a href="${href(['verify', run.id], { from: next })}">More</a> of ${count(run.found)}</p>`
      : ''
  return html`${table<RunFinding>({
    id: 'findings-table',
    caption: 'Keys that are not the same on both sides: names of columns and versions, no value',
    rows: shown,
    rowId: ({ dataset, key }) => `${dataset}.${key}`,
    empty: 'None. A key that is on one side only, or differs in a column, would stand here.',
    columns: [
      {
        title: 'key',
        show: ({ dataset, key }) =>
          html`<a href="${href(['row'], { dataset, key })}"><code>${key}</code></a>`,
      },
      { title: 'dataset', show: ({ dataset }) => dataset },
      {
        title: 'class',
        show: (finding) =>
          html`<a href="${href(['help', `finding.${finding.class}`])}">${finding.class}</a>`,
      },
      { title: 'columns', show: ({ columns }) => columns.join(', ') || '-' },
      { title: 'source', isNumber: true, show: ({ sourceVersion }) => sourceVersion ?? '-' },
      { title: 'HQ', isNumber: true, show: ({ hqVersion }) => hqVersion ?? '-' },
      { title: 'repair', show: ({ repair }) => repair },
      { title: 'reason', show: ({ reason }) => reason ?? '-' },
    ],
  })}${more}`
}
