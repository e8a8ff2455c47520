import {
  DATASETS,
  type Dataset,
  type DatasetReconciliation,
  LIMITS,
  type ReconciliationState,
  SCHEMA_VERSION,
} from '@hq-export/contract'
import { inSpan } from '@hq-export/observability/span.ts'
import { PROGRAM_VERSION } from '@hq-export/runtime/cli/program-version.ts'
import type { Binding } from '../binding/binding-schema.ts'
import { UndecidedError } from './compare/undecided-error.ts'
import { withSides } from './open-sides.ts'
import type {
  ReconcileContext,
  ReconcileProgress,
  ReconcileRequest,
  ReconcileResult,
} from './reconcile-context.ts'
import { type DatasetOutcome, DatasetRun, undecidedDataset } from './run-dataset.ts'
import { sourceRelation } from './source/source-relation.ts'

const PROGRESS_PERIOD_MS = 250

/** Of the states of several parts the one that counts for all: the one that comes first. */
const WORST_FIRST: readonly ReconciliationState[] = ['different', 'undecided', 'repaired', 'equal']

function worst(states: readonly ReconciliationState[]): ReconciliationState {
  return WORST_FIRST.find((state) => states.includes(state)) ?? 'undecided'
}

function atMostEvery(
  periodMs: number,
  tell: (progress: ReconcileProgress) => void,
): (progress: ReconcileProgress) => void {
  let toldAt = Number.NEGATIVE_INFINITY
  return (progress) => {
    if (performance.now() < toldAt + periodMs) return
    toldAt = performance.now()
    tell(progress)
  }
}

function chosen({ datasets }: ReconcileRequest, binding: Binding): readonly Dataset[] {
  return datasets ?? DATASETS.filter((dataset) => sourceRelation(dataset, binding) !== undefined)
}

function compareDatasets(
  context: ReconcileContext,
  request: ReconcileRequest,
): Promise<DatasetOutcome[]> {
  const { maxSeconds = Infinity } = request
  const until = performance.now() + maxSeconds * 1000
  const onProgress = atMostEvery(PROGRESS_PERIOD_MS, context.onProgress ?? (() => {}))
  return withSides(context, async ({ sides, binding }) => {
    const outcomes: DatasetOutcome[] = []
    for (const dataset of chosen(request, binding)) {
      const run = new DatasetRun(sides, binding, dataset, { ...request, until, onProgress })
      outcomes.push(await run.run())
    }
    return outcomes
  })
}

/**
 * Compares both sides while data flows, and sends once more what may be.
 *
 * Reads the source under short snapshots and HQ as of each of them; writes keys to send once more
 * and what was compared, and nothing to HQ. Killed at any moment it leaves nothing behind but a
 * session that the server ends.
 * @throws where no reconciliation began: a database that is not migrated, settings that do not
 * arrive. Whatever else goes wrong is an `undecided` with its reason.
 */
export function reconcile(
  context: ReconcileContext,
  request: ReconcileRequest,
): Promise<ReconcileResult> {
  const startedAt = new Date().toISOString()
  return inSpan('reconcile', { root: true }, async () => {
    const outcomes = await compareDatasets(context, request).catch((error: unknown) => {
      if (!(error instanceof UndecidedError)) throw error
      return (request.datasets ?? DATASETS).map((dataset) => undecidedDataset(dataset, error))
    })
    const datasets: DatasetReconciliation[] = outcomes.map(({ result }) => result)
    return {
      reconciliation: {
        source: context.source,
        schema_version: SCHEMA_VERSION,
        id: request.id,
        kind: request.kind,
        state: worst(datasets.map(({ state }) => state)),
        started_at: startedAt,
        finished_at: new Date().toISOString(),
        scope: request.scope,
        repair: request.repair !== 'off',
        version: PROGRAM_VERSION,
        datasets,
        findings: outcomes
          .flatMap(({ differences }) => differences.map(({ finding }) => finding))
          .slice(0, LIMITS.maxFindings),
      },
      cost: outcomes.map(({ cost }) => cost),
    }
  })
}
