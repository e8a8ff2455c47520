import { describeError } from '@hq-export/runtime/describe-error.ts'
import type pg from 'pg'
import { HqClient, PATIENCE_MS } from '../hq/hq-client.ts'
import type { ReconcileContext } from '../reconcile-context.ts'
import { listUntold, noteTold, stateOf } from './reconciliation-record.ts'

/**
 * Tells HQ of every reconciliation that has ended and that it has not been told of, the oldest
 * first; of one that was repaired once more when it is proven. What it does not take now is told
 * after the next one.
 */
export async function tellHq(client: pg.ClientBase, context: ReconcileContext): Promise<void> {
  const hq = new HqClient({ ...context, patienceMs: PATIENCE_MS })
  try {
    for (const record of await listUntold(client)) {
      const { run, state, findings } = record
      if (run === null) continue
      const datasets = run.datasets.map((each) => ({ ...each, state: stateOf(record, each) }))
      await hq.record({ ...run, state, datasets, findings: [...findings] })
      await noteTold(client, record)
    }
  } catch (error) {
    context.log.warn(
      { reason: describeError(error) },
      'HQ could not be told of a reconciliation; it is told after the next one',
    )
  }
}
