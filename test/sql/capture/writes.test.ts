import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
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
const EVENTS = 'dx_operation_events_v1'
const RUNS = 'dx_operation_runs_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'

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

test('I1: a change that was rolled back, whole or to a savepoint, is captured nowhere', async () => {
  const rows = await capturing(writer, async () => {
    await writer.query('begin')
    await insertCompany(writer, orgId)
    await writer.query('rollback')
    await writer.query('begin')
    await writer.query('savepoint s')
    await insertCompany(writer, orgId)
    await writer.query('rollback to s')
    await writer.query('commit')
  })
  expect(rows).toEqual([])
})

test('I1: another session sees a captured row when it sees the change, and not before', async () => {
  await writer.query('begin')
  const entityId = await insertCompany(writer, orgId)
  const count = `select count(*)::int as n from hq_export.outbox_0 where key = $1`
  const key = `${orgId}/${entityId}`
  expect((await other.query(count, [key])).rows).toEqual([{ n: 0 }])
  await writer.query('commit')
  expect((await other.query(count, [key])).rows).toEqual([{ n: 1 }])
})

test('every exported version of an entity yields its snapshot row, a delete included', async () => {
  const rows = await capturing(writer, async () => {
    const entityId = await insertPerson(writer, orgId)
    await writer.query(
      'update entities.person_entities set title = $2, record_version = 2 where entity_id = $1',
      [entityId, 'CTO'],
    )
    await writer.query('delete from entities.person_entities where entity_id = $1', [entityId])
  })
  expect(versionsOf(rows, PERSONS)).toEqual(['1', '2', '3!'])
  const snapshots = ofDataset(rows, SNAPSHOTS)
  expect(snapshots.map(({ row }) => row.record_version)).toEqual(['1', '2', '3'])
  expect(snapshots.map(({ row }) => row.entity_type)).toEqual(['person', 'person', 'person'])
  expect(snapshots.map(({ version, deleted }) => [version, deleted])).toEqual(
    Array(3).fill([null, false]),
  )
  expect(snapshots.map(({ key, row }) => key === row.snapshot_id)).toEqual([true, true, true])
  expect(new Set(snapshots.map(({ key }) => key)).size).toBe(3)
})

test('a deleted row is captured as its last state, at the version after it', async () => {
  const entityId = await insertCompany(writer, orgId, { canonical_name: 'Last', record_version: 7 })
  const rows = await capturing(writer, () =>
    writer.query('delete from entities.company_entities where entity_id = $1', [entityId]),
  )
  expect(ofDataset(rows, COMPANIES)).toMatchObject([
    {
      version: '8',
      deleted: true,
      key: `${orgId}/${entityId}`,
      row: { canonical_name: 'Last', record_version: '8' },
    },
  ])
})

test('a statement over many rows captures each of them once', async () => {
  const rows = await capturing(writer, () =>
    writer.query(
      `insert into entities.company_entities (org_id, canonical_name)
       select $1, 'c' || i from generate_series(1, 500) i`,
      [orgId],
    ),
  )
  expect(new Set(ofDataset(rows, COMPANIES).map(({ key }) => key)).size).toBe(500)
  expect(ofDataset(rows, COMPANIES)).toHaveLength(500)
  expect(ofDataset(rows, SNAPSHOTS)).toHaveLength(500)
})

test('a statement that touches no row captures nothing', async () => {
  const rows = await capturing(writer, async () => {
    await writer.query('update entities.company_entities set canonical_name = null where false')
    await writer.query('delete from entities.company_entities where false')
    await writer.query(
      'insert into entities.company_entities select * from entities.company_entities where false',
    )
  })
  expect(rows).toEqual([])
})

test('INSERT ... ON CONFLICT captures what it inserted, what it updated, and nothing that it skipped', async () => {
  const existing = await insertCompany(writer, orgId)
  const fresh = randomUUID()
  const upsert = `insert into entities.company_entities (org_id, entity_id, canonical_name)
    values ($1, $2, 'x'), ($1, $3, 'x') on conflict (org_id, entity_id)`
  const parameters = [orgId, existing, fresh]
  const updated = await capturing(writer, () =>
    writer.query(
      `${upsert} do update set canonical_name = 'y',
         record_version = company_entities.record_version + 1`,
      parameters,
    ),
  )
  expect(
    ofDataset(updated, COMPANIES)
      .map(({ row, version }) => [row.entity_id, row.canonical_name, version])
      .sort(),
  ).toEqual(
    [
      [existing, 'y', '2'],
      [fresh, 'x', '1'],
    ].sort(),
  )
  const skipped = await capturing(writer, () => writer.query(`${upsert} do nothing`, parameters))
  expect(skipped).toEqual([])
})

test('MERGE captures its inserts, updates and deletes', async () => {
  const [kept, gone] = [await insertCompany(writer, orgId), await insertCompany(writer, orgId)]
  const fresh = randomUUID()
  const rows = await capturing(writer, () =>
    writer.query(
      `merge into entities.company_entities c
       using (values ($2::uuid, 'keep'), ($3, 'drop'), ($4, 'new')) as s (entity_id, verb)
         on c.org_id = $1 and c.entity_id = s.entity_id
       when matched and s.verb = 'drop' then delete
       when matched then update set canonical_name = 'merged', record_version = record_version + 1
       when not matched then insert (org_id, entity_id) values ($1, s.entity_id)`,
      [orgId, kept, gone, fresh],
    ),
  )
  expect(
    Object.fromEntries(
      ofDataset(rows, COMPANIES).map(({ row, version, deleted }) => [
        row.entity_id,
        `${version}${deleted ? '!' : ''}`,
      ]),
    ),
  ).toEqual({ [kept]: '2', [gone]: '2!', [fresh]: '1' })
})

