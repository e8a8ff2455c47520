import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { capturing, ofDataset, versionsOf } from '../../support/capture-rows.ts'
import { insertCompany, insertOrg, insertPerson } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { countLockWaiters } from '../../support/servers/lock-waiters.ts'
import { waitFor } from '../../support/wait-for.ts'

const COMPANIES = 'dx_company_entities_v1'
const PERSONS = 'dx_person_entities_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'
const INT8_MAX = '9223372036854775807'

let database: TestDatabase
let writer: pg.Client
let other: pg.Client
let orgId: string

beforeAll(async () => {
  database = await createDxDatabase()
  writer = await database.connect()
  other = await database.connect()
})

beforeEach(async () => {
  orgId = await insertOrg(writer)
})

afterAll(async () => {
  await database[Symbol.asyncDispose]()
})

/** Waits until another session of this database waits for `blocker`. */
function waitForBlocked(blocker: pg.Client): Promise<unknown> {
  return waitFor('the other session to wait', async () => (await countLockWaiters(blocker)) > 0)
}

/** Updates one company. */
async function update(entityId: string, assignment: string): Promise<void> {
  await writer.query(`update entities.company_entities set ${assignment} where entity_id = $1`, [
    entityId,
  ])
}

async function viewVersion(entityId: string): Promise<string | undefined> {
  const { rows } = await writer.query<{ record_version: string }>(
    'select record_version from hq_export.dx_company_entities_v1 where entity_id = $1',
    [entityId],
  )
  return rows[0]?.record_version
}

async function baseOf(
  entityId: string,
): Promise<{ base: string; is_deleted: boolean } | undefined> {
  const { rows } = await writer.query(
    `select base, deleted_at is not null as is_deleted from hq_export.version_base where key = $1`,
    [`${orgId}/${entityId}`],
  )
  return rows[0]
}

test('a version that the application raises is exported as it is', async () => {
  const rows = await capturing(writer, async () => {
    const entityId = await insertCompany(writer, orgId)
    await update(entityId, `canonical_name = 'b', record_version = 2`)
    await update(entityId, `canonical_name = 'c', record_version = 9`)
    expect(await baseOf(entityId)).toBeUndefined()
  })
  expect(versionsOf(rows, COMPANIES)).toEqual(['1', '2', '9'])
})

test('a change that leaves record_version as it is raises the exported version', async () => {
  const rows = await capturing(writer, async () => {
    const entityId = await insertCompany(writer, orgId, { enrichment_confidence: '1.0' })
    await update(entityId, `enrichment_confidence = 1.00`)
    await update(entityId, `canonical_name = 'b', record_version = 2`)
    expect(await viewVersion(entityId)).toBe('3')
  })
  expect(versionsOf(rows, COMPANIES)).toEqual(['1', '2', '3'])
})

test('ON DELETE SET NULL raises the exported version of everything that it changes', async () => {
  const companyId = randomUUID()
  await writer.query(`insert into ops.companies (id, org_id, name) values ($1, $2, 'x')`, [
    companyId,
    orgId,
  ])
  const company = await insertCompany(writer, orgId, { company_id: companyId })
  const person = await insertPerson(writer, orgId, { company_id: companyId })
  const rows = await capturing(writer, () =>
    writer.query('delete from ops.companies where id = $1', [companyId]),
  )
  expect(ofDataset(rows, COMPANIES)).toMatchObject([
    {
      version: '2',
      row: { entity_id: company, company_id: '00000000-0000-0000-0000-000000000000' },
    },
  ])
  expect(ofDataset(rows, PERSONS)).toMatchObject([
    { version: '2', row: { entity_id: person, company_id: null } },
  ])
})

test('a version that goes back is exported above the last', async () => {
  const rows = await capturing(writer, async () => {
    const entityId = await insertCompany(writer, orgId, { record_version: 40 })
    await update(entityId, 'record_version = 3')
    await update(entityId, 'record_version = 4')
    expect(await viewVersion(entityId)).toBe('42')
  })
  expect(versionsOf(rows, COMPANIES)).toEqual(['40', '41', '42'])
})

test('a row that is deleted and inserted again starts above its delete, and is no longer deleted', async () => {
  const entity_id = randomUUID()
  const rows = await capturing(writer, async () => {
    await insertCompany(writer, orgId, { entity_id })
    await update(entity_id, `canonical_name = 'b', record_version = 2`)
    await writer.query('delete from entities.company_entities where entity_id = $1', [entity_id])
    expect(await baseOf(entity_id)).toEqual({ base: '3', is_deleted: true })
    await insertCompany(writer, orgId, { entity_id })
    expect(await baseOf(entity_id)).toEqual({ base: '3', is_deleted: false })
    await writer.query('truncate entities.company_entities')
    await insertCompany(writer, orgId, { entity_id })
    expect(await viewVersion(entity_id)).toBe('6')
  })
  expect(
    versionsOf(
      rows.filter(({ row }) => row.entity_id === entity_id),
      COMPANIES,
    ),
  ).toEqual(['1', '2', '3!', '4', '5!', '6'])
})

test('an update that changes the key is a delete of the old key and an insert of the new', async () => {
  const [before, after] = [randomUUID(), randomUUID()]
  await insertCompany(writer, orgId, { entity_id: before, record_version: 5 })
  const rows = await capturing(writer, () => update(before, `entity_id = '${after}'`))
  expect(
    ofDataset(rows, COMPANIES).map(({ row, version, deleted }) => [
      row.entity_id,
      version,
      deleted,
    ]),
  ).toEqual([
    [before, '6', true],
    [after, '5', false],
  ])
})

