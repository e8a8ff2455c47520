import { drawEntity } from '../population/draw-entity.ts'
import { drawEnd, drawEvent, drawRun } from '../population/draw-operation.ts'
import { deleteEntities, KINDS, upsertEntities } from '../population/entity-sql.ts'
import { endRuns, insertEvents, insertRuns } from '../population/operation-sql.ts'
import { type EntityType, pickEntities } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'

/** Writes to every dataset and rolls all of it back: HQ must see nothing of this. */
export async function abandonTransaction(writer: Writer): Promise<void> {
  const { random } = writer
  const tenant = random.pick(writer.tenants)
  const type: EntityType = random.chance(0.5) ? 'company' : 'person'
  const kind = KINDS[type]
  const run = drawRun(random, tenant, type, random.uuid(), null)
  await transact(writer, async (tx) => {
    await insertRuns(tx, [run])
    await insertEvents(tx, [drawEvent(random, run, 1, 'state_change')])
    await endRuns(tx, [drawEnd(random, run.run_id, 'succeeded', 1)])
    await upsertEntities(tx, kind, [drawEntity(random, tenant, kind, String(run.entity_id), '1')])
    await deleteEntities(tx, kind, tenant.orgId, pickEntities(tenant, type, random, 2))
    return 'roll back'
  })
}