test('COPY is captured', async () => {
  const runId = await insertRun(writer, orgId)
  const lines = [1, 2, 3].map((n) => `${runId}\t${orgId}\t${randomUUID()}\t${n}\terror\tcompany\n`)
  const rows = await capturing(writer, async () => {
    await pipeline(
      Readable.from(lines),
      writer.query(
        copyFrom(
          `copy ops.operation_events (run_id, org_id, entity_id, event_sequence, event_type,
             entity_type) from stdin`,
        ),
      ),
    )
  })
  expect(ofDataset(rows, EVENTS).map(({ row }) => row.event_sequence)).toEqual([1, 2, 3])
})

test('TRUNCATE captures every entity as deleted and nothing of append-only datasets', async () => {
  const runId = await insertRun(writer, orgId)
  await insertEvent(writer, orgId, runId)
  await writer.query('delete from entities.company_entities')
  const ids = [await insertCompany(writer, orgId), await insertCompany(writer, orgId)]
  const rows = await capturing(writer, async () => {
    await writer.query('truncate entities.company_entities')
    await writer.query('truncate ops.operation_runs, ops.operation_events')
  })
  expect(versionsOf(rows, COMPANIES)).toEqual(['2!', '2!'])
  expect(
    ofDataset(rows, COMPANIES)
      .map(({ row }) => row.entity_id)
      .sort(),
  ).toEqual(ids.sort())
  expect([...ofDataset(rows, RUNS), ...ofDataset(rows, EVENTS)]).toEqual([])
})

test('a TRUNCATE whose snapshot may be too old to see every row leaves a gap to reconcile', async () => {
  await writer.query('begin isolation level repeatable read')
  await writer.query('select 1 from ops.orgs')
  const unseen = await insertCompany(other, orgId)
  await writer.query('truncate entities.company_entities')
  await writer.query('commit')
  const { rows } = await writer.query(
    `select g.dataset, g.operation from hq_export.capture_gap g
     where not exists (select from hq_export.version_base where key = $1)`,
    [`${orgId}/${unseen}`],
  )
  expect(rows).toEqual([{ dataset: 3, operation: 'truncate' }])
})

test('deleting append-only rows at the source exports nothing', async () => {
  const runId = await insertRun(writer, orgId)
  await insertEvent(writer, orgId, runId)
  const rows = await capturing(writer, () =>
    writer.query('delete from ops.operation_runs where run_id = $1', [runId]),
  )
  expect(rows).toEqual([])
})

test('a tenant that is removed takes its entities along, each captured as deleted', async () => {
  const companyId = await insertCompany(writer, orgId)
  const personId = await insertPerson(writer, orgId)
  const rows = await capturing(writer, () =>
    writer.query('delete from ops.orgs where id = $1', [orgId]),
  )
  expect(ofDataset(rows, COMPANIES)).toMatchObject([
    { deleted: true, row: { entity_id: companyId } },
  ])
  expect(ofDataset(rows, PERSONS)).toMatchObject([{ deleted: true, row: { entity_id: personId } }])
})

test('a run is exported once, when it reaches its first terminal status', async () => {
  const rows = await capturing(writer, async () => {
    const runId = await insertRun(writer, orgId, { status: 'running' })
    const update = (assignment: string) =>
      writer.query(`update ops.operation_runs set ${assignment} where run_id = $1`, [runId])
    await update('attempt_count = 2')
    await update(`status = 'failed', error_code = 'timeout'`)
    await update(`status = 'succeeded'`)
    await update('duration_ms = 9')
  })
  expect(ofDataset(rows, RUNS)).toMatchObject([
    {
      version: null,
      deleted: false,
      row: { status: 'failed', error_code: 'timeout', attempt_count: 2 },
    },
  ])
})

test('a run that is inserted as ended is exported at once', async () => {
  const rows = await capturing(writer, () => insertRun(writer, orgId, { status: 'skipped' }))
  expect(ofDataset(rows, RUNS)).toMatchObject([{ row: { status: 'skipped' } }])
})

test('runs that one statement ends are each exported once', async () => {
  await writer.query(
    `insert into ops.operation_runs
       (org_id, entity_id, operation_id, action_id, entity_type, status)
     select $1, gen_random_uuid(), 'o', 'a', 'person',
       case when i % 3 = 0 then 'failed' else 'running' end
     from generate_series(1, 300) i`,
    [orgId],
  )
  const rows = await capturing(writer, () =>
    writer.query(`update ops.operation_runs set status = 'canceled' where org_id = $1`, [orgId]),
  )
  expect(new Set(ofDataset(rows, RUNS).map(({ key }) => key)).size).toBe(200)
  expect(ofDataset(rows, RUNS)).toHaveLength(200)
})
