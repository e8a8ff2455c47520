import type { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { noteLosses } from '@hq-export/outbox-relay/doorbell/note-losses.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installLiveShape } from '../support/live-shape/install-live-shape.ts'
import { insertAttempts, insertLiveOrg, insertLiveRun } from '../support/live-shape/live-rows.ts'
import { createOwnDatabase, type TestDatabase } from '../support/servers/databases.ts'
import { startOwnServer } from '../support/servers/own-server.ts'
import { waitFor } from '../support/wait-for.ts'

/** A small lock table, which is soon full. */
const SETTINGS = { max_connections: '20' }

let server: { readonly cluster: EmbeddedCluster } & AsyncDisposable
let database: TestDatabase
let writer: pg.Client
let orgId: string

beforeAll(async () => {
  server = await startOwnServer('dx-bounded', SETTINGS)
  database = await createOwnDatabase(server.cluster.url(), async (url) => {
    const owner = new pg.Client({ connectionString: url })
    await owner.connect()
    await installLiveShape(owner)
    await owner.end()
    await dxMigrations.apply(url)
    await bind(url, 'data-engine-x')
  })
  writer = await database.connect()
  orgId = await insertLiveOrg(writer)
})

afterAll(async () => {
  await database[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const RUN_BY_RUN = `
do $$
begin
  for i in 1..%N loop
    insert into ops.operation_runs
      (run_id, org_id, role, auth_method, operation_id, entity_type, status, input_payload)
    values (md5('%P' || i)::uuid, '%O', 'org_admin', 'api_key', 'company.enrich.profile',
      'company', 'found', '{}');
    insert into ops.operation_attempts (run_id, provider, action, status)
    values (md5('%P' || i)::uuid, 'prospeo', 'enrich', 'found');
  end loop;
end $$`

async function insertRunByRun(client: pg.Client, prefix: string, runs: number): Promise<void> {
  await client.query(
    RUN_BY_RUN.replaceAll('%N', String(runs)).replaceAll('%P', prefix).replaceAll('%O', orgId),
  )
}

async function captured(): Promise<{ sqlstate: string | null; rows: number }[]> {
  const { rows } = await writer.query<{ sqlstate: string | null; rows: number }>(
    `select sqlstate, count(*)::int as rows from hq_export.outbox_0
     where dataset = 2 group by 1 order by 1`,
  )
  return rows
}

test('I5: one transaction that adds attempts to 1,000 runs takes a few locks, and captures every one', async () => {
  const other = await database.connect()
  await writer.query('truncate hq_export.outbox_0')
  await writer.query('begin')
  await insertRunByRun(writer, 'many', 1000)
  const { rows } = await other.query<{ locks: number }>(
    `select count(*)::int as locks from pg_locks where locktype = 'advisory'`,
  )
  expect(rows[0]?.locks).toBeLessThan(70)
  const runId = await insertLiveRun(other, orgId)
  await insertAttempts(other, runId, [{}])
  await writer.query('commit')
  expect(await captured()).toEqual([{ sqlstate: null, rows: 1001 }])
})

test('I5: a transaction takes few transaction ids of its own, however many statements and rows it writes, and captures all of it', async () => {
  await writer.query('truncate hq_export.outbox_0')
  await writer.query('begin')
  const { rows: first } = await writer.query<{ xid: string }>(
    'select pg_current_xact_id()::text as xid',
  )
  await insertRunByRun(writer, 'ids', 100)
  const each = (sql: string) =>
    writer.query(`do $$ begin for i in 1..100 loop ${sql}; end loop; end $$`)
  await each(`insert into entities.company_entities (org_id, entity_id, canonical_name)
    values ('${orgId}', md5('company' || i)::uuid, 'Acme')`)
  const where = `where org_id = '${orgId}' and entity_id = md5('company' || i)::uuid`
  await each(
    `update entities.company_entities set canonical_name = 'Newer', record_version = 2 ${where}`,
  )
  // Without a new version: each row raises its base.
  await writer.query(
    `update entities.company_entities set canonical_name = 'Silent' where org_id = '${orgId}'`,
  )
  await each(`update entities.company_entities set canonical_name = 'Silent ' || i ${where}`)
  await each(`delete from entities.company_entities ${where}`)
  await writer.query('commit')
  const { rows: last } = await writer.query<{ xid: string }>(
    'select pg_snapshot_xmax(pg_current_snapshot())::text as xid',
  )
  expect(Number(last[0]?.xid) - Number(first[0]?.xid)).toBeLessThan(64)
  const { rows } = await writer.query(
    `select dataset, version::int, deleted, sqlstate, count(*)::int as rows from hq_export.outbox_0
     where dataset in (2, 3) group by 1, 2, 3, 4 order by 1, 2`,
  )
  const company = { dataset: 3, deleted: false, sqlstate: null, rows: 100 }
  expect(rows).toEqual([
    { dataset: 2, version: null, deleted: false, sqlstate: null, rows: 100 },
    { ...company, version: 1 },
    { ...company, version: 2 },
    { ...company, version: 3 },
    { ...company, version: 4 },
    { ...company, version: 5, deleted: true },
  ])
  const { rows: settling } = await writer.query(
    `select count(distinct key)::int as keys from hq_export.settle
     where key in (select md5('ids' || i)::uuid::text from generate_series(1, 100) i)`,
  )
  expect(settling).toEqual([{ keys: 100 }])
})

test('I4, I5: what cannot be projected late in a long transaction is kept raw, and the rest of it is captured', async () => {
  await writer.query('truncate hq_export.outbox_0')
  await writer.query('begin')
  await insertRunByRun(writer, 'late', 60)
  await writer.query(
    'alter table ops.operation_attempts rename column provider_status to status_of_provider',
  )
  await insertAttempts(writer, await insertLiveRun(writer, orgId), [{}])
  await writer.query(
    'alter table ops.operation_attempts rename column status_of_provider to provider_status',
  )
  await insertAttempts(writer, await insertLiveRun(writer, orgId), [{}])
  await writer.query('commit')
  expect(await captured()).toEqual([
    { sqlstate: '42703', rows: 1 },
    { sqlstate: null, rows: 61 },
  ])
})

async function lost(): Promise<number> {
  const { rows } = await writer.query<{ lost: number }>(
    `select pg_sequence_last_value('hq_export.lost')::int as lost`,
  )
  return rows[0]?.lost ?? Number.NaN
}

/**
 * Fills the server's lock table from another session, as an application does that takes advisory
 * locks without bound.
 */
async function exhaustLocks(): Promise<pg.Client> {
  const greedy = await database.connect()
  await greedy.query(`
    do $$ begin
      for i in 1..1000000 loop perform pg_advisory_lock(7, i); end loop;
    exception when out_of_memory then null;
    end $$`)
  return greedy
}

test('I1, I5: with the lock table of the server full, what commits is captured or known to be missing', async () => {
  await writer.query('truncate hq_export.outbox_0')
  const runId = await insertLiveRun(writer, orgId)
  await writer.query('begin')
  await insertAttempts(writer, runId, [{}])
  const greedy = await exhaustLocks()
  await insertAttempts(writer, runId, [{}])
  await insertAttempts(writer, runId, [{}])
  await writer.query('commit')
  await greedy.end()
  await waitFor('the locks to be free', async () => {
    const { rows } = await writer.query("select from pg_locks where locktype = 'advisory'")
    return rows.length === 0
  })
  const attempts = await writer.query('select from ops.operation_attempts where run_id = $1', [
    runId,
  ])
  expect(attempts.rowCount).toBe(3)
  const rows = (await captured()).reduce((sum, found) => sum + found.rows, 0)
  expect(rows + (await lost())).toBe(3)
  await noteLosses(writer)
  const { rows: gaps } = await writer.query(
    'select distinct operation, role = session_user as "isOurs" from hq_export.capture_gap',
  )
  expect(gaps).toEqual(rows === 3 ? [] : [{ operation: 'lost', isOurs: true }])
  expect(await lost()).toBe(0)
})

const COMPANY = `insert into entities.company_entities (org_id, entity_id, canonical_name)
  values ('%O', gen_random_uuid(), 'Acme');`

/** Milliseconds for a statement `total` times, so many in one message of the client. */
async function repeatMs(statement: string, total: number, perMessage: number): Promise<number> {
  const begin = performance.now()
  await writer.query('begin')
  const message = statement.replaceAll('%O', orgId).repeat(perMessage)
  for (let done = 0; done < total; done += perMessage) await writer.query(message)
  await writer.query('rollback')
  return performance.now() - begin
}

test.each([
  ['inserts', COMPANY],
  // The search that finds one is made once, too.
  [
    'inserts with a trace context',
    `${COMPANY} /*traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'*/;`,
  ],
])(
  'I5: a statement costs the same, however many stand in one message: %s',
  async (_, statement) => {
    await repeatMs(statement, 100, 10)
    let ratio = Number.POSITIVE_INFINITY
    for (let round = 0; round < 3 && ratio >= 1.5; round++) {
      const few = await repeatMs(statement, 4000, 10)
      ratio = (await repeatMs(statement, 4000, 4000)) / few
    }
    expect(ratio).toBeLessThan(1.5)
  },
)
