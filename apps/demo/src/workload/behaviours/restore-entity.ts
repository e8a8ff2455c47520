import { drawEntity } from '../population/draw-entity.ts'
import { deleteEntities, KINDS, upsertEntities } from '../population/entity-sql.ts'
import { type EntityType, pickEntity, rememberEntity } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'

const SAME_TRANSACTION_SHARE = 0.3

/**
 * An entity that was deleted comes back under the same id, at version 1 again; now and then deleted
 * and inserted in one transaction, as a "replace" does.
 */
export async function restoreEntity(writer: Writer): Promise<void> {
  const { random } = writer
  const tenant = random.pick(writer.tenants)
  const type: EntityType = random.chance(0.5) ? 'company' : 'person'
  const kind = KINDS[type]
  const isReplacement = random.chance(SAME_TRANSACTION_SHARE)
  const deletedIds = tenant.deletedIds[type]
  const entityId = isReplacement
    ? pickEntity(tenant, type, random)
    : deletedIds.length === 0
      ? undefined
      : random.pick(deletedIds)
  if (entityId === undefined) return
  await transact(writer, async (tx) => {
    if (isReplacement) await deleteEntities(tx, kind, tenant.orgId, [entityId])
    await upsertEntities(tx, kind, [drawEntity(random, tenant, kind, entityId, '1')])
    tx.afterCommit(() => rememberEntity(tenant, type, entityId))
    return 'commit'
  })
}
