import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { capturing, ofDataset } from '../../support/capture-rows.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

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

afterAll(async () => {
  await database[Symbol.asyncDispose]()
})

test('the trace context that the application set for its transaction is kept with the row', async () => {
  const rows = await capturing(writer, async () => {
    await writer.query('begin')
    await writer.query(`select set_config('hq_export.traceparent', $1, true)`, [TRACEPARENT])
    await insertCompany(writer, orgId)
    await writer.query('commit')
    await insertPerson(writer, orgId)
  })
  expect(rows.map(({ traceparent }) => traceparent)).toEqual([TRACEPARENT, TRACEPARENT, null, null])
})

test('without it, the trace context of a sqlcommenter comment is kept', async () => {
  const rows = await capturing(writer, () =>
    writer.query(
      `insert into entities.company_entities (org_id) values ('${orgId}') /*db_driver='pg',traceparent='${TRACEPARENT}'*/`,
    ),
  )
  expect(rows.map(({ traceparent }) => traceparent)).toEqual([TRACEPARENT, TRACEPARENT])
})

test('a trace context that is not one is kept as none', async () => {
  const rows = await capturing(writer, () =>
    writer.query(
      `insert into entities.company_entities (org_id) values ('${orgId}') /*traceparent='00-xyz'*/`,
    ),
  )
  expect(rows.map(({ traceparent }) => traceparent)).toEqual([null, null])
})

test.each(['serializable', 'repeatable read'])(
  'a database whose default isolation is %s captures everything',
  async (level) => {
    const client = await database.connect()
    await client.query(`set default_transaction_isolation = '${level}'`)
    const rows = await capturing(client, async () => {
      const entityId = await insertCompany(client, orgId)
      await client.query(
        `update entities.company_entities set canonical_name = 'x' where entity_id = $1`,
        [entityId],
      )
      await client.query('delete from entities.company_entities where entity_id = $1', [entityId])
    })
    expect(ofDataset(rows, COMPANIES).map(({ version, sqlstate }) => [version, sqlstate])).toEqual([
      ['1', null],
      ['2', null],
      ['3', null],
    ])
  },
)

/** A role with the given rights, connected; dropped by the returned function. */
async function connectAs(
  grants: (role: string) => string[],
): Promise<{ client: pg.Client; drop: () => Promise<void> }> {
  const role = `app_${randomBytes(4).toString('hex')}`
  await writer.query(`create role ${role}`)
  for (const grant of grants(role)) await writer.query(grant)
  const client = await database.connect()
  await client.query(`set session authorization ${role}`)
  return {
    client,
    drop: async () => {
      await client.end()
      await writer.query(`drop owned by ${role}`)
      await writer.query(`drop role ${role}`)
    },
  }
}

test('an ordinary application role writes and is captured, and can neither read nor write the outbox', async () => {
  const { client, drop } = await connectAs((role) => [
    `grant usage on schema ops, entities to ${role}`,
    `grant select, insert, update, delete on all tables in schema ops, entities to ${role}`,
  ])
  const insertAll = async () => {
    const entityId = await insertCompany(client, orgId)
    await client.query(
      `update entities.company_entities set canonical_name = 'x' where entity_id = $1`,
      [entityId],
    )
    await client.query('delete from entities.company_entities where entity_id = $1', [entityId])
    await insertPerson(client, orgId)
    await insertEvent(client, orgId, await insertRun(client, orgId))
  }
  const rows = await capturing(writer, insertAll)
  expect(rows.map(({ sqlstate }) => sqlstate)).toEqual(Array(10).fill(null))
  await expect(client.query('select from hq_export.outbox_0')).rejects.toMatchObject({
    code: '42501',
  })
  await expect(
    client.query('insert into hq_export.outbox_0 (dataset) values (1)'),
  ).rejects.toMatchObject({ code: '42501' })
  await drop()
})

test('no role but the owner can call a capture function by itself', async () => {
  const { rows } = await writer.query(
    `select p.proname from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
     where p.pronamespace = 'hq_export'::regnamespace and a.grantee = 0`,
  )
  expect(rows).toEqual([])
})

test('I7: a table under row level security is captured whole, and its view shows the relay every row', async () => {
  await writer.query('alter table entities.company_entities enable row level security')
  const { client, drop } = await connectAs((name) => [
    `grant usage on schema entities to ${name}`,
    `grant select, insert on entities.company_entities to ${name}`,
    `create policy app on entities.company_entities for insert to ${name} with check (true)`,
  ])
  const entityId = '00000000-0000-0000-0000-0000000000e7'
  const rows = await capturing(writer, () => insertCompany(client, orgId, { entity_id: entityId }))
  expect(ofDataset(rows, COMPANIES)).toMatchObject([
    { sqlstate: null, row: { entity_id: entityId } },
  ])
  expect((await client.query('select from entities.company_entities')).rowCount).toBe(0)
  await writer.query('begin')
  await writer.query('set local role hq_export_relay')
  const seen = await writer.query(
    'select from hq_export.dx_company_entities_v1 where entity_id = $1',
    [entityId],
  )
  const snapshots = await writer.query(
    'select from hq_export.dx_entity_snapshots_v1 where entity_id = $1',
    [entityId],
  )
  await writer.query('rollback')
  expect([seen.rowCount, snapshots.rowCount]).toEqual([1, 1])
  await writer.query(`drop policy app on entities.company_entities`)
  await writer.query('alter table entities.company_entities disable row level security')
  await drop()
})

test('rows go to the outbox table that is current, also within a transaction that began before the rotation', async () => {
  const client = await database.connect()
  await client.query('begin isolation level repeatable read')
  await insertCompany(client, orgId)
  await writer.query(`select setval('hq_export.current_outbox', 1)`)
  const entityId = await insertCompany(client, orgId)
  await client.query('commit')
  const { rows } = await writer.query('select from hq_export.outbox_1 where key = $1', [
    `${orgId}/${entityId}`,
  ])
  expect(rows).toHaveLength(1)
  await writer.query(`select setval('hq_export.current_outbox', 0)`)
})
