import type pg from 'pg'
import { countEntities, KINDS } from '../population/entity-sql.ts'
import type { EntityType, Tenant } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'

/** A tenant keeps this many companies, so that entities go on having one. */
const MIN_COMPANIES = 4

// FOR UPDATE keeps others from referring to the company from now on, so what is locked next is what
// the delete changes.
const LOCK_COMPANY = 'select from ops.companies where id = $1 for update'
const DELETE_COMPANY = 'delete from ops.companies where id = $1'

async function lockEntitiesOf(
  client: pg.ClientBase,
  type: EntityType,
  companyId: string,
): Promise<number> {
  const { rowCount } = await client.query(
    `select from ${KINDS[type].table} where company_id = $1 order by org_id, entity_id
      for no key update`,
    [companyId],
  )
  return rowCount ?? 0
}

function removeFrom(tenant: Tenant, companyId: string): void {
  const index = tenant.companyIds.indexOf(companyId)
  if (index !== -1) tenant.companyIds.splice(index, 1)
}

/**
 * A tenant stops working for a company: ON DELETE SET NULL changes every entity that belonged to
 * it, without raising a version.
 */
export async function closeCompany(writer: Writer): Promise<void> {
  const { random } = writer
  const tenant = random.pick(writer.tenants)
  if (tenant.companyIds.length <= MIN_COMPANIES) return
  const companyId = random.pick(tenant.companyIds)
  await transact(writer, async (tx) => {
    await tx.client.query(LOCK_COMPANY, [companyId])
    for (const type of ['company', 'person'] satisfies EntityType[]) {
      countEntities(tx, KINDS[type], await lockEntitiesOf(tx.client, type, companyId))
    }
    await tx.client.query(DELETE_COMPANY, [companyId])
    tx.afterCommit(() => removeFrom(tenant, companyId))
    return 'commit'
  })
}
