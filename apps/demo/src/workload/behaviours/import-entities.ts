import { drawEntity } from '../population/draw-entity.ts'
import { KINDS, upsertEntities } from '../population/entity-sql.ts'
import { type EntityType, pickEntities, rememberEntity } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'
import { firstVersion } from '../random/numbers.ts'

/** Rows for export of one imported entity: itself and its snapshot. */
const ROWS_PER_ENTITY = 2
const KNOWN_SHARE = 0.5
/**
 * Beyond this many entities per tenant imports only refresh: a demo that runs all day must not grow
 * for ever.
 */
const MAX_ENTITIES = 20_000

/**
 * A file import: one statement that inserts what is new and refreshes what is known (ON CONFLICT).
 */
export async function importEntities(writer: Writer): Promise<void> {
  const { random } = writer
  const tenant = random.pick(writer.tenants)
  const type: EntityType = random.chance(0.5) ? 'company' : 'person'
  const kind = KINDS[type]
  const size = Math.ceil(writer.pace.bulkRows() / ROWS_PER_ENTITY)
  const known = pickEntities(tenant, type, random, Math.ceil(size * KNOWN_SHARE))
  const isFull = tenant.entityIds[type].length >= MAX_ENTITIES
  const fresh = isFull ? [] : Array.from({ length: size - known.length }, () => random.uuid())
  // What is known may have been deleted since, and comes back at version 1 like everything that
  // comes back.
  const rows = [
    ...known.map((entityId) => drawEntity(random, tenant, kind, entityId, '1')),
    ...fresh.map((entityId) => drawEntity(random, tenant, kind, entityId, firstVersion(random))),
  ]
  await transact(writer, async (tx) => {
    await upsertEntities(tx, kind, rows)
    tx.afterCommit(() => {
      for (const entityId of fresh) rememberEntity(tenant, type, entityId)
    })
    return 'commit'
  })
}
