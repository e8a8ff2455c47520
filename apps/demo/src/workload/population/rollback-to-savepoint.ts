import { drawEnd, drawEvent, drawRun } from './draw-operation.ts'
import { endRuns, insertEvents, insertRuns } from './operation-sql.ts'
import { pickEntity } from './population.ts'
import { type Transaction, transact, type Writer } from './transact.ts'

const UNIQUE_VIOLATION = '23505'

/**
 * Runs `work` under a savepoint and undoes it. Its rows are not counted, because they will not
 * exist.
 * @throws what `work` throws, but for the unique violation that is the point of it.
 */
async function undo(
  tx: Transaction,
  work: (uncounted: Transaction) => Promise<void>,
): Promise<void> {
  await tx.client.query('savepoint attempt')
  try {
    await work({ ...tx, count: () => {} })
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error
  }
  await tx.client.query('rollback to savepoint attempt')
}

/**
 * A transaction that goes on after an error: what stands between savepoint and rollback must not
 * arrive, the rest must.
 */
export async function rollbackToSavepoint(writer: Writer): Promise<void> {
  const { random } = writer
  const tenant = random.pick(writer.tenants)
  const entityId = pickEntity(tenant, 'person', random)
  if (entityId === undefined) return
  const run = drawRun(random, tenant, 'person', entityId, null)
  const lost = drawRun(random, tenant, 'person', entityId, null, 'skipped')
  await transact(writer, async (tx) => {
    await insertRuns(tx, [run])
    await insertEvents(tx, [drawEvent(random, run, 1, 'state_change')])
    await undo(tx, async (uncounted) => {
      await insertRuns(uncounted, [lost])
      await insertEvents(uncounted, [drawEvent(random, lost, 1, 'error')])
    })
    // The sequence number is taken, so this one fails.
    await undo(tx, (uncounted) =>
      insertEvents(uncounted, [drawEvent(random, run, 1, 'request_sent')]),
    )
    await insertEvents(tx, [drawEvent(random, run, 2, 'error')])
    await endRuns(tx, [drawEnd(random, run.run_id, 'failed', 1)])
    await tx.client.query('release savepoint attempt')
    return 'commit'
  })
}
