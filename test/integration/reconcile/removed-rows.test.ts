import { datasetByName } from '@hq-export/contract'
import { beforeAll, expect, test } from 'vitest'
import { brief, ReconcileSite } from '../../support/programs/reconcile-site.ts'
import { insertEvent, insertOrg, insertRun } from '../../support/reference-rows.ts'

let site: ReconcileSite
let org: string

beforeAll(async () => {
  site = await ReconcileSite.start()
  org = await insertOrg(site.dx)
  return () => site[Symbol.asyncDispose]()
})

const datasets = ['dx_operation_runs_v1', 'dx_operation_events_v1'].map(datasetByName)

async function outcome() {
  await site.settled()
  const { reconciliation, cost } = await site.run({ datasets, repair: 'auto' })
  return {
    state: reconciliation.state,
    findings: brief(reconciliation.findings),
    dirty: cost.reduce((sum, { dirtyBuckets }) => sum + dirtyBuckets, 0),
  }
}

const EQUAL = { state: 'equal', findings: {} }

test('rows that the source has deleted are explained once, and noticed where they change', async () => {
  const [kept, gone] = [await insertRun(site.dx, org), await insertRun(site.dx, org)]
  for (const run of [kept, gone]) await insertEvent(site.dx, org, run)
  expect(await outcome()).toEqual({ ...EQUAL, dirty: 0 })
  // Its event goes with it.
  await site.dx.query('delete from ops.operation_runs where run_id = $1', [gone])
  await site.settled()
  // None is read again, however many there are: that could be too much to be decided.
  const { reconciliation, cost } = await site.run({ datasets, scope: { org_id: org } })
  expect(reconciliation.state).toBe('equal')
  expect(cost.map(({ rechecked }) => rechecked)).toEqual([0, 0])
  expect(await outcome()).toEqual({ ...EQUAL, dirty: 0 })

  const change = (text: string) =>
    site.hq.query('update hq.dx_operation_runs_v1 set error_code = $2 where run_id = $1', [
      gone,
      text === '' ? null : text,
    ])
  await change('changed')
  const found = { state: 'different', findings: { [`operation_runs ${gone}`]: 'different' } }
  expect(await outcome()).toEqual({ ...found, dirty: 1 })
  expect(await outcome()).toEqual({ ...found, dirty: 1 })
  await change('')
  expect(await outcome()).toEqual({ ...EQUAL, dirty: 0 })

  // There again, as it was: the same row of HQ, and no removed one.
  const { rows } = await site.hq.query(
    'select created_at::text, started_at::text, entity_id from hq.dx_operation_runs_v1 where run_id = $1',
    [gone],
  )
  await insertRun(site.dx, org, { run_id: gone, ...rows[0] })
  expect(await outcome()).toEqual({ ...EQUAL, dirty: 1 })
  expect(await outcome()).toEqual({ ...EQUAL, dirty: 0 })
})

test('thousands of rows that a TRUNCATE has removed are explained by sums, beside what is there', async () => {
  const run = await insertRun(site.dx, org)
  const ROWS = 6_000
  await site.settled()
  await site.dx.query(
    `insert into ops.operation_events
       (event_id, run_id, org_id, entity_id, event_sequence, event_type, entity_type)
     select gen_random_uuid(), $1, $2, gen_random_uuid(), n, 'request_sent', 'company'
     from generate_series(1, $3::int) n`,
    [run, org, ROWS],
  )
  await site.settled()
  await site.dx.query('truncate ops.operation_events')
  const later: string[] = []
  for (let n = 1; n <= 3; n++)
    later.push(await insertEvent(site.dx, org, run, { event_sequence: ROWS + n }))
  // One bucket has the row that was deleted before, which its note counts: its rows are read.
  const { dirty, ...explained } = await outcome()
  expect([explained, dirty]).toEqual([EQUAL, 1])
  await site.hq.query(
    'update hq.dx_operation_events_v1 set http_status = 418 where event_id = $1',
    [later[0]],
  )
  const found = await outcome()
  expect(found).toMatchObject({
    state: 'different',
    findings: { [`operation_events ${later[0]}`]: 'different http_status' },
  })
  expect(found.dirty).toBeLessThanOrEqual(2)
  await site.hq.query('delete from hq.dx_operation_events_v1 where run_id = $1', [run])
})

test('rows that a TRUNCATE has removed are explained, and those of later transactions are not', async () => {
  const run = await insertRun(site.dx, org)
  await insertEvent(site.dx, org, run)
  await site.settled()
  await site.dx.query('truncate ops.operation_events')
  const later = await insertEvent(site.dx, org, run, { event_sequence: 2 })
  expect(await outcome()).toMatchObject(EQUAL)
  // None is read again, however many there are: that could be too much to be decided.
  const { cost } = await site.run({ datasets })
  expect(cost.map(({ rechecked }) => rechecked)).toEqual([0, 0])
  await site.dx.query('alter table ops.operation_events disable trigger user')
  await site.dx.query('delete from ops.operation_events where event_id = $1', [later])
  await site.dx.query('alter table ops.operation_events enable trigger user')
  expect(await outcome()).toMatchObject({
    state: 'different',
    findings: { [`operation_events ${later}`]: 'extra' },
  })
})
