import { changeSilently, KINDS } from '../population/entity-sql.ts'
import { type EntityType, pickEntity } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'

const MAX_ENTITIES = 40

/** A maintenance script that changes many entities and forgets their versions. */
export async function changeEntitiesSilently(writer: Writer): Promise<void> {
  const { random } = writer
  const tenant = random.pick(writer.tenants)
  const type: EntityType = random.chance(0.5) ? 'company' : 'person'
  const first = pickEntity(tenant, type, random)
  if (first === undefined) return
  const limit = random.integer(1, MAX_ENTITIES)
  await transact(writer, async (tx) => {
    await changeSilently(tx, KINDS[type], tenant.orgId, first, limit)
    return 'commit'
  })
}
