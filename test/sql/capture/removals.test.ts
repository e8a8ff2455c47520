import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { capturing } from '../../support/capture-rows.ts'
import { createLiveDatabase } from '../../support/live-shape/live-databases.ts'
import { insertAttempts, insertLiveOrg, insertLiveRun } from '../../support/live-shape/live-rows.ts'
import { insertEvent, insertOrg, insertRun } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

const RUNS = 1
const EVENTS = 2
const REFERENCE = join(
  import.meta.dirname,
  '../../../migrations/data-engine-x/bindings/reference.json',
)

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

/** Keys that are noted, by dataset. */
async function noted(client: pg.Client = writer): Promise<Record<number, string[]>> {
  const { rows } = await client.query<{ dataset: number; keys: string[] }>(
    `select dataset, array_agg(key order by key) as keys from hq_export.removal group by dataset`,
  )
  return Object.fromEntries(rows.map(({ dataset, keys }) => [dataset, keys]))
}

async function openGaps(): Promise<string[]> {
  const { rows } = await writer.query<{ operation: string }>(
    'select operation from hq_export.capture_gap order by 1',
  )
  return rows.map(({ operation }) => operation)
}

const deleteRun = (runId: string | undefined) =>
  writer.query('delete from ops.operation_runs where run_id = $1', [runId])

test('a row of an append-only dataset that is deleted is noted with its transaction, and exports nothing', async () => {
  const running = await insertRun(writer, orgId, { status: 'running' })
  const ended = await insertRun(writer, orgId)
  const eventId = await insertEvent(writer, orgId, ended)
  const rows = await capturing(writer, async () => {
    await writer.query('begin')
    await writer.query('delete from ops.operation_events')
    await writer.query('rollback')
    expect(await noted()).toEqual({})
    await writer.query('delete from ops.operation_events')
    await writer.query('begin')
    await deleteRun(running)
    await deleteRun(ended)
    const { rows: own } = await writer.query(
      `select removed_xid = pg_current_xact_id() as is_own, spec, hash
       from hq_export.removal where dataset = ${RUNS}`,
    )
    expect(own).toEqual([{ is_own: true, spec: null, hash: null }])
    await writer.query('commit')
  })
  expect(rows).toEqual([])
  expect(await noted()).toEqual({ [RUNS]: [ended], [EVENTS]: [eventId] })
})

test('a row that an update takes out of the dataset is noted: another key, or its run goes on', async () => {
  const [stays, reopened, renamed, running] = [
    await insertRun(writer, orgId),
    await insertRun(writer, orgId),
    await insertRun(writer, orgId),
    await insertRun(writer, orgId, { status: 'running' }),
  ]
  await writer.query(`update ops.operation_runs set attempt_count = 7`)
  await writer.query(`update ops.operation_runs set status = 'failed' where run_id = any ($1)`, [
    [stays, running],
  ])
  expect(await noted()).toEqual({})
  await writer.query(`update ops.operation_runs set status = 'running' where run_id = $1`, [
    reopened,
  ])
  await writer.query(`update ops.operation_runs set run_id = gen_random_uuid() where run_id = $1`, [
    renamed,
  ])
  expect(await noted()).toEqual({ [RUNS]: [reopened, renamed].sort() })
})

test('a key that is removed once more is explained anew', async () => {
  const runId = await insertRun(writer, orgId)
  await deleteRun(runId)
  await writer.query(`update hq_export.removal set spec = 'DXC-1', hash = 5`)
  await insertRun(writer, orgId, { run_id: runId })
  await deleteRun(runId)
  const { rows } = await writer.query(
    `select key, spec, hash, removed_xid > '3' as has_xid from hq_export.removal`,
  )
  expect(rows).toEqual([{ key: runId, spec: null, hash: null, has_xid: true }])
})

test('TRUNCATE leaves its transaction and no keys', async () => {
  await insertEvent(writer, orgId, await insertRun(writer, orgId))
  await writer.query('begin')
  await writer.query('truncate ops.operation_events')
  await writer.query('truncate ops.operation_events')
  const { rows } = await writer.query(
    'select dataset, removed_xid = pg_current_xact_id() as is_own from hq_export.truncation',
  )
  await writer.query('commit')
  expect(rows).toEqual([{ dataset: EVENTS, is_own: true }])
  expect(await noted()).toEqual({})
})

test('what is removed while capture is switched off is noted, too, and leaves no gap', async () => {
  const runId = await insertRun(writer, orgId)
  await writer.query(`set hq_export.disabled = 'on'`)
  await deleteRun(runId)
  expect(await noted()).toEqual({ [RUNS]: [runId] })
  expect(await openGaps()).toEqual([])
})

