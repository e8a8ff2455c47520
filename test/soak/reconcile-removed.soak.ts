import { datasetByName } from '@hq-export/contract'
import { beforeAll, expect, test } from 'vitest'
import { EVENT_COLUMNS, insertRuns, EVENTS as ROW_SQL } from '../bench/workload/operation-events.ts'
import { SOURCE } from '../support/programs/ingest-client.ts'
import { brief, ReconcileSite } from '../support/programs/reconcile-site.ts'
import { insertEvent, insertOrg, insertRun } from '../support/reference-rows.ts'

const ROWS = 1_000_000
const EVENTS = datasetByName('dx_operation_events_v1')

let site: ReconcileSite
let org: string
let run: string

beforeAll(async () => {
  site = await ReconcileSite.start()
  org = await insertOrg(site.dx)
  run = await insertRun(site.dx, org)
  return () => site[Symbol.asyncDispose]()
})

/** Has the source and HQ have a million events, as if they had been delivered long ago. */
async function fill(first: number): Promise<void> {
  const values = [first, first + ROWS - 1]
  await insertRuns(site.dx, first + ROWS)
  await site.dx.query("set hq_export.disabled = 'on'")
  await site.dx.query(`insert into ops.operation_events (${EVENT_COLUMNS}) ${ROW_SQL}`, values)
  await site.dx.query('reset hq_export.disabled; truncate hq_export.capture_gap')
  await site.hq.query(
    `insert into hq.${EVENTS.name}
       (${EVENT_COLUMNS}, export_schema_version, _dx_xid, _dx_source, _dx_batch)
     select e.*, 'v1', '1', '${SOURCE}', 'soak' from (${ROW_SQL}) e`,
    values,
  )
  for (const client of [site.dx, site.hq]) await client.query('vacuum analyze')
}

async function outcome() {
  await site.settled()
  const began = performance.now()
  const { reconciliation, cost } = await site.run({ datasets: [EVENTS], repair: 'auto' })
  const seconds = Math.round(performance.now() - began) / 1_000
  const heapMb = Math.round(process.memoryUsage().rss / 1_000_000)
  process.stdout.write(`${JSON.stringify({ seconds, rss: heapMb, cost: cost[0] })}\n`)
  const [result] = reconciliation.datasets
  return {
    state: reconciliation.state,
    reason: result?.reason,
    findings: brief(reconciliation.findings),
  }
}

const EQUAL = { state: 'equal', reason: null, findings: {} }

for (const [place, how] of ['delete from', 'truncate'].entries()) {
  test(`${ROWS} rows that ${how} has removed at once are explained, and one that was planted is found`, async () => {
    await fill(place * ROWS + 12)
    await site.dx.query(`${how} ops.operation_events`)
    const later = await insertEvent(site.dx, org, run, { event_sequence: 2_000_000_000 + place })
    expect(await outcome()).toEqual(EQUAL)
    expect(await outcome()).toEqual(EQUAL)
    await site.hq.query('delete from hq.dx_operation_events_v1 where event_id = $1', [later])
    const found = await outcome()
    expect(found).toMatchObject({
      state: 'repaired',
      findings: { [`operation_events ${later}`]: 'missing' },
    })
    expect(await outcome()).toEqual(EQUAL)
  })
}
