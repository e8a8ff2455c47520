import { drawEntity } from '../population/draw-entity.ts'
import {
  drawEnd,
  drawEvent,
  drawRun,
  type EndStatus,
  type EventType,
} from '../population/draw-operation.ts'
import { enrichEntities, KINDS, readVersions } from '../population/entity-sql.ts'
import {
  endRuns,
  insertEvents,
  insertRuns,
  type RunRow,
  retryRun,
} from '../population/operation-sql.ts'
import { type EntityType, pickEntity, type Tenant } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'

const MAX_ATTEMPTS = 3
const RETRY_SHARE = 0.25

function drawStatus(writer: Writer): EndStatus {
  const draw = writer.random.fraction()
  if (draw < 0.75) return 'succeeded'
  return draw < 0.9 ? 'failed' : 'canceled'
}

/** Ends the run; where it succeeded, what it found goes into the entity in the same transaction. */
async function finish(
  writer: Writer,
  tenant: Tenant,
  type: EntityType,
  run: RunRow,
  sequence: number,
  attempts: number,
): Promise<boolean> {
  const { random } = writer
  const status = drawStatus(writer)
  return transact(writer, async (tx) => {
    const events: EventType[] =
      status === 'succeeded'
        ? ['response_received', 'state_change']
        : status === 'failed'
          ? ['error', 'state_change']
          : ['state_change']
    await insertEvents(
      tx,
      events.map((event, index) => drawEvent(random, run, sequence + index, event)),
    )
    await endRuns(tx, [drawEnd(random, run.run_id, status, attempts)])
    if (status !== 'succeeded') return 'commit'
    const kind = KINDS[type]
    const entityId = String(run.entity_id)
    const version = (await readVersions(tx, kind, tenant.orgId, [entityId])).get(entityId)
    // Deleted since: the run succeeded all the same.
    if (version === undefined) return 'commit'
    const row = drawEntity(random, tenant, kind, entityId, version)
    return (await enrichEntities(tx, kind, [row])) === 1 ? 'commit' : 'roll back'
  })
}

/**
 * One operation as the application runs it: a transaction when it begins, one for every retry, one
 * when it ends. Where another writer changed the entity first, the last one is rolled back and made
 * again.
 */
export async function runOperation(writer: Writer): Promise<void> {
  const { random } = writer
  const tenant = random.pick(writer.tenants)
  const type: EntityType = random.chance(0.5) ? 'company' : 'person'
  const entityId = pickEntity(tenant, type, random)
  if (entityId === undefined) return
  const run = drawRun(random, tenant, type, entityId, null)
  const begun = await transact(writer, async (tx) => {
    await insertRuns(tx, [run])
    const events: EventType[] = ['state_change', 'request_sent']
    await insertEvents(
      tx,
      events.map((event, index) => drawEvent(random, run, index + 1, event)),
    )
    return 'commit'
  })
  if (!begun) return

  let sequence = 3
  let attempts = 1
  while (attempts < MAX_ATTEMPTS && random.chance(RETRY_SHARE)) {
    const first = sequence
    const retried = await transact(writer, async (tx) => {
      const events: EventType[] = ['error', 'retry_scheduled', 'request_sent']
      await insertEvents(
        tx,
        events.map((event, index) => drawEvent(random, run, first + index, event)),
      )
      await retryRun(tx, String(run.run_id))
      return 'commit'
    })
    if (!retried) break
    attempts++
    sequence += 3
  }
  for (let tries = 0; tries < MAX_ATTEMPTS; tries++) {
    if (await finish(writer, tenant, type, run, sequence, attempts)) return
  }
}