test('I5: where a removal cannot be noted the delete commits, and leaves a gap', async () => {
  const runId = await insertRun(writer, orgId)
  await insertEvent(writer, orgId, runId)
  await writer.query('alter table hq_export.removal add constraint no_key check (key is null)')
  await writer.query('delete from ops.operation_events')
  await writer.query(`update ops.operation_runs set status = 'running'`)
  await writer.query('drop table hq_export.truncation')
  await writer.query('truncate ops.operation_runs cascade')
  expect(await openGaps()).toEqual(['removal', 'removal', 'removal', 'removal'])
  const { rows } = await writer.query('select from ops.operation_runs')
  expect(rows).toEqual([])
})

test('I5: a transaction that removes rows one by one takes few transaction ids of its own', async () => {
  await writer.query('begin')
  await writer.query(
    `insert into ops.operation_runs
       (org_id, entity_id, operation_id, action_id, entity_type, status)
     select $1, gen_random_uuid(), 'o', 'a', 'company', 'failed' from generate_series(1, 300)`,
    [orgId],
  )
  await writer.query('commit')
  await writer.query('begin')
  await writer.query(
    `do $$
     declare v_run uuid;
     begin
       for v_run in select run_id from ops.operation_runs limit 150 loop
         delete from ops.operation_runs where run_id = v_run;
       end loop;
       -- Older than the moments in which no capture is noted.
       update ops.operation_runs set status = 'running';
     end $$`,
  )
  await writer.query('commit')
  // Of the rows that it wrote; other databases of the server take ids, too.
  const { rows: taken } = await writer.query<{ ids: number }>(
    'select count(distinct xmin::text)::int as ids from hq_export.removal',
  )
  expect(taken[0]?.ids).toBeLessThan(70)
  expect((await noted())[RUNS]).toHaveLength(300)
})

test('in a partitioned table a row is noted once, whatever is named, and not where it only moves', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hq-export-binding-'))
  try {
    await writer.query(`
      create table ops.parted (like ops.operation_runs including defaults,
        primary key (run_id, entity_type, status)) partition by list (entity_type);
      create table ops.parted_person partition of ops.parted for values in ('person');
      create table ops.parted_rest partition of ops.parted default partition by list (status);
      create table ops.parted_open partition of ops.parted_rest for values in ('running');
      create table ops.parted_ended partition of ops.parted_rest default`)
    const { datasets } = JSON.parse(await readFile(REFERENCE, 'utf8'))
    const [run] = datasets
    const file = join(folder, 'runs.json')
    const key = ['run_id', 'entity_type', 'status']
    const parted = [{ ...run, table: 'ops.parted', key }]
    await writeFile(file, JSON.stringify({ name: 'runs', datasets: parted }))
    await bind(database.url, file)
    const { rows } = await writer.query<{ id: string }>(
      `insert into ops.parted (org_id, entity_id, operation_id, action_id, entity_type, status)
       select $1, gen_random_uuid(), 'o', 'a', 'company', 'failed' from generate_series(1, 4)
       returning run_id as id`,
      [orgId],
    )
    const ids = rows.map(({ id }) => id)
    const withId = (sql: string, index: number) => writer.query(`${sql} run_id = $1`, [ids[index]])
    await writer.query(`update ops.parted set status = 'succeeded', entity_type = 'person'`)
    expect(await noted()).toEqual({})
    await withId(`update ops.parted set entity_type = 'company', status = 'running' where`, 0)
    await withId('delete from ops.parted_person where', 1)
    await withId('delete from ops.parted where', 2)
    expect(await noted()).toEqual({ [RUNS]: ids.slice(0, 3).sort() })
    await writer.query('truncate ops.parted')
    const { rows: cleared } = await writer.query('select dataset from hq_export.truncation')
    expect(cleared).toEqual([{ dataset: RUNS }])
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('in the live shape, rows that go with their org or leave by a filter are noted, and those outside of it are not', async () => {
  await using live = await createLiveDatabase('data-engine-x')
  const client = await live.connect()
  const org = await insertLiveOrg(client)
  const [kept, job, becomesJob] = [
    await insertLiveRun(client, org),
    await insertLiveRun(client, org, { entity_type: 'job' }),
    await insertLiveRun(client, org),
  ]
  await insertAttempts(client, kept, [{}, {}])
  await client.query(`update ops.operation_runs set entity_type = 'job' where run_id = $1`, [
    becomesJob,
  ])
  expect(await noted(client)).toEqual({ [RUNS]: [becomesJob] })
  const { rows } = await client.query<{ id: string }>('select id from ops.operation_attempts')
  await client.query('delete from ops.operation_runs where run_id = $1', [job])
  await client.query('delete from ops.orgs where id = $1', [org])
  expect(await noted(client)).toEqual({
    [RUNS]: [kept, becomesJob].sort(),
    [EVENTS]: rows.map(({ id }) => id).sort(),
  })
})
