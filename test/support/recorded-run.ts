import { randomUUID } from 'node:crypto'
import type { Finding, Reconciliation, ReconciliationState } from '@hq-export/contract'
import { emptyDataset } from '@hq-export/outbox-relay/reconcile/empty-dataset.ts'
import type {
  ReconcileRequest,
  ReconcileResult,
} from '@hq-export/outbox-relay/reconcile/reconcile-context.ts'
import {
  beginReconciliation,
  finishReconciliation,
} from '@hq-export/outbox-relay/reconcile/record/reconciliation-record.ts'
import type pg from 'pg'

export const COMPANIES = 'dx_company_entities_v1'

/** A finding; what a test does not say is of no matter to it. */
export function finding(fields: Partial<Finding> = {}): Finding {
  return {
    dataset: COMPANIES,
    key: randomUUID(),
    org_id: null,
    class: 'missing',
    columns: [],
    source_version: '2',
    hq_version: null,
    reason: null,
    repair: 'none',
    ...fields,
  }
}

/** A request for everything. */
export function request(fields: Partial<ReconcileRequest> = {}): ReconcileRequest {
  return {
    id: randomUUID(),
    kind: 'daily',
    datasets: null,
    scope: {},
    repair: 'auto',
    ...fields,
  }
}

/** What a run of one dataset came to. */
export function result(
  { id, kind, scope, repair }: ReconcileRequest,
  state: ReconciliationState,
  fields: Partial<Reconciliation['datasets'][number]> & { found?: readonly Finding[] } = {},
): ReconcileResult {
  const { found = [], ...dataset } = fields
  const count = (of: (each: Finding) => string, name: string) =>
    found.filter((each) => of(each) === name).length
  const empty = emptyDataset(COMPANIES, state, state === 'undecided' ? 'it was stopped' : null)
  const entries = (counts: Record<string, number>, of: (each: Finding) => string) =>
    Object.fromEntries(Object.keys(counts).map((name) => [name, count(of, name)]))
  return {
    reconciliation: {
      source: 'data-engine-x',
      schema_version: 'v1',
      id,
      kind,
      state,
      started_at: '2026-03-01T03:00:00.000000Z',
      finished_at: '2026-03-01T03:00:10.000000Z',
      scope,
      repair: repair !== 'off',
      version: '0.0.0',
      datasets: [
        {
          ...empty,
          source_rows: 1000,
          hq_rows: 999,
          coverage: state === 'undecided' ? 0 : 1,
          algorithm: 'DXC-1',
          spec: '0123456789abcdef',
          findings: entries(empty.findings, (each) => each.class) as typeof empty.findings,
          repairs: entries(empty.repairs, (each) => each.repair) as typeof empty.repairs,
          ...dataset,
        },
      ],
      findings: [...found],
    },
    cost: [
      {
        dataset: COMPANIES,
        ranges: 1,
        sourceSeconds: 1,
        fenceSeconds: 0,
        hqSeconds: 1,
        dirtyBuckets: 1,
        rechecked: found.length,
        capReached: false,
        oldestRangeSeconds: 10,
      },
    ],
  }
}

/** Records a run with its end, as whoever ran it would. */
export async function recordRun(
  client: pg.ClientBase,
  asked: ReconcileRequest,
  ended: ReconcileResult,
): Promise<string> {
  const number = await beginReconciliation(client, asked)
  await finishReconciliation(client, number, ended)
  return number
}
