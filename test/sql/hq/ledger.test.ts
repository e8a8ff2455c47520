import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectWriter } from '@hq-export/hq-ingest/db/connect.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { dropPartitions } from '@hq-export/hq-ingest/ledger/drop-partitions.ts'
import { expireLedger } from '@hq-export/hq-ingest/ledger/expire-ledger.ts'
import { partitionAt, partitionNamed } from '@hq-export/hq-ingest/ledger/partition.ts'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  deliver,
  send,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'
const DAY_MS = 86_400_000
const at = (text: string) => Date.parse(text)

async function writer(hq: TestDatabase): Promise<pg.Client> {
  const client = await connectWriter(hq.url)
  onTestFinished(() => client.end().catch(() => {}))
  return client
}

async function partitionsOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_inherits join pg_class c on c.oid = inhrelid
     where inhparent = 'ingest.batch'::regclass order by 1`,
  )
  return rows.map(({ name }) => name)
}

async function tablesOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select tablename as name from pg_tables
     where schemaname = 'ingest' and tablename ~ '^batch_' order by 1`,
  )
  return rows.map(({ name }) => name)
}

/** Three months that are over, with a batch each. */
async function fillPast(client: pg.Client): Promise<void> {
  await expireLedger(client, at('2001-01-15T00:00:00Z'), 36_500)
  for (const day of ['2001-01-31', '2001-02-01', '2001-03-31']) {
    await client.query(
      `insert into ingest.batch (received_at, source, batch, fingerprint, dataset, schema_version,
         key_id, wire_bytes, decoded_bytes, answer)
       values ($1, 's', $2, sha256('x'), 'd', 'v1', 'k', 1, 1, '{}')`,
      [`${day}T12:00:00Z`, day],
    )
  }
}

test('a partition is a month of UTC, named after it', () => {
  expect(partitionAt(at('2026-12-31T23:59:59.999Z'))).toEqual({
    name: 'batch_2026_12',
    from: '2026-12-01T00:00:00.000Z',
    to: '2027-01-01T00:00:00.000Z',
  })
  expect(partitionAt(at('2026-12-31T23:59:59.999Z'), 1).name).toBe('batch_2027_01')
  expect(partitionNamed('batch_2026_12')).toEqual(partitionAt(at('2026-12-05T00:00:00Z')))
  expect(partitionNamed('batch_pkey')).toBeUndefined()
})

test('months are created ahead, and dropped once their last batch is older than it has to be kept', async () => {
  await using hq = await createHqDatabase()
  const client = await writer(hq)
  await fillPast(client)
  const batches = async () =>
    (await client.query<{ batch: string }>('select batch from ingest.batch order by 1')).rows.map(
      ({ batch }) => batch,
    )
  // The last instant of January is kept for 30 days.
  expect(await expireLedger(client, at('2001-03-02T23:59:59.999Z'), 30)).toEqual({
    created: ['batch_2001_04', 'batch_2001_05'],
    dropped: [],
  })
  expect(await batches()).toEqual(['2001-01-31', '2001-02-01', '2001-03-31'])
  const retained = await expireLedger(client, at('2001-03-03T00:00:00Z'), 30)
  expect(retained).toEqual({ created: [], dropped: ['batch_2001_01'] })
  expect(await batches()).toEqual(['2001-02-01', '2001-03-31'])
  expect(await expireLedger(client, at('2001-03-03T00:00:00Z'), 30)).toEqual({
    created: [],
    dropped: [],
  })
})

test('a clock of HQ that was set ahead drops no month', async () => {
  await using hq = await createHqDatabase()
  const client = await writer(hq)
  await fillPast(client)
  const [stepped, own] = [at('2001-12-15T00:00:00Z'), at('2001-03-31T12:00:00Z')]
  expect((await expireLedger(client, stepped, 60, own))?.dropped).toEqual([])
  expect((await expireLedger(client, own, 60, stepped))?.dropped).toEqual([])
  expect(await partitionsOf(client)).toContain('batch_2001_01')
})

