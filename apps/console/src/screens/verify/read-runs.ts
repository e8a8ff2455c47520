import { FINDING_CLASSES, type ReconciliationState } from '@hq-export/contract'
import {
  type ListedRun,
  listReconciliations as listOfHq,
} from '@hq-export/hq-ingest/reconciliation/list-reconciliations.ts'
import {
  listReconciliations,
  type ReconciliationRecord,
} from '@hq-export/outbox-relay/reconcile/record/reconciliation-record.ts'
import {
  countFindings,
  coverageOf,
  describeScope,
} from '@hq-export/outbox-relay/reconcile/report/run-facts.ts'
import type pg from 'pg'

/** One comparison in a list, whichever side has recorded it. */
export interface RunRow {
  readonly id: string
  readonly kind: string
  readonly state: ReconciliationState
  /** Why it is undecided; null where it is not. */
  readonly reason: string | null
  /** ISO 8601. */
  readonly startedAt: string
  readonly finishedAt: string | null
  /** Share of the rows in scope that was compared, 0 to 1. */
  readonly coverage: number
  readonly findings: number
  readonly sent: number
  readonly scope: string
  /** Where the next page begins. */
  readonly cursor: string
}

export const PAGE_ROWS = 25

type Counts = Readonly<Record<string, number | undefined>>
const sum = (counts: Counts) =>
  Object.values(counts).reduce<number>((total, count) => total + (count ?? 0), 0)

function rowOfSource(record: ReconciliationRecord): RunRow {
  const { id, kind, state, reason, startedAt, finishedAt, number, run } = record
  return {
    ...{ id, kind, state, reason, startedAt, finishedAt, cursor: number },
    coverage: coverageOf(record),
    findings: countFindings(record, FINDING_CLASSES),
    sent: (run?.datasets ?? []).reduce((total, { repairs }) => total + (repairs.sent ?? 0), 0),
    scope: describeScope(record),
  }
}

function rowOfHq({ id, kind, state, startedAt, finishedAt, datasets, source, scope }: ListedRun) {
  return {
    ...{ id, kind, startedAt, finishedAt, cursor: finishedAt },
    state: state as ReconciliationState,
    reason: datasets.find(({ reason }) => reason !== null)?.reason ?? null,
    coverage: Math.min(1, ...datasets.map(({ coverage }) => coverage)),
    findings: datasets.reduce((total, { findings }) => total + sum(findings), 0),
    sent: datasets.reduce((total, { repairs }) => total + (repairs.sent ?? 0), 0),
    scope: JSON.stringify(scope) === '{}' ? `all of ${source}` : `a part of ${source}`,
  } satisfies RunRow
}

/**
 * Comparisons as data-engine-x has recorded them, the newest first.
 * @param before cursor of the last one of the page before.
 */
export async function readRunsOfSource(
  client: pg.ClientBase,
  before: string | undefined,
): Promise<RunRow[]> {
  return (await listReconciliations(client, PAGE_ROWS + 1, before)).map(rowOfSource)
}

/** The same as HQ was told. */
export async function readRunsOfHq(
  client: pg.ClientBase,
  before: string | undefined,
): Promise<RunRow[]> {
  return (await listOfHq(client, { before }, PAGE_ROWS + 1)).map(rowOfHq)
}
