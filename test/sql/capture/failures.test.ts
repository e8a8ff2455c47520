import { DATASETS } from '@hq-export/contract'
import { noteLosses } from '@hq-export/outbox-relay/doorbell/note-losses.ts'
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { capturing, ofDataset, versionsOf } from '../../support/capture-rows.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'
const PERSONS = 'dx_person_entities_v1'
const RUNS = 'dx_operation_runs_v1'

let database: TestDatabase
let writer: pg.Client
let orgId: string

beforeEach(async () => {
  database = await createDxDatabase()
  writer = await database.connect()
  orgId = await insertOrg(writer)
})

afterEach(async () => {
  await database[Symbol.asyncDispose]()
})

async function lost(): Promise<number> {
  const { rows } = await writer.query<{ lost: number }>(
    `select pg_sequence_last_value('hq_export.lost')::int as lost`,
  )
  return rows[0]?.lost ?? Number.NaN
}

test('I5: after a column was renamed the write commits, and the raw row stands in the outbox with 42703', async () => {
  const entityId = await insertCompany(writer, orgId)
  await writer.query('alter table entities.company_entities rename column industry to sector')
  const rows = await capturing(writer, async () => {
    await insertCompany(writer, orgId, { sector: 'Mining', enrichment_confidence: '1.10' })
    await writer.query(
      'update entities.company_entities set sector = $2, record_version = 2 where entity_id = $1',
      [entityId, 'Rail'],
    )
    await writer.query('delete from entities.company_entities where entity_id = $1', [entityId])
  })
  expect(rows).toMatchObject([
    { dataset: COMPANIES, sqlstate: '42703', key: null, deleted: false, row: { sector: 'Mining' } },
    { dataset: COMPANIES, sqlstate: '42703', key: null, deleted: false, row: { sector: 'Rail' } },
    { dataset: COMPANIES, sqlstate: '42703', key: null, deleted: true, row: { sector: 'Rail' } },
  ])
  expect(rows[0]?.body).toContain('1.10')
})

test('I5: after a column was dropped the write commits, and the raw row stands in the outbox', async () => {
  await writer.query('alter table entities.person_entities drop column title')
  const rows = await capturing(writer, () => insertPerson(writer, orgId, { full_name: 'Ada' }))
  expect(rows).toMatchObject([{ dataset: PERSONS, sqlstate: '42703', row: { full_name: 'Ada' } }])
})

test('I5: a value that no longer fits the contract type keeps its raw row and its SQLSTATE', async () => {
  await writer.query('alter table entities.company_entities alter column employee_count type text')
  const rows = await capturing(writer, () =>
    insertCompany(writer, orgId, { employee_count: 'many' }),
  )
  expect(rows).toMatchObject([{ sqlstate: '22P02', row: { employee_count: 'many' } }])
})

test('I5: a run that ends and a key that changes keep their raw rows too', async () => {
  const runId = await insertRun(writer, orgId, { status: 'running' })
  const entityId = await insertCompany(writer, orgId)
  await writer.query('alter table ops.operation_runs rename column action_id to action')
  await writer.query('alter table entities.company_entities rename column industry to sector')
  const rows = await capturing(writer, async () => {
    await writer.query(`update ops.operation_runs set status = 'failed' where run_id = $1`, [runId])
    await writer.query(
      'update entities.company_entities set entity_id = gen_random_uuid() where entity_id = $1',
      [entityId],
    )
    await writer.query('truncate entities.company_entities')
  })
  expect(ofDataset(rows, RUNS)).toMatchObject([{ sqlstate: '42703', row: { run_id: runId } }])
  expect(
    ofDataset(rows, COMPANIES).map(({ deleted, row }) => [deleted, row.entity_id === entityId]),
  ).toEqual([
    [true, true],
    [false, false],
    [true, false],
  ])
})

test('I5: where not even the raw row can be kept, a marker says that something is missing', async () => {
  await writer.query(`alter table hq_export.outbox_0 add constraint no_body check (body is null)`)
  const rows = await capturing(writer, () => insertCompany(writer, orgId))
  expect(rows).toMatchObject([{ dataset: COMPANIES, sqlstate: '23514', key: null, body: null }])
})

