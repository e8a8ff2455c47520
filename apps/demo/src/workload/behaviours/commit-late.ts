import { setTimeout as delay } from 'node:timers/promises'
import { drawEntity } from '../population/draw-entity.ts'
import { drawEnd, drawEvent, drawRun } from '../population/draw-operation.ts'
import { KINDS, upsertEntities } from '../population/entity-sql.ts'
import { endRuns, insertEvents, insertRuns } from '../population/operation-sql.ts'
import { rememberEntity } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'

const MIN_OPEN_MS = 500
const MAX_OPEN_MS = 3_000

/**
 * Writes, stays open while thousands of later transactions commit, then commits: whoever exports by
 * sequence number or by time has passed these rows by. Repeatable read, as a report that also
 * writes would be.
 */
export async function commitLate(writer: Writer): Promise<void> {
  const { random, stopping } = writer
  const tenant = random.pick(writer.tenants)
  const kind = KINDS.company
  const entityId = random.uuid()
  const run = drawRun(random, tenant, 'company', entityId, null)
  await transact(
    writer,
    async (tx) => {
      await insertRuns(tx, [run])
      await insertEvents(tx, [drawEvent(random, run, 1, 'state_change')])
      await upsertEntities(tx, kind, [drawEntity(random, tenant, kind, entityId, '1')])
      // The end of the workload cuts the wait short; the transaction commits all the same.
      const openMs = random.integer(MIN_OPEN_MS, MAX_OPEN_MS)
      await delay(openMs, undefined, { signal: stopping }).catch((error: unknown) => {
        if (!stopping.aborted) throw error
      })
      await insertEvents(tx, [drawEvent(random, run, 2, 'state_change')])
      await endRuns(tx, [drawEnd(random, run.run_id, 'succeeded', 1)])
      tx.afterCommit(() => rememberEntity(tenant, 'company', entityId))
      return 'commit'
    },
    'repeatable read',
  )
}
