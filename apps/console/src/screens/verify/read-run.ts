import { FINDING_CLASSES, type ReconciliationState } from '@hq-export/contract'
import {
  type ShownFinding,
  showReconciliation,
} from '@hq-export/hq-ingest/reconciliation/show-reconciliation.ts'
import {
  type ReconciliationRecord,
  type ReconciliationRun,
  readReconciliation,
  stateOf,
} from '@hq-export/outbox-relay/reconcile/record/reconciliation-record.ts'
import {
  countFindings,
  describeSnapshots,
  nextStep,
  percent,
  runEntries,
} from '@hq-export/outbox-relay/reconcile/report/run-facts.ts'
import type pg from 'pg'
import { count } from '../../page/text.ts'

/** A key that was not the same on both sides. */
export type RunFinding = Omit<ShownFinding, 'orgId'>

/** One comparison, whichever side has recorded it. */
export interface RunView {
  readonly id: string
  readonly state: ReconciliationState
  readonly reason: string | null
  /** What to do next; undefined where there is nothing, or where only the source would know. */
  readonly next: string | undefined
  readonly facts: readonly (readonly [name: string, text: string])[]
  readonly datasets: readonly ReconciliationRun['datasets'][number][]
  /** Snapshots under which it was read; none where only the source knows them. */
  readonly snapshots: readonly {
    readonly dataset: string
    readonly source: string
    readonly hq: string
  }[]
  readonly findings: readonly RunFinding[]
  /** How many there are, listed or not. */
  readonly found: number
  /** The source has it, so that a report can be made of it. */
  readonly hasReport: boolean
}

/** Findings of a page. */
export const PAGE_FINDINGS = 100

function viewOfRecord(record: ReconciliationRecord): RunView {
  const { id, state, reason } = record
  const datasets = record.run?.datasets ?? []
  return {
    ...{ id, state, reason, hasReport: true, next: nextStep(record) },
    facts: runEntries(record),
    datasets: datasets.map((dataset) => ({ ...dataset, state: stateOf(record, dataset) })),
    snapshots: record.cost.map(({ dataset, sourceSnapshots, hqSnapshots }) => ({
      dataset,
      source: describeSnapshots(sourceSnapshots),
      hq: describeSnapshots(hqSnapshots),
    })),
    findings: record.findings.map((finding) => ({
      ...finding,
      sourceVersion: finding.source_version,
      hqVersion: finding.hq_version,
    })),
    found: countFindings(record, FINDING_CLASSES),
  }
}

/** Reads a comparison as data-engine-x has recorded it. @param id a uuid. */
export async function readRunOfSource(
  client: pg.ClientBase,
  id: string,
): Promise<RunView | undefined> {
  const record = await readReconciliation(client, id)
  return record === undefined ? undefined : viewOfRecord(record)
}

/** The same as HQ was told. @param limit findings at most. */
export async function readRunOfHq(
  client: pg.ClientBase,
  id: string,
  limit: number,
): Promise<RunView | undefined> {
  const run = await showReconciliation(client, id, {}, limit)
  if (run === undefined) return undefined
  const { datasets, findings, findingsKept, startedAt, finishedAt } = run
  const inFlight = datasets.reduce((sum, { in_flight }) => sum + in_flight, 0)
  return {
    id: run.id,
    state: run.state as ReconciliationState,
    reason: datasets.find(({ reason }) => reason !== null)?.reason ?? null,
    next: undefined,
    facts: [
      ['source', run.source],
      ['scope', JSON.stringify(run.scope) === '{}' ? 'every bound dataset' : 'a part'],
      ['began by', run.kind],
      ['repair', run.repair ? 'asked for' : 'off'],
      ['began', startedAt],
      ['ended', finishedAt],
      ['compared', percent(Math.min(1, ...datasets.map(({ coverage }) => coverage)))],
      ['keys that changed all the while, left out', count(inFlight)],
      ['version of the relay', run.version],
    ],
    ...{ datasets, findings, snapshots: [], found: findingsKept, hasReport: false },
  }
}
