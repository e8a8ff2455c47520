import { deleteEntities, KINDS } from '../population/entity-sql.ts'
import { type EntityType, forgetEntity, pickEntities } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'

const MAX_ENTITIES = 4

/** A few entities are removed, for instance because somebody asked not to be known. */
export async function deleteSomeEntities(writer: Writer): Promise<void> {
  const { random } = writer
  const tenant = random.pick(writer.tenants)
  const type: EntityType = random.chance(0.5) ? 'company' : 'person'
  const entityIds = pickEntities(tenant, type, random, random.integer(1, MAX_ENTITIES))
  await transact(writer, async (tx) => {
    const deleted = await deleteEntities(tx, KINDS[type], tenant.orgId, entityIds)
    tx.afterCommit(() => {
      for (const entityId of deleted) forgetEntity(tenant, type, entityId)
    })
    return 'commit'
  })
}
