import { datasetByName } from '@hq-export/contract'
import { beforeAll, expect, test } from 'vitest'
import { brief, ReconcileSite } from '../support/programs/reconcile-site.ts'
import { insertEvent, insertOrg, insertRun } from '../support/reference-rows.ts'

const ROWS = 1_000_000
const EVENTS = datasetByName('dx_operation_events_v1')
/** A relay delivers so many in half a minute where nothing else runs. */
const SETTLE_MS = 600_000

let site: ReconcileSite
let org: string
let run: string

beforeAll(async () => {
  site = await ReconcileSite.start()
  org = await insertOrg(site.dx)
  run = await insertRun(site.dx, org)
  return () => site[Symbol.asyncDispose]()
})

/** Has the source and HQ have a million events more. @param first sequence of the first one. */
async function fill(first: number): Promise<void> {
  await site.dx.query(
    `insert into ops.operation_events
       (event_id, run_id, org_id, entity_id, event_sequence, event_type, entity_type)
     select gen_random_uuid(), $1, $2, gen_random_uuid(), n, 'request_sent', 'company'
     from generate_series($3::int, $3::int + $4::int - 1) n`,
    [run, org, first, ROWS],
  )
  await site.settled(SETTLE_MS)
}

async function outcome() {
  await site.settled(SETTLE_MS)
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
    await fill(place * 2 * ROWS + 1)
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
