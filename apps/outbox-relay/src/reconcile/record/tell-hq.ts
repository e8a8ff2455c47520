import { describeError } from '@hq-export/runtime/describe-error.ts'
import type pg from 'pg'
import { HqClient, PATIENCE_MS } from '../hq/hq-client.ts'
import type { ReconcileContext } from '../reconcile-context.ts'
import { listUntold, noteTold } from './reconciliation-record.ts'

/**
 * Tells HQ of every reconciliation that has ended and that it has not been told of, the oldest
 * first. What it does not take now is told after the next one.
 */
export async function tellHq(client: pg.ClientBase, context: ReconcileContext): Promise<void> {
  const hq = new HqClient({ ...context, patienceMs: PATIENCE_MS })
  try {
    for (const { number, run, findings } of await listUntold(client)) {
      if (run === null) continue
      await hq.record({ ...run, findings: [...findings] })
      await noteTold(client, number)
    }
  } catch (error) {
    context.log.warn(
      { reason: describeError(error) },
      'HQ could not be told of a reconciliation; it is told after the next one',
    )
  }
}
