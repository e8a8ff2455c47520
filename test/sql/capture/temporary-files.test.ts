import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Captured, capturing, ofDataset, versionsOf } from '../../support/capture-rows.ts'
import { insertOrg } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

const RUNS = 'dx_operation_runs_v1'
const EVENTS = 'dx_operation_events_v1'
const COMPANIES = 'dx_company_entities_v1'
const PERSONS = 'dx_person_entities_v1'
const REFERENCE = join(
  import.meta.dirname,
  '../../../migrations/data-engine-x/bindings/reference.json',
)
/** Rows of one statement: each of 1.5 kB, all of several times what memory and files may hold. */
const MANY = 100
const PADDING = `repeat('x', 1500)`

let database: TestDatabase
/** Whose files and memory are limited so that few rows exceed them. */
let writer: pg.Client
let reader: pg.Client
let folder: string
let orgId: string

beforeAll(async () => {
  database = await createDxDatabase()
  reader = await database.connect()
  orgId = await insertOrg(reader)
  await reader.query(
    'alter table ops.operation_events drop constraint operation_events_run_id_fkey',
  )
  const name = pg.escapeIdentifier(new URL(database.url).pathname.slice(1))
  await reader.query(`alter database ${name} set temp_file_limit = '1MB'`)
  writer = await database.connect()
  await writer.query(`set temp_file_limit = '64kB'; set work_mem = '64kB'`)
  folder = await mkdtemp(join(tmpdir(), 'hq-export-files-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true })
  await database[Symbol.asyncDispose]()
})

/** What the outbox took; each write is one statement. */
const captured = (...writes: readonly string[]): Promise<Captured[]> =>
  capturing(reader, async () => {
    for (const write of writes) await writer.query(write)
  })

/** `key version name` of each row as the view shows it. */
async function viewed(dataset: string): Promise<string[]> {
  const { rows } = await reader.query<{ row: string }>(
    `select org_id || '/' || entity_id || ' ' || record_version || ' ' || last_operation_id as row
     from hq_export.${dataset} order by 1`,
  )
  return rows.map(({ row }) => row)
}

/** The same of what was captured. */
const asViewed = (rows: readonly Captured[], dataset: string): string[] =>
  ofDataset(rows, dataset)
    .map(({ key, version, row }) => `${key} ${version} ${row.last_operation_id}`)
    .sort()

const insertMany = (table: string): string =>
  `insert into ${table} (org_id, canonical_name, last_operation_id)
   select '${orgId}', ${PADDING}, 'inserted' from generate_series(1, ${MANY})`

/** Copies of the bound tables with partitions, bound in their place. */
async function bindPartitioned(): Promise<void> {
  const parts: Record<string, string> = {
    'ops.operation_runs': 'status',
    'ops.operation_events': 'event_type',
    'entities.company_entities': 'linkedin_url',
    'entities.person_entities': 'linkedin_url',
  }
  const { datasets } = JSON.parse(await readFile(REFERENCE, 'utf8'))
  for (const bound of datasets) {
    const column = parts[bound.table] ?? ''
    bound.key.push(column)
    const table = `${bound.table}_parted`
    // Its columns stand in another order in one of the partitions.
    const moved = bound.table.startsWith('ops.') ? 'error_message' : 'last_operation_id'
    await reader.query(`
      create table ${table} (like ${bound.table} including defaults,
        primary key (${bound.key.join(', ')})) partition by list (${column});
      create table ${table}_1 partition of ${table} for values in ('running', 'error', 'a');
      create table ${table}_2 (like ${table} including defaults);
      alter table ${table}_2 drop column ${moved};
      alter table ${table}_2 add column ${moved} text;
      alter table ${table} attach partition ${table}_2 default`)
    if (column === 'linkedin_url')
      await reader.query(`alter table ${table} alter column linkedin_url set default 'a'`)
    bound.table = table
  }
  const file = join(folder, 'parted.json')
  await writeFile(file, JSON.stringify({ name: 'parted', datasets }))
  await bind(database.url, file)
}

const insertEvents = (table: string): string =>
  `insert into ${table} (org_id, run_id, event_type, event_sequence, entity_type, entity_id,
     error_message)
   select '${orgId}', gen_random_uuid(), 'error', 1, 'company', gen_random_uuid(), ${PADDING}
   from generate_series(1, ${MANY})`

const insertRuns = (table: string, status: string): string =>
  `insert into ${table} (org_id, entity_id, operation_id, action_id, entity_type, status,
     error_message)
   select '${orgId}', gen_random_uuid(), 'o', 'a', 'company', '${status}', ${PADDING}
   from generate_series(1, ${MANY})`

test('I5: what one statement may write under temp_file_limit does not depend on the binding, once it was bound so', async () => {
  await expect(writer.query(insertMany('entities.company_entities'))).rejects.toMatchObject({
    code: '53400',
  })
  expect(await bind(database.url, 'reference')).toMatchObject({ changed: true })
  expect(await bind(database.url, 'reference')).toMatchObject({ changed: false })
  const rows = await captured(insertMany('entities.company_entities'))
  expect(asViewed(rows, COMPANIES)).toEqual(await viewed(COMPANIES))
  expect(ofDataset(rows, COMPANIES)).toHaveLength(MANY)
})

test.each(['', '_parted'])(
  'I1, I5: bulk writes of bound tables commit under temp_file_limit, each row captured once as the view shows it: tables%s',
  async (suffix) => {
    if (suffix !== '') await bindPartitioned()
    for (const [dataset, name] of [
      [COMPANIES, 'company'],
      [PERSONS, 'person'],
    ] as const) {
      const table = `entities.${name}_entities${suffix}`
      const key = `(org_id, entity_id${suffix === '' ? '' : ', linkedin_url'})`
      await captured(`truncate ${table}`)
      const column = name === 'company' ? 'canonical_name' : 'full_name'
      const insert = insertMany(table).replace('canonical_name', column)
      const count = MANY
      const versions = (rows: readonly Captured[]) => new Set(versionsOf(rows, dataset))
      for (const [write, version] of [
        [insert, '1'],
        [`update ${table} set record_version = 2, last_operation_id = 'updated'`, '2'],
        [`update ${table} set last_operation_id = 'silently'`, '3'],
        [
          `insert into ${table} as t select * from ${table}
         on conflict ${key} do update set last_operation_id = 'upserted', record_version = 5`,
          '6',
        ],
        // In partitions the row moves: with its version, without, and as another key.
        [`update ${table} set linkedin_url = 'b', record_version = 6`, '7'],
        [`update ${table} set linkedin_url = 'a'`, '8'],
      ] as const) {
        const rows = await captured(write)
        expect([write, ofDataset(rows, dataset).length]).toEqual([write, count])
        expect([write, asViewed(rows, dataset)]).toEqual([write, await viewed(dataset)])
        expect([write, ...versions(rows)]).toEqual([write, version])
      }
      const renamed = await captured(
        `update ${table} set entity_id = gen_random_uuid(), linkedin_url = 'b'`,
      )
      const [gone, come] = [true, false].map((deleted) =>
        renamed.filter((row) => row.dataset === dataset && row.deleted === deleted),
      )
      expect(gone).toHaveLength(count)
      expect(new Set(versionsOf(gone ?? [], dataset))).toEqual(new Set(['9!']))
      expect(asViewed(come ?? [], dataset)).toEqual(await viewed(dataset))
      const deleted = await captured(`delete from ${table}`)
      expect(versionsOf(deleted, dataset)).toEqual(Array(count).fill('7!'))
    }
    const runs = `ops.operation_runs${suffix}`
    expect(await captured(insertRuns(runs, 'running'))).toEqual([])
    const ended = await captured(
      `update ${runs} set attempt_count = 2`,
      `update ${runs} set status = 'failed'`,
      // Ended runs are exported once, wherever they go.
      `update ${runs} set status = 'succeeded'`,
      insertRuns(runs, 'skipped'),
      `update ${runs} set status = 'canceled'`,
    )
    expect(ended.map(({ row }) => row.status)).toEqual([
      ...Array(MANY).fill('failed'),
      ...Array(MANY).fill('skipped'),
    ])
    expect(new Set(ended.map(({ key }) => key)).size).toBe(2 * MANY)
    const events = `ops.operation_events${suffix}`
    const happened = await captured(
      insertEvents(events),
      `update ${events} set event_type = 'state_change'`,
    )
    expect(ofDataset(happened, EVENTS)).toHaveLength(MANY)
    expect(new Set(happened.map(({ key }) => key)).size).toBe(MANY)
    expect(ofDataset(ended, RUNS)).toHaveLength(2 * MANY)
  },
)

test('a bulk write while capture is off leaves one gap, and a key that was moved is not gone', async () => {
  const table = 'entities.company_entities_parted'
  await writer.query(insertMany(table))
  await writer.query('begin')
  await writer.query(`set local hq_export.disabled = 'on'`)
  const rows = await captured(
    insertMany(table),
    `update ${table} set linkedin_url = 'b'`,
    `delete from ${table} where linkedin_url = 'b' and last_operation_id is null`,
  )
  await writer.query('commit')
  expect(rows).toEqual([])
  const gaps = await reader.query(
    'select operation, count(*)::int as count from hq_export.capture_gap group by 1 order by 1',
  )
  expect(gaps.rows).toEqual([
    { operation: 'delete', count: 1 },
    { operation: 'insert', count: 1 },
  ])
  const { rows: deleted } = await reader.query(
    `select from hq_export.version_base b join hq_export.${COMPANIES} c
       on b.key = c.org_id || '/' || c.entity_id where b.deleted_at is not null`,
  )
  expect(deleted).toEqual([])
})

test('TRUNCATE captures every row, as it is where it cannot be projected under temp_file_limit', async () => {
  const { rows: before } = await reader.query(
    'select count(*)::int as n from entities.company_entities_parted',
  )
  const rows = await captured('truncate entities.company_entities_parted')
  expect(ofDataset(rows, COMPANIES)).toHaveLength(before[0]?.n)
  expect(rows.every(({ dataset, deleted }) => deleted || dataset !== COMPANIES)).toBe(true)
})

test('a partition that is added later is captured, and one whose trigger is disabled is bound anew', async () => {
  const table = 'entities.company_entities_parted'
  const file = join(folder, 'parted.json')
  await reader.query(`
    create table ${table}_3 partition of ${table} for values in ('c');
    alter table ${table} alter column linkedin_url set default 'c'`)
  const rows = await captured(insertMany(table))
  expect(asViewed(rows, COMPANIES)).toEqual(await viewed(COMPANIES))
  await bind(database.url, file)
  expect(await bind(database.url, file)).toMatchObject({ changed: false })
  await reader.query(`alter table ${table}_3 disable trigger hq_export_3_insert_row`)
  expect(await bind(database.url, file)).toMatchObject({ changed: true })
  expect(ofDataset(await captured(insertMany(table)), COMPANIES)).toHaveLength(MANY)
})

test('without the limit, bind captures by statement again', async () => {
  const name = pg.escapeIdentifier(new URL(database.url).pathname.slice(1))
  await reader.query(`alter database ${name} reset temp_file_limit`)
  await bind(database.url, join(folder, 'parted.json'))
  const { rows } = await reader.query(
    `select tgrelid::regclass::text as table, tgname as name from pg_trigger
     where tgname ~ '^hq_export_.*_row$'`,
  )
  expect(rows).toEqual([])
  const free = await database.connect()
  const taken = await capturing(reader, () =>
    free.query(insertMany('entities.company_entities_parted')),
  )
  expect(ofDataset(taken, COMPANIES)).toHaveLength(MANY)
})
