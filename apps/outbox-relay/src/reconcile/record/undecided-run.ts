import { DATASETS } from '@hq-export/contract'
import { PROGRAM_VERSION } from '@hq-export/runtime/cli/program-version.ts'
import { emptyDataset } from '../empty-dataset.ts'
import type { ReconcileRequest, ReconcileResult } from '../reconcile-context.ts'

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
      version: PROGRAM_VERSION,
      datasets: (request.datasets ?? DATASETS).map(({ name }) =>
        emptyDataset(name, 'undecided', reason),
      ),
      findings: [],
    },
    cost: [],
  }
}
