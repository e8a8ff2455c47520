import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { DATASETS, datasetByName } from '@hq-export/contract'
import { compareKeys } from '@hq-export/outbox-relay/reconcile/compare-keys.ts'
import type pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { brief, ReconcileSite } from '../../support/programs/reconcile-site.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../../support/reference-rows.ts'

let site: ReconcileSite
let org: string

beforeAll(async () => {
  site = await ReconcileSite.start()
  org = await insertOrg(site.dx)
  for (let n = 0; n < 40; n++) {
    await insertEvent(site.dx, org, await insertRun(site.dx, org))
    await insertCompany(site.dx, org)
    await insertPerson(site.dx, org)
  }
  await site.settled()
  return () => site[Symbol.asyncDispose]()
})

const RAISE = `update entities.company_entities
  set record_version = record_version + 1, canonical_name = $1`

/** Writes, bulk-updates, deletes and rolls back until it is told to end. */
async function write(client: pg.Client, bulk: boolean, ended: () => boolean): Promise<number> {
  let writes = 0
  for (; !ended(); writes++) {
    await client.query('begin')
    const entity = await insertCompany(client, org)
    await insertEvent(client, org, await insertRun(client, org))
    if (bulk && writes % 10 === 0)
      await client.query(
        `${RAISE} where entity_id in (
        select entity_id from entities.company_entities order by created_at limit 20)`,
        ['bulk'],
      )
    if (writes % 5 === 0)
      await client.query('delete from entities.company_entities where entity_id = $1', [entity])
    await client.query(writes % 4 === 0 ? 'rollback' : 'commit')
    // A row changes a few times a second, and not in every look at it.
    await delay(20)
  }
  return writes
}

test('while writers write there is no false finding, and what is planted meanwhile is found', async () => {
  const writers = await Promise.all([0, 1].map(() => site.dxDatabase.connect()))
  let isEnded = false
  const writing = Promise.all(writers.map((client, n) => write(client, n === 0, () => isEnded)))
  const planted = randomUUID()
  try {
    for (let n = 0; n < 2; n++) {
      const { reconciliation } = await site.run({ repair: 'all' })
      expect(brief(reconciliation.findings)).toEqual({})
      for (const { state, reason } of reconciliation.datasets)
        expect(state === 'equal' || /keys changed all the while/.test(reason ?? '')).toBe(true)
    }
    await site.hq.query(
      `insert into hq.dx_operation_runs_v1 select (r).* from (
         select pg_catalog.jsonb_populate_record(t, pg_catalog.jsonb_build_object('run_id', $1::text))
         as r from hq.dx_operation_runs_v1 t limit 1) c`,
      [planted],
    )
    const { reconciliation } = await site.run()
    expect(brief(reconciliation.findings)).toEqual({ [`operation_runs ${planted}`]: 'extra' })
  } finally {
    isEnded = true
  }
  expect((await writing).every((writes) => writes > 0)).toBe(true)
  await site.hq.query('delete from hq.dx_operation_runs_v1 where run_id = $1', [planted])
  await site.settled()
  const { reconciliation } = await site.run()
  expect([reconciliation.state, brief(reconciliation.findings)]).toEqual(['equal', {}])
  for (const { source_rows, hq_rows } of reconciliation.datasets) expect(hq_rows).toBe(source_rows)
})

test('a transaction that commits late is no difference, before it commits and after', async () => {
  const late = await site.dxDatabase.connect()
  await late.query('begin')
  const entity = await insertCompany(late, org)
  await late.query(`${RAISE} where entity_id <> $2`, ['late', entity])
  expect((await site.run()).reconciliation.state).toBe('equal')
  await insertRun(site.dx, org)
  expect((await site.run()).reconciliation.state).toBe('equal')
  await late.query('commit')
  const { reconciliation } = await site.run()
  expect([reconciliation.state, brief(reconciliation.findings)]).toEqual(['equal', {}])
})

