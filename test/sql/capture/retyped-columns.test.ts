import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Captured, capturing, ofDataset } from '../../support/capture-rows.ts'
import { createLiveDatabase } from '../../support/live-shape/live-databases.ts'
import { insertAttempts, insertLiveOrg, insertLiveRun } from '../../support/live-shape/live-rows.ts'
import { insertCompany, insertOrg, insertRun } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

/*
 * One session lives on while a migration of the application changes the columns of a table whose
 * triggers it has fired, so that it has plans of them.
 */

const RUNS = 'dx_operation_runs_v1'
const COMPANIES = 'dx_company_entities_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'
const REFERENCE = join(
  import.meta.dirname,
  '../../../migrations/data-engine-x/bindings/reference.json',
)

let database: TestDatabase
let session: pg.Client
let migrator: pg.Client
let orgId: string
let folder: string

beforeAll(async () => {
  database = await createDxDatabase()
  session = await database.connect()
  migrator = await database.connect()
  orgId = await insertOrg(migrator)
  folder = await mkdtemp(join(tmpdir(), 'hq-export-retyped-'))
})

afterAll(async () => {
  await database[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** How a migration may put another column under the name of one, before others or after them. */
const CHANGES = {
  'dropped and added again': (table: string, column: string, type: string) =>
    `alter table ${table} drop column ${column}; alter table ${table} add column ${column} ${type}`,
  'replaced by one that was filled beside it': (table: string, column: string, type: string) =>
    `alter table ${table} add column filled ${type};
     alter table ${table} rename column ${column} to old_one;
     alter table ${table} rename column filled to ${column};
     alter table ${table} drop column old_one`,
  retyped: (table: string, column: string, type: string) =>
    `alter table ${table} alter column ${column} type ${type === 'text' ? 'varchar(90)' : 'json'}`,
} as const
const changes = Object.entries(CHANGES)

/** Fires a trigger as the only capture of a transaction, and as a late one of many (0004). */
async function twice(work: () => Promise<unknown>): Promise<void> {
  await work()
  await session.query('begin')
  await session.query(`select set_config('hq_export.captures', repeat('0', 40), true)`)
  await work()
  await session.query('commit')
}

const capturedTwice = (work: () => Promise<unknown>): Promise<Captured[]> =>
  capturing(migrator, () => twice(work))

/** What was captured, and with which error. */
const read = (rows: readonly Captured[], column: string) =>
  rows.map(({ sqlstate, row }) => [sqlstate, row[column]])

test.each(changes)(
  'I1: a run that ends after a column was %s leaves with its value',
  async (_, change) => {
    let count = 0
    const end = async () => {
      const runId = await insertRun(session, orgId, { status: 'running' })
      await session.query(
        `update ops.operation_runs set status = 'failed', error_message = $1 where run_id = $2`,
        [`end ${++count}`, runId],
      )
    }
    await twice(end)
    await migrator.query(change('ops.operation_runs', 'error_message', 'text'))
    expect(read(await capturedTwice(end), 'error_message')).toEqual([
      [null, 'end 3'],
      [null, 'end 4'],
    ])
  },
)

test('a session that is open while `bind` replaces an older function takes the new one', async () => {
  const NAME = 'capture_dx_operation_runs_v1_update'
  const { rows: functions } = await migrator.query<{ sql: string }>(
    `select pg_get_functiondef(('hq_export.' || $1)::regproc) as sql`,
    [NAME],
  )
  const older = functions[0]?.sql.replaceAll(/ where '[^']*'::regclass is not null/g, '') ?? ''
  await migrator.query(older)
  const end = async () => {
    const runId = await insertRun(session, orgId, { status: 'running' })
    await session.query(
      `update ops.operation_runs set status = 'failed', source_provider = 'x' where run_id = $1`,
      [runId],
    )
  }
  await twice(end)
  const change = CHANGES['dropped and added again']
  await migrator.query(change('ops.operation_runs', 'source_provider', 'text'))
  expect(read(await capturedTwice(end), 'source_provider')).toEqual(Array(2).fill([null, null]))
  expect(await bind(database.url, 'reference')).toMatchObject({ changed: true })
  expect(read(await capturedTwice(end), 'source_provider')).toEqual(Array(2).fill([null, 'x']))
})

test.each(changes)(
  'I1: a row that leaves by its key after a column was %s has its values',
  async (_, change) => {
    let count = 0
    const leave = async () => {
      const values = { canonical_name: `name ${++count}`, canonical_payload: `{"n": ${count}}` }
      const entityId = await insertCompany(session, orgId, values)
      await session.query(
        'update entities.company_entities set entity_id = $1 where entity_id = $2',
        [randomUUID(), entityId],
      )
    }
    await twice(leave)
    await migrator.query(change('entities.company_entities', 'canonical_name', 'text'))
    await migrator.query(change('entities.company_entities', 'canonical_payload', 'jsonb'))
    const rows = await capturedTwice(leave)
    const gone = ofDataset(rows, COMPANIES).filter(({ deleted }) => deleted)
    expect(read(gone, 'canonical_name')).toEqual([
      [null, 'name 3'],
      [null, 'name 4'],
    ])
    // Inserted, gone, and there again.
    expect(read(ofDataset(rows, SNAPSHOTS), 'canonical_payload_json')).toEqual(
      [3, 4].flatMap((n) => Array(3).fill([null, `{"n": ${n}}`])),
    )
  },
)

test.each(changes)(
  'I1: in partitions with columns in another order, a row that is replaced after a column was %s has its values',
  async (name, change) => {
    const table = `entities.parted_${name.length}`
    await migrator.query(`
    create table ${table} (like entities.company_entities including defaults,
      primary key (org_id, entity_id, industry)) partition by list (industry);
    alter table ${table} alter column canonical_payload type jsonb;
    create table ${table}_1 partition of ${table} for values in ('a');
    create table ${table}_2 (like ${table} including defaults);
    alter table ${table}_2 drop column canonical_payload;
    alter table ${table}_2 add column canonical_payload jsonb;
    alter table ${table} attach partition ${table}_2 default`)
    const { datasets } = JSON.parse(await readFile(REFERENCE, 'utf8'))
    const bound = { ...datasets[2], table, key: ['org_id', 'entity_id', 'industry'] }
    const file = join(folder, 'parted.json')
    await writeFile(file, JSON.stringify({ name: 'parted', datasets: [bound] }))
    // There before the table is bound, so that what is replaced is kept.
    await migrator.query(
      `insert into ${table} (org_id, entity_id, industry, canonical_payload)
     select $1, gen_random_uuid(), part, '{"n": 1}' from unnest(array['a', 'b']) part, generate_series(1, 4)`,
      [orgId],
    )
    await bind(database.url, file)
    const replace = async () => {
      for (const part of ['a', 'b']) {
        await session.query(
          `delete from ${table} t using (
           select entity_id from ${table} where industry = $1 limit 1
         ) d where d.entity_id = t.entity_id`,
          [part],
        )
      }
    }
    await twice(replace)
    await migrator.query(change(table, 'canonical_payload', `jsonb default '{"n": 1}'`))
    const rows = ofDataset(await capturedTwice(replace), SNAPSHOTS)
    // Of each the version that was there before, and its delete.
    expect(read(rows, 'canonical_payload_json')).toEqual(Array(8).fill([null, '{"n": 1}']))
    await bind(database.url, 'reference')
  },
)

test.each(['statement', 'row'])(
  'I1: after a column was replaced, a run that is deleted before it settled leaves with its values, and an attempt that is late is noted: captured by %s',
  async (form) => {
    await using live = await createLiveDatabase()
    const [writer, other] = [await live.connect(), await live.connect()]
    const replace = CHANGES['replaced by one that was filled beside it']
    if (form === 'row') {
      const name = pg.escapeIdentifier(new URL(live.url).pathname.slice(1))
      await other.query(`alter database ${name} set temp_file_limit = '1GB'`)
    }
    const org = await insertLiveOrg(other)
    const closed = await insertLiveRun(other, org, { created_at: '2020-01-01' })
    await bind(live.url, 'data-engine-x')
    const deleted = async () => {
      const runId = await insertLiveRun(writer, org, { operation_id: 'company.enrich.profile' })
      await writer.query('delete from ops.operation_runs where run_id = $1', [runId])
    }
    await deleted()
    await other.query(replace('ops.operation_runs', 'operation_id', `text not null default 'x'`))
    const rows = ofDataset(await capturing(other, deleted), RUNS)
    expect(read(rows, 'operation_id')).toEqual([[null, 'company.enrich.profile']])

    const [early] = await insertAttempts(writer, closed, [{}])
    await other.query(`
    alter table ops.operation_attempts add column filled uuid;
    alter table ops.operation_attempts alter column run_id drop not null;
    alter table ops.operation_attempts rename column run_id to old_run_id;
    alter table ops.operation_attempts rename column filled to run_id`)
    const [late] = await insertAttempts(writer, closed, [{}])
    const noted = await other.query('select key from hq_export.late_child')
    expect(noted.rows.map(({ key }) => key).sort()).toEqual([early, late].sort())
  },
)
