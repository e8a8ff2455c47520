import type { Random } from '../random/random.ts'
import type { EntityKind, EntityRow } from './entity-kind.ts'
import type { Tenant } from './population.ts'

/** Share of entities that belong to no company of the tenant. */
const HOMELESS_SHARE = 0.15

/**
 * A whole row of an entity.
 * @param version of a new entity, or the one that an enrichment expects to find.
 * @param pipelineRunId run that changes it; null for a change by hand.
 */
export function drawEntity(
  random: Random,
  tenant: Tenant,
  kind: EntityKind,
  entityId: string,
  version: string,
  pipelineRunId: string | null = null,
): EntityRow {
  const hasCompany = tenant.companyIds.length > 0 && !random.chance(HOMELESS_SHARE)
  return {
    org_id: tenant.orgId,
    entity_id: entityId,
    company_id: hasCompany ? random.pick(tenant.companyIds) : null,
    last_run_id: pipelineRunId,
    record_version: version,
    ...kind.draw(random),
  }
}
