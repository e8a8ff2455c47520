import { table } from '@hq-export/runtime/table.ts'
import type { ListedRun } from '../list-reconciliations.ts'
import type { ShownRun } from '../show-reconciliation.ts'

function findingsOf(findings: Readonly<Record<string, number>>): string {
  const found = Object.entries(findings).filter(([, count]) => count > 0)
  return found.length === 0 ? '-' : found.map(([name, count]) => `${count} ${name}`).join(', ')
}

/** Runs for people. */
export function printRuns(runs: readonly ListedRun[]): string {
  if (runs.length === 0) return 'no reconciliations'
  return table([
    ['id', 'source', 'kind', 'state', 'finished', 'rows', 'findings'],
    ...runs.map(({ id, source, kind, state, finishedAt, datasets }) => {
      const sums: Record<string, number> = {}
      for (const { findings } of datasets) {
        for (const [name, count] of Object.entries(findings)) {
          sums[name] = (sums[name] ?? 0) + count
        }
      }
      const rows = datasets.reduce((sum, { source_rows: read }) => sum + read, 0)
      return [id, source, kind, state, finishedAt, String(rows), findingsOf(sums)]
    }),
  ])
}

/** One run for people. */
export function printRun({ datasets, findings, findingsKept, scope, ...run }: ShownRun): string {
  const facts = { ...run, orgs: run.orgs?.join(', ') ?? 'all', scope: JSON.stringify(scope) }
  const lines = [
    table(Object.entries(facts).map(([name, value]) => [name, String(value)])),
    table([
      ['dataset', 'state', 'at the source', 'in HQ', 'coverage', 'findings', 'reason'],
      ...datasets.map((dataset) => [
        dataset.dataset,
        dataset.state,
        String(dataset.source_rows),
        String(dataset.hq_rows),
        `${(dataset.coverage * 100).toFixed(1)} %`,
        findingsOf(dataset.findings),
        dataset.reason ?? '-',
      ]),
    ]),
  ]
  if (findings.length > 0) {
    lines.push(
      table([
        ['dataset', 'key', 'class', 'source', 'HQ', 'repair', 'columns'],
        ...findings.map((finding) => [
          finding.dataset,
          finding.key,
          finding.class,
          finding.sourceVersion ?? '-',
          finding.hqVersion ?? '-',
          finding.repair,
          finding.reason ?? (finding.columns.join(', ') || '-'),
        ]),
      ]),
    )
  }
  if (findingsKept > findings.length) lines.push(`of ${findingsKept}: --limit shows more`)
  return lines.join('\n\n')
}
