import { drawEntity } from '../population/draw-entity.ts'
import { countEntities, KINDS, upsertEntities } from '../population/entity-sql.ts'
import type { Tenant } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'
import { insertTenant } from './create-tenants.ts'

const ENTITIES = 5

/** A tenant that tries the product and leaves: its entities go with it (ON DELETE CASCADE). */
export async function offboardTenant(writer: Writer): Promise<void> {
  const { random } = writer
  let tenant: Tenant | undefined
  await transact(writer, async (tx) => {
    const founded = await insertTenant(tx.client, random, 1)
    for (const kind of [KINDS.company, KINDS.person]) {
      const rows = Array.from({ length: ENTITIES }, () =>
        drawEntity(random, founded, kind, random.uuid(), '1'),
      )
      await upsertEntities(tx, kind, rows)
    }
    tx.afterCommit(() => {
      tenant = founded
    })
    return 'commit'
  })
  const orgId = tenant?.orgId
  if (orgId === undefined) return
  await transact(writer, async (tx) => {
    // The companies first: that alone makes a version of every entity that belongs to one.
    const detached = await tx.client.query<{ type: 'company' | 'person'; count: number }>(
      `select 'company' as type, count(company_id)::int as count from entities.company_entities
where org_id = $1
union all select 'person', count(company_id)::int from entities.person_entities where org_id = $1`,
      [orgId],
    )
    await tx.client.query('delete from ops.companies where org_id = $1', [orgId])
    for (const { type, count } of detached.rows) countEntities(tx, KINDS[type], count)
    await tx.client.query('delete from ops.orgs where id = $1', [orgId])
    for (const kind of [KINDS.company, KINDS.person]) countEntities(tx, kind, ENTITIES)
    return 'commit'
  })
}