test('two gateways keep the ledger at the same moment, and one of them does', async () => {
  await using hq = await createHqDatabase()
  const [one, two] = [await writer(hq), await writer(hq)]
  await fillPast(one)
  const now = at('2001-06-15T00:00:00Z')
  const passes = await Promise.all([expireLedger(one, now, 30), expireLedger(two, now, 30)])
  const dropped = passes.flatMap((pass) => pass?.dropped ?? [])
  expect(dropped).toEqual([...new Set(dropped)])
  await expireLedger(one, now, 30)
  expect((await partitionsOf(one))[0]).toBe('batch_2001_06')
})

test('batches are applied while a month is dropped, a reader of it delays the drop alone, and the next pass finishes it', async () => {
  await using hq = await createHqDatabase()
  const client = await writer(hq)
  await fillPast(client)
  // Its own keeper has nothing to drop.
  const ledgerNow = () => at('2001-01-15T00:00:00Z')
  await using gateway = await startGateway(hq.url, { ledgerNow })
  const reader = await hq.connect()
  await reader.query('begin; select from ingest.batch limit 1')
  await client.query(`set lock_timeout = '300ms'`)
  const now = at('2001-03-03T00:00:00Z')
  const dropping = dropPartitions(client, now, 30, 1).catch((error: pg.DatabaseError) => error.code)
  await waitFor('the drop to wait', async () => {
    const { rowCount } = await reader.query(
      `select from pg_inherits where inhparent = 'ingest.batch'::regclass and inhdetachpending`,
    )
    return rowCount === 1
  })
  expect((await deliver(gateway.url, buildEnvelope(RUNS, [buildRow(RUNS)]))).counts.inserted).toBe(
    1,
  )
  expect(await dropping).toBe('55P03')
  // Nobody is waited for now but the commits of the gateway's own work, however slow the machine.
  await reader.query('commit')
  await client.query('reset lock_timeout')
  expect(await dropPartitions(client, now, 30, 1)).toEqual(['batch_2001_01'])
  expect(await tablesOf(client)).not.toContain('batch_2001_01')
})

test('a month that was detached by a gateway that died is dropped by the next', async () => {
  await using hq = await createHqDatabase()
  const client = await writer(hq)
  await fillPast(client)
  await client.query('alter table ingest.batch detach partition ingest.batch_2001_01')
  expect(await dropPartitions(client, at('2001-03-03T00:00:00Z'), 30, 5)).toEqual(['batch_2001_01'])
})

test('a batch that finds no month creates it, and a batch of a month ago is still answered from the ledger', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url)
  const client = await hq.connect()
  const batch = buildEnvelope(RUNS, [buildRow(RUNS)])
  await deliver(gateway.url, batch, { id: 'old' })
  const month = partitionAt(Date.now())
  await waitFor('the first pass of the keeper', async () => (await partitionsOf(client)).length > 2)
  // Its month becomes the one before.
  const before = partitionAt(Date.now(), -1)
  await client.query(`
    alter table ingest.batch detach partition ingest.${month.name};
    update ingest.${month.name} set received_at = '${before.from}';
    alter table ingest.${month.name} rename to ${before.name};
    alter table ingest.batch attach partition ingest.${before.name}
      for values from (minvalue) to ('${before.to}')`)
  const next = buildEnvelope(RUNS, [buildRow(RUNS)])
  const answers = await Promise.all([
    deliver(gateway.url, next),
    deliver(gateway.url, batch, { id: 'new' }),
  ])
  expect(answers.map(({ counts }) => counts.inserted)).toEqual([1, 0])
  expect(await partitionsOf(client)).toContain(month.name)
  const replayed = await send(gateway.url, batch, { id: 'old' })
  expect(replayed.headers.get('idempotent-replayed')).toBe('true')
  expect((await answerOf(replayed)).counts.inserted).toBe(1)
  expect((await send(gateway.url, next, { id: 'old' })).status).toBe(422)
})

