import { drawEntity } from '../population/draw-entity.ts'
import { enrichEntities, KINDS, readVersions } from '../population/entity-sql.ts'
import { type EntityType, pickEntity } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'

const MAX_TRIES = 3

/**
 * Read, think, `update ... where record_version = <what was read>`, commit: the way data-engine-x
 * changes an entity. Lost to another writer it is rolled back and made again.
 */
export async function enrichEntity(writer: Writer): Promise<void> {
  const { random } = writer
  const tenant = random.pick(writer.tenants)
  const type: EntityType = random.chance(0.5) ? 'company' : 'person'
  const kind = KINDS[type]
  const entityId = pickEntity(tenant, type, random)
  if (entityId === undefined) return
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const done = await transact(writer, async (tx) => {
      const version = (await readVersions(tx, kind, tenant.orgId, [entityId])).get(entityId)
      // Deleted since it was picked.
      if (version === undefined) return 'commit'
      const row = drawEntity(random, tenant, kind, entityId, version)
      return (await enrichEntities(tx, kind, [row])) === 1 ? 'commit' : 'roll back'
    })
    if (done) return
  }
}
