import type pg from 'pg'
import { drawEntity } from '../population/draw-entity.ts'
import { KINDS, upsertEntities } from '../population/entity-sql.ts'
import {
  createTenant,
  type EntityType,
  rememberEntity,
  type Tenant,
} from '../population/population.ts'
import { type Connection, transact } from '../population/transact.ts'
import { firstVersion } from '../random/numbers.ts'
import type { Random } from '../random/random.ts'
import { COMPANY_NAMES } from '../random/texts.ts'

const TENANTS = 4
const COMPANIES_PER_TENANT = 12
const ENTITIES_PER_TENANT = 60

const INSERT_ORG = 'insert into ops.orgs (id, name) values ($1, $2)'
const INSERT_COMPANIES = `insert into ops.companies (id, org_id, name)
select c.id, c.org_id, c.name
from pg_catalog.json_to_recordset($1::json) as c(id uuid, org_id uuid, name text)`

/** Inserts an org with companies to work for, in the open transaction. */
export async function insertTenant(
  client: pg.ClientBase,
  random: Random,
  companies: number,
): Promise<Tenant> {
  const tenant = createTenant(random.uuid())
  await client.query(INSERT_ORG, [tenant.orgId, random.pick(COMPANY_NAMES)])
  const rows = Array.from({ length: companies }, () => ({
    id: random.uuid(),
    org_id: tenant.orgId,
    name: random.pick(COMPANY_NAMES),
  }))
  await client.query(INSERT_COMPANIES, [JSON.stringify(rows)])
  tenant.companyIds.push(...rows.map(({ id }) => id))
  return tenant
}

/** The tenants that the workload works for, each with a first stock of entities. */
export async function createTenants(connection: Connection): Promise<Tenant[]> {
  const { random } = connection
  const tenants: Tenant[] = []
  for (let number = 0; number < TENANTS; number++) {
    await transact(connection, async (tx) => {
      const tenant = await insertTenant(tx.client, random, COMPANIES_PER_TENANT)
      for (const type of ['company', 'person'] satisfies EntityType[]) {
        const rows = Array.from({ length: ENTITIES_PER_TENANT }, () =>
          drawEntity(random, tenant, KINDS[type], random.uuid(), firstVersion(random)),
        )
        await upsertEntities(tx, KINDS[type], rows)
        tx.afterCommit(() => {
          for (const { entity_id } of rows) rememberEntity(tenant, type, String(entity_id))
        })
      }
      tx.afterCommit(() => tenants.push(tenant))
      return 'commit'
    })
  }
  return tenants
}