test('I5: without any outbox the write still commits, and the server log says what was lost', async () => {
  const warnings: string[] = []
  writer.on('notice', ({ message }) => warnings.push(message ?? ''))
  await writer.query('drop table hq_export.outbox_0')
  await insertCompany(writer, orgId)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toMatch(
    /INSERT of entities\.company_entities was not captured: SQLSTATE 42P01$/,
  )
  const { rows } = await writer.query('select count(*)::int as n from entities.company_entities')
  expect(rows).toEqual([{ n: 1 }])
  expect(await lost()).toBe(1)
  await noteLosses(writer)
  const { rows: gaps } = await writer.query(
    'select dataset, operation from hq_export.capture_gap order by dataset',
  )
  expect(gaps).toEqual(
    DATASETS.map(({ number }) => ({ dataset: number, operation: 'lost' })).toSorted(
      (a, b) => a.dataset - b.dataset,
    ),
  )
  expect(await lost()).toBe(0)
})

test('I1: what could not even be counted is counted by the next capture of its session, unless it was rolled back', async () => {
  const rename = (from: string, to: string) =>
    writer.query(
      `alter table hq_export.outbox_0${from} rename to outbox_0${to};
       alter sequence hq_export.lost${from} rename to lost${to}`,
    )
  await rename('', '_away')
  await writer.query('begin')
  await insertCompany(writer, orgId)
  await writer.query('rollback')
  await rename('_away', '')
  await insertCompany(writer, orgId)
  expect(await lost()).toBe(0)
  await rename('', '_away')
  await insertCompany(writer, orgId)
  await rename('_away', '')
  await insertCompany(writer, orgId)
  await insertCompany(writer, orgId)
  expect(await lost()).toBe(1)
})

test('I5: a doorbell that fails undoes neither the write nor its capture', async () => {
  // The relay sleeps until 5138: every capture rings.
  await writer.query(`select pg_catalog.setval('hq_export.doorbell', 99999999999999)`)
  await writer.query('drop function hq_export.ring()')
  const rows = await capturing(writer, () => insertCompany(writer, orgId))
  expect(rows).toMatchObject([{ dataset: COMPANIES, sqlstate: '42883', row: { org_id: orgId } }])
})

test('a failed capture of one statement leaves the rest of its transaction captured', async () => {
  await writer.query('alter table entities.person_entities rename column title to role')
  const rows = await capturing(writer, async () => {
    await writer.query('begin')
    await insertCompany(writer, orgId)
    await insertPerson(writer, orgId)
    await insertCompany(writer, orgId)
    await writer.query('commit')
  })
  expect(versionsOf(rows, COMPANIES)).toEqual(['1', '1'])
  expect(ofDataset(rows, PERSONS)).toMatchObject([{ sqlstate: '42703' }])
})

test('the emergency switch captures nothing and leaves one gap per statement, naming who wrote', async () => {
  const entityId = await insertCompany(writer, orgId)
  await writer.query(`set hq_export.disabled = 'on'`)
  const rows = await capturing(writer, async () => {
    await insertPerson(writer, orgId)
    await writer.query(
      `update entities.company_entities set canonical_name = 'x' where entity_id = $1`,
      [entityId],
    )
    await writer.query('update entities.company_entities set canonical_name = null where false')
    await writer.query('delete from entities.company_entities')
    await insertEvent(writer, orgId, await insertRun(writer, orgId))
  })
  expect(rows).toEqual([])
  const { rows: gaps } = await writer.query(
    `select dataset, operation, role = session_user as is_writer
     from hq_export.capture_gap order by occurred_at`,
  )
  expect(gaps).toEqual(
    [
      [4, 'insert'],
      [3, 'update'],
      [3, 'delete'],
      [1, 'insert'],
      [2, 'insert'],
    ].map(([dataset, operation]) => ({ dataset, operation, is_writer: true })),
  )
  await writer.query('reset hq_export.disabled')
  expect(await capturing(writer, () => insertCompany(writer, orgId))).not.toEqual([])
})

test('every dataset of the contract has a view after binding', async () => {
  for (const { name } of DATASETS) await writer.query(`select from hq_export.${name} limit 0`)
})