test('a range is compared, recorded and cut by itself, and the oldest goes first in rotation', async () => {
  const rangeRows = 15
  const { reconciliation, cost } = await site.run({ rangeRows })
  expect([reconciliation.state, brief(reconciliation.findings)]).toEqual(['equal', {}])
  const rangesOf = async (number: number) => {
    const { rows } = await site.dx.query<{ from_key: string; before_key: string; rows: number }>(
      `select from_key, before_key, row_count::int as rows, state, checked_at is not null as checked
       from hq_export.reconciliation_range where dataset = $1 order by from_key collate "C"`,
      [number],
    )
    return rows
  }
  for (const { number, name } of DATASETS) {
    const ranges = await rangesOf(number)
    const [result, spent] = [
      reconciliation.datasets.find(({ dataset }) => dataset === name),
      cost.find(({ dataset }) => dataset === name),
    ]
    expect(ranges.length).toBeGreaterThan(2)
    expect(spent?.ranges).toBe(ranges.length)
    expect(ranges.reduce((sum, { rows }) => sum + rows, 0)).toBe(result?.source_rows)
    expect(ranges.map(({ before_key }) => before_key)).toEqual([
      ...ranges.slice(1).map(({ from_key }) => from_key),
      null,
    ])
  }
  const companies = datasetByName('dx_company_entities_v1')
  const [, second] = await rangesOf(companies.number)
  await site.dx.query(
    `update hq_export.reconciliation_range set checked_at = checked_at - interval '40 days'
     where dataset = $1 and from_key = $2`,
    [companies.number, second?.from_key],
  )
  const request = { datasets: [companies], rangeRows, rotation: true } as const
  const old = await site.run({ ...request, datasets: [], rangeRows })
  expect(old.reconciliation.datasets).toEqual([])
  const rotated = await site.run(request)
  expect(rotated.reconciliation.state).toBe('equal')
  expect(rotated.cost[0]?.oldestRangeSeconds).toBeLessThan(86_400)
})

test('keys are compared by themselves, and a snapshot by its entity', async () => {
  const [company, person] = [await insertCompany(site.dx, org), await insertPerson(site.dx, org)]
  const [renamed, gone] = [await insertCompany(site.dx, org), await insertCompany(site.dx, org)]
  await site.dx.query('delete from entities.company_entities where entity_id = $1', [gone])
  await site.settled()
  await site.hq.query('delete from hq.dx_company_entities_v1 where entity_id = $1', [company])
  await site.hq.query(
    `update hq.dx_company_entities_v1 set canonical_name = 'another' where entity_id = $1`,
    [renamed],
  )
  await site.hq.query('delete from hq.dx_entity_snapshots_v1 where entity_id = $1', [person])
  const verdicts = async (name: string, keys: readonly string[]) => {
    const { verdicts: found } = await compareKeys(site.context(), datasetByName(name), keys)
    return found.map(({ verdict, finding }) => finding?.class ?? verdict)
  }
  const unknown = randomUUID()
  const companies = [company, unknown, renamed, gone].map((id) => `${org}/${id}`)
  expect(await verdicts('dx_company_entities_v1', companies)).toEqual([
    'missing',
    'equal',
    'different',
    'equal',
  ])
  await site.hq.query(
    `update hq.dx_company_entities_v1 set canonical_name = 'Acme' where entity_id = $1`,
    [renamed],
  )
  const mended = companies.filter((key) => !key.endsWith(company))
  expect(await verdicts('dx_company_entities_v1', mended)).toEqual(['equal', 'equal', 'equal'])
  expect(
    await verdicts('dx_entity_snapshots_v1', [
      `${org}/company/${company}`,
      `${org}/person/${person}`,
    ]),
  ).toEqual(['equal', 'missing'])
  expect((await site.run({ repair: 'auto' })).reconciliation.state).toBe('repaired')
  await site.settled()
  expect((await site.run()).reconciliation.state).toBe('equal')
})