test('a key that changes raises no base of the new key, late in a long transaction neither', async () => {
  const [before, after] = [randomUUID(), randomUUID()]
  await insertCompany(writer, orgId, { entity_id: before, record_version: 5 })
  await writer.query('begin')
  // As if it had made many captures, of every kind.
  await writer.query(`select set_config('hq_export.captures', repeat('0', 32) || '12xyzv', true)`)
  await update(before, `entity_id = '${after}'`)
  await writer.query('commit')
  expect(await baseOf(before)).toEqual({ base: '6', is_deleted: true })
  expect(await baseOf(after)).toBeUndefined()
})

test('two rows that exchange their keys end above both deletes', async () => {
  const [a, b] = [randomUUID(), randomUUID()]
  await writer.query('alter table entities.company_entities drop constraint company_entities_pkey')
  await writer.query(
    `alter table entities.company_entities
       add constraint company_entities_pkey primary key (org_id, entity_id) deferrable`,
  )
  await insertCompany(writer, orgId, { entity_id: a, canonical_name: 'A', record_version: 5 })
  await insertCompany(writer, orgId, { entity_id: b, canonical_name: 'B', record_version: 8 })
  const rows = await capturing(writer, () =>
    writer.query(
      `update entities.company_entities
       set entity_id = case entity_id when $1 then $2::uuid else $1 end
       where entity_id in ($1, $2)`,
      [a, b],
    ),
  )
  const history = (id: string) =>
    versionsOf(
      rows.filter(({ row }) => row.entity_id === id),
      COMPANIES,
    )
  expect([history(a), history(b)]).toEqual([
    ['6!', '14'],
    ['9!', '14'],
  ])
})

test('versions stop at the int8 maximum and fail no write', async () => {
  const rows = await capturing(writer, async () => {
    const entity_id = await insertCompany(writer, orgId, { record_version: INT8_MAX })
    await update(entity_id, `canonical_name = 'silent'`)
    await update(entity_id, 'record_version = 1')
    await update(entity_id, `canonical_name = 'up', record_version = 2`)
    await writer.query('delete from entities.company_entities where entity_id = $1', [entity_id])
    await insertCompany(writer, orgId, { entity_id })
  })
  const companies = ofDataset(rows, COMPANIES)
  expect(companies.map(({ version }) => version)).toEqual(Array(6).fill(INT8_MAX))
  expect(companies.map(({ sqlstate }) => sqlstate)).toEqual(Array(6).fill(null))
})

test('the snapshot of a version has the same id in trigger and view, and its own for each version', async () => {
  const entityId = await insertCompany(writer, orgId)
  const rows = await capturing(writer, () => update(entityId, `canonical_name = 'silent'`))
  const { rows: view } = await writer.query(
    'select snapshot_id, record_version from hq_export.dx_entity_snapshots_v1 where entity_id = $1',
    [entityId],
  )
  expect(
    ofDataset(rows, SNAPSHOTS).map(({ row }) => [row.snapshot_id, row.record_version]),
  ).toEqual(view.map((row) => [row.snapshot_id, row.record_version]))
})

test('two sessions that change one row in turn export rising versions in the order of their commits', async () => {
  const entityId = await insertCompany(writer, orgId)
  const change = `update entities.company_entities set canonical_name = $2 where entity_id = $1`
  const rows = await capturing(writer, async () => {
    await writer.query('begin')
    await writer.query(change, [entityId, 'first'])
    const second = other.query(change, [entityId, 'second'])
    await waitForBlocked(writer)
    await writer.query('commit')
    await second
  })
  expect(
    ofDataset(rows, COMPANIES).map(({ row, version }) => [row.canonical_name, version]),
  ).toEqual([
    ['first', '2'],
    ['second', '3'],
  ])
})

test('a delete that read the base before it was raised does not lower it again', async () => {
  const entityId = await insertCompany(writer, orgId)
  await other.query('begin')
  await other.query(
    'insert into hq_export.version_base (dataset, key, base) values (3, $1, 1000)',
    [`${orgId}/${entityId}`],
  )
  const deleted = writer.query('delete from entities.company_entities where entity_id = $1', [
    entityId,
  ])
  await waitForBlocked(other)
  await other.query('commit')
  await deleted
  expect(await baseOf(entityId)).toEqual({ base: '1000', is_deleted: true })
})

test('deleting and inserting many rows again stays fast, whatever plan was cached before', async () => {
  const insertMany = `insert into entities.company_entities (org_id, entity_id)
    select $1, ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid
    from generate_series(1, 5000) i`
  await insertCompany(writer, orgId)
  await writer.query('vacuum analyze hq_export.version_base')
  await insertCompany(writer, orgId)
  await writer.query(insertMany, [orgId])
  await writer.query('delete from entities.company_entities where org_id = $1', [orgId])
  const rows = await capturing(writer, () => writer.query(insertMany, [orgId]))
  expect(ofDataset(rows, COMPANIES).map(({ version }) => version)).toEqual(Array(5000).fill('3'))
  const { rows: seen } = await writer.query(
    `select count(*)::int as n from hq_export.version_base
     where key like $1 || '/00000000-%' and deleted_at is not null`,
    [orgId],
  )
  expect(seen).toEqual([{ n: 0 }])
})
