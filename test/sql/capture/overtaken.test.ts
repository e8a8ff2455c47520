import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Captured, capturing, ofDataset } from '../../support/capture-rows.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'

let database: TestDatabase
let writer: pg.Client
let orgId: string

beforeAll(async () => {
  database = await createDxDatabase()
  writer = await database.connect()
})

beforeEach(async () => {
  orgId = await insertOrg(writer)
})

afterEach(() => writer.query('drop function if exists entities.write_again() cascade'))
afterAll(() => database[Symbol.asyncDispose]())

/**
 * What HQ ends with: the content of the greatest version of each key. No version may have two
 * contents.
 */
function endOf(rows: readonly Captured[]): Map<string, Captured> {
  const contents = new Map<string, string | null>()
  const newest = new Map<string, Captured>()
  for (const row of ofDataset(rows, COMPANIES)) {
    expect(row.sqlstate).toBeNull()
    const version = `${row.key} ${row.version}`
    expect(contents.get(version) ?? row.body).toBe(row.body)
    contents.set(version, row.body)
    const key = String(row.key)
    if (BigInt(row.version ?? 0) >= BigInt(newest.get(key)?.version ?? 0)) newest.set(key, row)
  }
  for (const { key, body } of ofDataset(rows, SNAPSHOTS)) {
    expect(contents.get(`snapshot ${key}`) ?? body).toBe(body)
    contents.set(`snapshot ${key}`, body)
  }
  return newest
}

/**
 * The captures end with what the source has, version for version, and with nothing else that
 * exists.
 */
async function expectEndIsSource(rows: readonly Captured[]): Promise<void> {
  const { rows: source } = await writer.query(
    `select org_id::text || '/' || entity_id::text as key, record_version::text as version,
       canonical_name, company_id
     from hq_export.dx_company_entities_v1 where org_id = $1 order by 1`,
    [orgId],
  )
  const end = [...endOf(rows).values()].filter(({ deleted }) => !deleted)
  expect(
    end
      .map(({ key, version, row }) => {
        const { canonical_name, company_id } = row
        return { key, version, canonical_name, company_id }
      })
      .sort((a, b) => String(a.key).localeCompare(String(b.key))),
  ).toEqual(source)
}

/** A trigger of the application on every row, not fired by itself. */
async function createTrigger(name: string, event: string, statement: string): Promise<void> {
  await writer.query(`
    create function entities.write_again() returns trigger language plpgsql as $$
    begin
      if pg_trigger_depth() = 1 then ${statement}; end if;
      return null;
    end $$;
    create trigger ${name} after ${event} on entities.company_entities
      for each row execute function entities.write_again()`)
}

const THIS = 'where org_id = new.org_id and entity_id = new.entity_id'

test('one statement that empties two foreign keys of a row exports one content under one version', async () => {
  const [companyId, runId] = [randomUUID(), randomUUID()]
  await writer.query(`insert into ops.companies (id, org_id, name) values ($1, $2, 'x')`, [
    companyId,
    orgId,
  ])
  await writer.query(
    `insert into ops.pipeline_runs (id, org_id, workflow_id) values ($1, $2, 'x')`,
    [runId, orgId],
  )
  await insertCompany(writer, orgId, { company_id: companyId })
  const rows = await capturing(writer, async () => {
    await insertCompany(writer, orgId, { company_id: companyId, last_run_id: runId })
    await writer.query(
      `with a as (delete from ops.companies where id = '${companyId}')
       delete from ops.pipeline_runs where id = '${runId}'`,
    )
  })
  await expectEndIsSource(rows)
})

// The name decides whether the trigger fires before ours or after.
describe.each(['a_first', 'z_last'])('a trigger of the application, %s,', (name) => {
  test.each([
    [
      'an insert',
      'insert',
      `update entities.company_entities set canonical_name = 'again' ${THIS}`,
    ],
    [
      'an update',
      'update',
      `update entities.company_entities set canonical_name = 'again' ${THIS}`,
    ],
    [
      'an update, raising the version',
      'update',
      `update entities.company_entities
       set canonical_name = 'again', record_version = new.record_version + 1 ${THIS}`,
    ],
    [
      'an update, lowering the version',
      'update',
      `update entities.company_entities set canonical_name = 'again', record_version = 1 ${THIS}`,
    ],
    ['an update, deleting', 'update', `delete from entities.company_entities ${THIS}`],
    ['an insert, deleting', 'insert', `delete from entities.company_entities ${THIS}`],
  ])('that writes the row again after %s: the last content wins', async (_, event, statement) => {
    await createTrigger(name, event, statement)
    const rows = await capturing(writer, async () => {
      await insertCompany(writer, orgId, { canonical_name: 'one', record_version: 3 })
      await insertCompany(writer, orgId, { canonical_name: 'two' })
      for (const set of [`canonical_name = 'silent'`, `canonical_name = 'x', record_version = 9`])
        await writer.query(`update entities.company_entities set ${set} where org_id = $1`, [orgId])
    })
    await expectEndIsSource(rows)
  })

  test('that inserts a deleted row again: it ends above its delete', async () => {
    await createTrigger(
      name,
      'delete',
      `insert into entities.company_entities (org_id, entity_id, canonical_name)
       values (old.org_id, old.entity_id, 'again')`,
    )
    const entityId = await insertCompany(writer, orgId, { record_version: 5 })
    const rows = await capturing(writer, () =>
      writer.query('delete from entities.company_entities where entity_id = $1', [entityId]),
    )
    await expectEndIsSource(rows)
    expect(endOf(rows).get(`${orgId}/${entityId}`)).toMatchObject({ version: '7', deleted: false })
  })
})

test('a row that one statement updates and then deletes ends deleted', async () => {
  const other = await insertOrg(writer)
  const rows = await capturing(writer, async () => {
    const entityId = await insertCompany(writer, orgId)
    await insertCompany(writer, other)
    await writer.query(
      `with u as (update entities.company_entities set record_version = 7
         where entity_id = '${entityId}')
       delete from ops.orgs where id = '${orgId}'`,
    )
  })
  await expectEndIsSource(rows.filter(({ key }) => key?.startsWith(orgId)))
})

test('a transaction that deletes and then updates many captures each row once', async () => {
  const rows = await capturing(writer, async () => {
    await writer.query(
      `insert into entities.company_entities (org_id, entity_id)
       select '${orgId}', gen_random_uuid() from generate_series(1, 2000)`,
    )
    const gone = await insertCompany(writer, orgId)
    await writer.query('begin')
    await writer.query('delete from entities.company_entities where entity_id = $1', [gone])
    await writer.query(
      `update entities.company_entities set canonical_name = 'x', record_version = 2
       where org_id = '${orgId}'`,
    )
    await writer.query('commit')
  })
  expect(ofDataset(rows, COMPANIES)).toHaveLength(2000 + 1 + 1 + 2000)
  await expectEndIsSource(rows)
})
