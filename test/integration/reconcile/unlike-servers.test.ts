import { randomUUID } from 'node:crypto'
import { datasetByName } from '@hq-export/contract'
import { compareKeys } from '@hq-export/outbox-relay/reconcile/compare-keys.ts'
import { beforeAll, expect, test } from 'vitest'
import { brief, ReconcileSite } from '../../support/programs/reconcile-site.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { waitFor } from '../../support/wait-for.ts'

const COMPANIES = datasetByName('dx_company_entities_v1')
const ROWS = 8

let site: ReconcileSite
const ids: string[] = []

beforeAll(async () => {
  site = await ReconcileSite.start()
  const org = await insertOrg(site.dx)
  for (let n = 0; n < ROWS; n++) ids.push(await insertCompany(site.dx, org))
  await site.settled()
  return () => site[Symbol.asyncDispose]()
})

async function outcome() {
  const { reconciliation, cost } = await site.run({ datasets: [COMPANIES] })
  const [result] = reconciliation.datasets
  return {
    state: reconciliation.state,
    reason: result?.reason,
    algorithm: result?.algorithm,
    findings: Object.values(brief(reconciliation.findings)),
    ranges: cost[0]?.ranges,
  }
}

/** Has HQ's server hash records otherwise, as one of another version or architecture may. */
async function hashOtherwise(): Promise<void> {
  await site.hq.query(
    'alter function pg_catalog.hash_record_extended(record, bigint) rename to hash_record_here',
  )
  await site.hq.query(`
    create function pg_catalog.hash_record_extended(value record, seed bigint) returns bigint
    language plpgsql immutable parallel safe
    as $$ begin return pg_catalog.hash_record_here(value, seed) # 1; end $$`)
}

async function hashAlike(): Promise<void> {
  await site.hq.query('drop function pg_catalog.hash_record_extended(record, bigint)')
  await site.hq.query(
    'alter function pg_catalog.hash_record_here(record, bigint) rename to hash_record_extended',
  )
}

test('servers that hash records otherwise are compared by the portable checksum', async () => {
  expect(await outcome()).toMatchObject({ state: 'equal', algorithm: 'DXC-1' })
  await hashOtherwise()
  expect(await outcome()).toMatchObject({ state: 'equal', algorithm: 'DXC-2', findings: [] })
  const name = async (text: string) =>
    site.hq.query('update hq.dx_company_entities_v1 set canonical_name = $2 where entity_id = $1', [
      ids[0],
      text,
    ])
  const { rows } = await site.hq.query(
    'select canonical_name from hq.dx_company_entities_v1 where entity_id = $1',
    [ids[0]],
  )
  await name('other')
  expect(await outcome()).toMatchObject({
    state: 'different',
    algorithm: 'DXC-2',
    findings: ['different canonical_name'],
  })
  await name(rows[0]?.canonical_name)
  await hashAlike()
  expect(await outcome()).toMatchObject({ state: 'equal', algorithm: 'DXC-1' })
})

test('columns of another type in HQ leave it undecided, and are named', async () => {
  const change = (type: string) =>
    site.hq.query(`alter table hq.${COMPANIES.name} alter column employee_count type ${type}`)
  await change('bigint')
  expect(await outcome()).toMatchObject({
    state: 'undecided',
    reason: 'columns of HQ are of another type: employee_count',
    algorithm: null,
  })
  await change('integer')
  expect(await outcome()).toMatchObject({ state: 'equal' })
})

test('a table that somebody keeps locked leaves its dataset undecided, soon, and no other one', async () => {
  const holder = await site.dxDatabase.connect()
  await holder.query('begin; lock table entities.person_entities in access exclusive mode')
  const names = ['dx_person_entities_v1', 'dx_company_entities_v1', 'dx_operation_runs_v1'] as const
  const datasets = names.map((name) => datasetByName(name))
  const { reconciliation, cost } = await site.run({ datasets }, { patienceMs: 500 })
  const locked = 'a table of the source is locked'
  expect(reconciliation.datasets.map(({ state, reason }) => [state, reason])).toEqual([
    ['undecided', locked],
    ['equal', null],
    ['equal', null],
  ])
  expect(cost.map(({ ranges }) => ranges)).toEqual([0, 1, 1])
  const keys = [`${randomUUID()}/${randomUUID()}`]
  expect(
    await compareKeys(site.context({ patienceMs: 500 }), datasetByName(names[0]), keys),
  ).toEqual({ verdicts: [], undecided: locked })
  await holder.query('rollback')
  await site.hq.query(`begin; lock table hq.${names[0]} in access exclusive mode`)
  const inHq = await site.run({ datasets }, { patienceMs: 500 })
  expect(inHq.reconciliation.datasets.map(({ state, reason }) => [state, reason])).toEqual([
    ['undecided', 'HQ does not answer: 503 table_locked'],
    ['equal', null],
    ['equal', null],
  ])
  await site.hq.query('rollback')
  expect((await site.run({ datasets })).reconciliation.state).toBe('equal')
})

test('a range that the source cannot read in time is halved, and what differs in it is found', async () => {
  const rename = (name: string) =>
    site.hq.query(`update hq.${COMPANIES.name} set canonical_name = $1`, [name])
  await rename('other')
  // Whoever reads a row waits for a lock, and whoever plans to does not.
  const view = `hq_export.${COMPANIES.name}`
  const { rows: views } = await site.dx.query<{ text: string }>(
    'select pg_get_viewdef($1::regclass) as text',
    [view],
  )
  const definition = views[0]?.text.replace(/;\s*$/, '') ?? ''
  const gated = `pg_advisory_xact_lock_shared(4711) is not null`
  await site.dx.query(
    `create or replace view ${view} as select v.* from (${definition}) v where ${gated}`,
  )
  await site.dx.query('select pg_advisory_lock(4711)')
  const run = outcome()
  const pid = await waitFor('a statement that waits', async () => {
    const { rows } = await site.dx.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database()
       and wait_event = 'advisory' and query like '%as bucket%'`,
    )
    return rows[0]?.pid
  })
  // Ended as by statement_timeout, 100 s later.
  await site.dx.query('select pg_cancel_backend($1)', [pid])
  await site.dx.query('select pg_advisory_unlock(4711)')
  const { ranges, ...halved } = await run
  expect(halved).toMatchObject({
    state: 'different',
    findings: Array.from({ length: ROWS }, () => 'different canonical_name'),
  })
  expect(ranges).toBeGreaterThanOrEqual(2)
  await site.dx.query(`create or replace view ${view} as ${definition}`)
  await rename('Acme')
  expect(await outcome()).toMatchObject({ state: 'equal' })
})

test('a range that HQ cannot read in time is halved', async () => {
  // Inside a transaction nobody sees who has begun to wait since.
  const watcher = await site.hqDatabase.connect()
  await site.hq.query('begin')
  await site.hq.query(`lock table hq.${COMPANIES.name} in access exclusive mode`)
  const run = outcome()
  // Ended as by statement_timeout, a minute later; not one whose lock_timeout may end it meanwhile.
  await waitFor('a statement that waits to be ended', async () => {
    const { rowCount } = await watcher.query(
      `select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database()
       and wait_event_type = 'Lock' and query like '%as bucket%'
       and query_start > clock_timestamp() - interval '1 second'`,
    )
    return rowCount === 1
  })
  await site.hq.query('commit')
  const { ranges, ...halved } = await run
  expect(halved).toMatchObject({ state: 'equal', findings: [] })
  expect(ranges).toBeGreaterThanOrEqual(2)
})
