import { drawEntity } from '../population/draw-entity.ts'
import { drawEnd, drawEvent, drawRun } from '../population/draw-operation.ts'
import { enrichEntities, KINDS, lockVersions } from '../population/entity-sql.ts'
import { endRuns, insertEvents, insertRuns } from '../population/operation-sql.ts'
import { type EntityType, pickEntities } from '../population/population.ts'
import { transact, type Writer } from '../population/transact.ts'

/** Rows for export that one run of a pipeline makes: itself and its events. */
const ROWS_PER_RUN = 5
const SKIPPED_SHARE = 0.1

const INSERT_PIPELINE_RUN = `
insert into ops.pipeline_runs (id, org_id, company_id, workflow_id) values ($1, $2, $3, $4)`
const END_PIPELINE_RUN = `
update ops.pipeline_runs set status = 'succeeded', ended_at = pg_catalog.clock_timestamp()
where id = $1`

/**
 * A workflow over many entities: every run begins in one transaction and ends in another, which
 * enriches some of the entities.
 */
export async function runPipeline(writer: Writer): Promise<void> {
  const { random } = writer
  const tenant = random.pick(writer.tenants)
  const type: EntityType = random.chance(0.5) ? 'company' : 'person'
  const kind = KINDS[type]
  const size = Math.ceil(writer.pace.bulkRows() / ROWS_PER_RUN)
  const entityIds = pickEntities(tenant, type, random, size)
  const pipelineRunId = random.uuid()
  const companyId = tenant.companyIds.length === 0 ? null : random.pick(tenant.companyIds)
  const runs = entityIds.map((entityId) => {
    const status = random.chance(SKIPPED_SHARE) ? 'skipped' : 'running'
    return drawRun(random, tenant, type, entityId, pipelineRunId, status)
  })
  const running = runs.filter(({ status }) => status === 'running')
  if (running.length === 0) return

  const begun = await transact(writer, async (tx) => {
    await tx.client.query(INSERT_PIPELINE_RUN, [pipelineRunId, tenant.orgId, companyId, 'bulk'])
    await insertRuns(tx, runs)
    const events = running.flatMap((run) => [
      drawEvent(random, run, 1, 'state_change'),
      drawEvent(random, run, 2, 'request_sent'),
    ])
    await insertEvents(tx, events)
    return 'commit'
  })
  if (!begun) return
  await transact(writer, async (tx) => {
    const events = running.flatMap((run) => [
      drawEvent(random, run, 3, random.chance(0.1) ? 'cache_hit' : 'response_received'),
      drawEvent(random, run, 4, 'state_change'),
    ])
    await insertEvents(tx, events)
    await endRuns(
      tx,
      running.map(({ run_id }) => drawEnd(random, run_id, 'succeeded', 1)),
    )
    // A tenth of the entities is enough: the rest was found unchanged.
    const changed = entityIds.filter(() => random.chance(0.1))
    const versions = await lockVersions(tx, kind, tenant.orgId, changed)
    const rows = [...versions].map(([entityId, version]) =>
      drawEntity(random, tenant, kind, entityId, version, pipelineRunId),
    )
    await enrichEntities(tx, kind, rows)
    await tx.client.query(END_PIPELINE_RUN, [pipelineRunId])
    return 'commit'
  })
}
