import type { Random } from '../random/random.ts'

/** Kinds of entity, as the contract names them. */
export type EntityType = 'company' | 'person'

/** What a writer knows of one tenant; only what has been committed. */
export interface Tenant {
  readonly orgId: string
  /** Rows of `ops.companies`, which `company_id` points to. */
  readonly companyIds: string[]
  /** Entities that exist. */
  readonly entityIds: Readonly<Record<EntityType, string[]>>
  /** Entities that were deleted and may come back. */
  readonly deletedIds: Readonly<Record<EntityType, string[]>>
}

/**
 * The first few entities of a tenant are wanted far more often than the rest: that is where writers
 * meet.
 */
const HOT_ENTITIES = 12
const HOT_SHARE = 0.25

/** A tenant of which nothing is known yet. */
export function createTenant(orgId: string): Tenant {
  return {
    orgId,
    companyIds: [],
    entityIds: { company: [], person: [] },
    deletedIds: { company: [], person: [] },
  }
}

/** An entity of the tenant, often a hot one; undefined where it has none. */
export function pickEntity(tenant: Tenant, type: EntityType, random: Random): string | undefined {
  const ids = tenant.entityIds[type]
  if (ids.length === 0) return undefined
  return random.chance(HOT_SHARE) ? random.pick(ids.slice(0, HOT_ENTITIES)) : random.pick(ids)
}

/** Up to `count` different entities of the tenant, in the order in which statements lock them. */
export function pickEntities(
  tenant: Tenant,
  type: EntityType,
  random: Random,
  count: number,
): string[] {
  const picked = new Set<string>()
  for (let draw = 0; draw < count; draw++) {
    const id = pickEntity(tenant, type, random)
    if (id !== undefined) picked.add(id)
  }
  return [...picked].sort()
}

/** Moves an entity from those that exist to those that were deleted. */
export function forgetEntity(tenant: Tenant, type: EntityType, id: string): void {
  const index = tenant.entityIds[type].indexOf(id)
  if (index === -1) return
  tenant.entityIds[type].splice(index, 1)
  tenant.deletedIds[type].push(id)
}

/** Notes an entity that exists now, new or back. */
export function rememberEntity(tenant: Tenant, type: EntityType, id: string): void {
  const index = tenant.deletedIds[type].indexOf(id)
  if (index !== -1) tenant.deletedIds[type].splice(index, 1)
  if (!tenant.entityIds[type].includes(id)) tenant.entityIds[type].push(id)
}