test('the gateway drops what has expired by its own clock, as many days as it is told', async () => {
  await using hq = await createHqDatabase()
  const client = await writer(hq)
  await fillPast(client)
  const ledgerNow = () => at('2001-04-15T00:00:00Z')
  await using _keeps = await startGateway(hq.url, { ledgerNow, ledgerDays: 60 })
  await waitFor('January to go', async () => !(await tablesOf(client)).includes('batch_2001_01'))
  expect(await tablesOf(client)).toContain('batch_2001_02')
  await using _drops = await startGateway(hq.url, { ledgerNow, ledgerDays: 14 })
  await waitFor('March to go', async () => !(await tablesOf(client)).includes('batch_2001_03'))
  expect(await tablesOf(client)).toContain('batch_2001_04')
})

test('a look-up is one index probe in every month that is kept', async () => {
  await using hq = await createHqDatabase()
  const client = await writer(hq)
  await fillPast(client)
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(
    `explain (costs off) select answer from ingest.batch where source = 's' and batch = 'b'`,
  )
  const scans = rows.map((row) => row['QUERY PLAN']).filter((line) => line.includes(' Scan'))
  expect(scans).toHaveLength((await partitionsOf(client)).length)
  for (const scan of scans) expect(scan).toMatch(/Index Scan|Bitmap (?:Heap|Index) Scan/)
})

test('the migration keeps every batch, open entries once, and what was resolved', async () => {
  const admin = new pg.Client({ connectionString: inject('hqServerUrl') })
  await admin.connect()
  const database = `${inject('runId')}ledger_${randomBytes(4).toString('hex')}`
  await admin.query(`create database ${database}`)
  const url = new URL(inject('hqServerUrl'))
  url.pathname = `/${database}`
  onTestFinished(async () => {
    await admin.query(`drop database ${database} with (force)`)
    await admin.end()
  })
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  onTestFinished(() => client.end())
  await client.query(
    `create schema ingest;
     create table ingest.migration (id serial primary key, name varchar, run_on timestamp)`,
  )
  const released = (await hqMigrations.list()).filter((name) => name < '0005')
  for (const name of released) {
    await client.query(await readFile(join(hqMigrations.folder, `${name}.sql`), 'utf8'))
    await client.query('insert into ingest.migration (name, run_on) values ($1, now())', [name])
  }
  const long = new Date(Date.now() - 400 * DAY_MS).toISOString()
  await client.query(
    `insert into ingest.batch (received_at, source, batch, fingerprint, dataset, schema_version,
       key_id, wire_bytes, decoded_bytes, answer)
     select t, 's', 'batch ' || n, sha256('x'), 'd', 'v1', 'k', 1, 1, '{"n": 1}'
     from (values (1, now()), (2, $1::timestamptz)) as v (n, t)`,
    [long],
  )
  await client.query(
    `insert into ingest.quarantine (source, dataset, schema_version, batch, row_index, deleted,
       code, row_text, row_sha256, xid, captured_at, resolved_at)
     select 's', 'd', 'v1', 'b', 0, false, code, 'x', sha256('x'), '1', now(), at
     from (values ('invalid_value', null::timestamptz), ('database_rejected', null),
       ('invalid_type', now())) as v (code, at)`,
  )
  expect(await hqMigrations.apply(url.href)).toEqual(
    (await hqMigrations.list()).filter((name) => name >= '0005'),
  )
  const { rows: batches } = await client.query(
    `select batch, answer from ingest.batch order by batch`,
  )
  expect(batches).toEqual([
    { batch: 'batch 1', answer: { n: 1 } },
    { batch: 'batch 2', answer: { n: 1 } },
  ])
  const { rows: entries } = await client.query(
    'select code, resolution, resolution_note from ingest.quarantine order by id',
  )
  expect(entries).toEqual([
    {
      code: 'invalid_value',
      resolution: 'discarded',
      resolution_note: 'the same row is open as 2',
    },
    { code: 'database_rejected', resolution: null, resolution_note: null },
    { code: 'invalid_type', resolution: 'discarded', resolution_note: null },
  ])
})
