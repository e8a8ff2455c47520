import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noticeDifferences } from '@hq-export/outbox-relay/binding/inspect/known-source.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { capturing, versionsOf } from '../../support/capture-rows.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'
const REFERENCE = join(
  import.meta.dirname,
  '../../../migrations/data-engine-x/bindings/reference.json',
)

let database: TestDatabase
let writer: pg.Client
let folder: string
let bindingFile: string
let orgId: string

/** The reference binding over companies that are partitioned twice. */
beforeAll(async () => {
  database = await createDxDatabase()
  writer = await database.connect()
  orgId = await insertOrg(writer)
  await writer.query(`
    create table entities.parted
      (like entities.company_entities including defaults including constraints,
       primary key (org_id, entity_id)) partition by hash (org_id, entity_id);
    create table entities.parted_0 partition of entities.parted
      for values with (modulus 2, remainder 0);
    create table entities.parted_1 partition of entities.parted
      for values with (modulus 2, remainder 1)
      partition by hash (entity_id);
    create table entities."parted 1.0" partition of entities.parted_1
      for values with (modulus 1, remainder 0)`)
  const reference = JSON.parse(await readFile(REFERENCE, 'utf8'))
  folder = await mkdtemp(join(tmpdir(), 'hq-export-binding-'))
  bindingFile = join(folder, 'parted.json')
  const company = reference.datasets.find(
    (bound: { dataset: string }) => bound.dataset === COMPANIES,
  )
  const datasets = [{ ...company, table: 'entities.parted' }]
  await writeFile(bindingFile, JSON.stringify({ name: 'parted', datasets }))
  await bind(database.url, bindingFile)
})

afterAll(async () => {
  await rm(folder, { recursive: true })
  await database[Symbol.asyncDispose]()
})

async function insertMany(table: string, count: number): Promise<void> {
  await writer.query(`insert into ${table} (org_id) select $1 from generate_series(1, ${count})`, [
    orgId,
  ])
}

test('a write to a partitioned table is captured once, whether it names the root or a partition', async () => {
  const rows = await capturing(writer, async () => {
    await insertMany('entities.parted', 40)
    await writer.query('update entities.parted set record_version = 2')
    await writer.query('update only entities.parted_0 set record_version = 3')
    await writer.query('update entities.parted_1 set record_version = 3')
    await writer.query('delete from entities.parted')
  })
  const versions = versionsOf(rows, COMPANIES)
  const count = (version: string) => versions.filter((candidate) => candidate === version).length
  expect(['1', '2', '3', '4!'].map(count)).toEqual([40, 40, 40, 40])
  expect(versions).toHaveLength(160)
})

test('a silent change and a key change of a row in a partition raise its versions', async () => {
  const [before, after] = [randomUUID(), randomUUID()]
  await writer.query('truncate entities.parted')
  await writer.query('insert into entities.parted (org_id, entity_id) values ($1, $2)', [
    orgId,
    before,
  ])
  const rows = await capturing(writer, async () => {
    await writer.query(`update entities.parted set canonical_name = 'x'`)
    await writer.query('update entities.parted set record_version = 2')
    // Either key may live in either partition: the promise holds where the row moves, too.
    await writer.query('update entities.parted set entity_id = $1', [after])
  })
  const history = (id: string) =>
    versionsOf(
      rows.filter(({ row }) => row.entity_id === id),
      COMPANIES,
    )
  expect([history(before), history(after)]).toEqual([['2', '3', '4!'], ['2']])
})

test('a bulk update of a partitioned table stays linear, whatever plan was cached before', async () => {
  await writer.query('truncate entities.parted')
  await insertMany('entities.parted', 1)
  await writer.query(`update entities.parted set canonical_name = 'one'`)
  await insertMany('entities.parted', 5000)
  const rows = await capturing(writer, () =>
    writer.query(`update entities.parted set canonical_name = 'many'`),
  )
  expect(versionsOf(rows, COMPANIES).filter((version) => version === '2')).toHaveLength(5000)
})

