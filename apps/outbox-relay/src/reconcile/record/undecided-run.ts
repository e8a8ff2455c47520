import {
  DATASETS,
  FINDING_CLASSES,
  REPAIR_STATES,
  type Reconciliation,
  type ReconciliationState,
} from '@hq-export/contract'
import { programVersion } from '../program-version.ts'
import type { ReconcileRequest, ReconcileResult } from '../reconcile-context.ts'

/** Characters of a reason. */
const MAX_REASON_CHARS = 200

/** Counts of 0. */
export function noCounts<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>
}

/** A dataset of which nothing was compared. */
export function emptyDataset(
  dataset: string,
  state: ReconciliationState,
  reason: string | null,
): Reconciliation['datasets'][number] {
  return {
    dataset,
    state,
    reason: reason?.slice(0, MAX_REASON_CHARS) ?? null,
    algorithm: null,
    spec: null,
    source_rows: 0,
    hq_rows: 0,
    in_flight: 0,
    coverage: 0,
    findings: noCounts(FINDING_CLASSES),
    repairs: noCounts(REPAIR_STATES),
    nulls: {},
    statuses: {},
    duration_ms: 0,
  }
}

/** What a reconciliation came to that could not even begin. */
export function undecidedRun(
  source: string,
  request: ReconcileRequest,
  reason: string,
): ReconcileResult {
  const now = new Date().toISOString()
  return {
    reconciliation: {
      source,
      schema_version: 'v1',
      id: request.id,
      kind: request.kind,
      state: 'undecided',
      started_at: now,
      finished_at: now,
      scope: request.scope,
      repair: request.repair !== 'off',
      version: programVersion(),
      datasets: (request.datasets ?? DATASETS).map(({ name }) =>
        emptyDataset(name, 'undecided', reason),
      ),
      findings: [],
    },
    cost: [],
  }
}
