import { abandonTransaction } from './behaviours/abandon-transaction.ts'
import { changeEntitiesSilently } from './behaviours/change-silently.ts'
import { closeCompany } from './behaviours/close-company.ts'
import { deleteSomeEntities } from './behaviours/delete-entities.ts'
import { enrichEntity } from './behaviours/enrich-entity.ts'
import { importEntities } from './behaviours/import-entities.ts'
import { offboardTenant } from './behaviours/offboard-tenant.ts'
import { restoreEntity } from './behaviours/restore-entity.ts'
import { runOperation } from './behaviours/run-operation.ts'
import { runPipeline } from './behaviours/run-pipeline.ts'
import { rollbackToSavepoint } from './population/rollback-to-savepoint.ts'
import type { Behaviour } from './population/transact.ts'
import type { Random } from './random/random.ts'

/** What the application does, and how often in relation to the rest. */
const WEIGHTED: readonly (readonly [weight: number, behaviour: Behaviour])[] = [
  [30, runOperation],
  [14, runPipeline],
  [20, enrichEntity],
  [5, importEntities],
  [2, changeEntitiesSilently],
  [3, deleteSomeEntities],
  [4, restoreEntity],
  [4, abandonTransaction],
  [3, rollbackToSavepoint],
  [0.4, closeCompany],
  [0.4, offboardTenant],
]

const TOTAL_WEIGHT = WEIGHTED.reduce((sum, [weight]) => sum + weight, 0)

/** Draws what a writer does next. */
export function pickBehaviour(random: Random): Behaviour {
  let draw = random.fraction() * TOTAL_WEIGHT
  for (const [weight, behaviour] of WEIGHTED) {
    draw -= weight
    if (draw < 0) return behaviour
  }
  return runOperation
}