test('a run that ends in another partition is exported once', async () => {
  await using elsewhere = await createDxDatabase()
  const client = await elsewhere.connect()
  await client.query(`
    create table ops.runs_by_status (like ops.operation_runs including defaults,
      primary key (run_id, status))
      partition by list (status);
    create table ops.runs_open partition of ops.runs_by_status for values in ('running');
    create table ops.runs_ended partition of ops.runs_by_status default`)
  const reference = JSON.parse(await readFile(REFERENCE, 'utf8'))
  const [run] = reference.datasets
  const file = join(folder, 'runs.json')
  const datasets = [{ ...run, table: 'ops.runs_by_status', key: ['run_id', 'status'] }]
  await writeFile(file, JSON.stringify({ name: 'runs', datasets }))
  await bind(elsewhere.url, file)
  const rows = await capturing(client, async () => {
    await client.query(
      `insert into ops.runs_by_status (org_id, entity_id, operation_id, action_id, entity_type)
       select $1, gen_random_uuid(), 'o', 'a', 'company' from generate_series(1, 3)`,
      [orgId],
    )
    await client.query('update ops.runs_by_status set attempt_count = 2')
    await client.query(`update ops.runs_by_status set status = 'failed'`)
    await client.query(`update ops.runs_by_status set status = 'succeeded'`)
  })
  expect(rows.map(({ row }) => [row.status, row.attempt_count])).toEqual(
    Array(3).fill(['failed', 2]),
  )
})

test('TRUNCATE of the root captures every row of every partition once', async () => {
  await writer.query('truncate entities.parted')
  await insertMany('entities.parted', 30)
  const rows = await capturing(writer, () => writer.query('truncate entities.parted'))
  expect(versionsOf(rows, COMPANIES)).toEqual(Array(30).fill('2!'))
})

test('binding again covers a partition that was attached since', async () => {
  await writer.query(`
    alter table entities.parted detach partition entities.parted_0;
    create table entities.parted_2 partition of entities.parted
      for values with (modulus 2, remainder 0)`)
  expect(await bind(database.url, bindingFile)).toMatchObject({ changed: true })
  const rows = await capturing(writer, () => insertMany('entities.parted', 30))
  expect(versionsOf(rows, COMPANIES)).toHaveLength(30)
  const direct = await capturing(writer, () => writer.query('delete from entities.parted_2'))
  expect(versionsOf(direct, COMPANIES).length).toBeGreaterThan(0)
  expect(await bind(database.url, bindingFile)).toMatchObject({ changed: false })
})

test('what the new binding does not name is no longer captured', async () => {
  expect(await capturing(writer, () => insertCompany(writer, orgId))).toEqual([])
})

test('I1: a partition that is detached, and one that is attached, are noticed until bind', async () => {
  const open = async () => {
    await noticeDifferences(writer)
    const { rows } = await writer.query<{ operation: string }>(
      'select operation from hq_export.capture_gap where closed_at is null order by 1',
    )
    await writer.query('delete from hq_export.capture_gap')
    return rows.map(({ operation }) => operation)
  }
  await bind(database.url, bindingFile)
  await writer.query('delete from hq_export.capture_gap')
  expect(await open()).toEqual([])
  const { rows } = await writer.query<{ name: string; bound: string; root: string }>(
    `select c.oid::regclass::text as name, pg_get_expr(c.relpartbound, c.oid) as bound,
       i.inhparent::regclass::text as root
     from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent in (select to_regclass(source_table) from hq_export.binding where number = 3)
     limit 1`,
  )
  const [partition] = rows
  await writer.query(`alter table ${partition?.root} detach partition ${partition?.name}`)
  expect(await open()).toContain('partition gone')
  await bind(database.url, bindingFile)
  await writer.query('delete from hq_export.capture_gap')
  expect(await open()).toEqual([])
  await writer.query(
    `alter table ${partition?.root} attach partition ${partition?.name} ${partition?.bound}`,
  )
  expect(await open()).toContain('partition added')
})
