import { connectWriter } from '@hq-export/hq-ingest/db/connect.ts'
import { assertSeesAll as assertHqSeesAll } from '@hq-export/hq-ingest/db/hidden-tables.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { hiddenRows } from '@hq-export/outbox-relay/doctor/checks/hidden-rows.ts'
import { CHECKS } from '@hq-export/outbox-relay/doctor/checks.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { establishEpoch } from '@hq-export/outbox-relay/incarnation/epoch.ts'
import { compactAcks } from '@hq-export/outbox-relay/outbox/compact-acks.ts'
import { rotate } from '@hq-export/outbox-relay/outbox/rotate.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { assertSeesAll } from '@hq-export/outbox-relay/session/hidden-tables.ts'
import { LED_SESSION } from '@hq-export/outbox-relay/session/lead.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import { rotateSettleList } from '@hq-export/outbox-relay/settle/rotate-settle-list.ts'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { runApp } from '../support/programs/app-process.ts'
import { startInProcessRelay } from '../support/programs/in-process-relay.ts'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  deliver,
  send,
  startGateway,
} from '../support/programs/ingest-client.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { addStoredKey, MASTER_KEY, MASTER_KEY_TEXT } from '../support/programs/stored-keys.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import {
  createDxDatabase,
  createEmptyDxDatabase,
  createHqDatabase,
  installReferenceSchema,
} from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'

/** As managed databases have it, and worse: for the owner of the table, too. */
const POLICE_NEW_TABLES = `
create function public.police() returns event_trigger language plpgsql security definer as $$
declare created record;
begin
  for created in
    select * from pg_event_trigger_ddl_commands()
    where command_tag in ('CREATE TABLE', 'CREATE TABLE AS') and object_type = 'table'
      and schema_name in ('hq_export', 'ingest', 'hq')
  loop
    execute format('alter table %s enable row level security', created.object_identity);
    execute format('alter table %s force row level security', created.object_identity);
  end loop;
end $$;
create event trigger police on ddl_command_end execute function public.police()`

/** Without partitions, which are read through their table. */
async function tablesOf(client: pg.Client, schemas: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname = any ($1) and tablename !~ '^(batch|read_mark)_' order by 1`,
    [schemas],
  )
  return rows.map(({ name }) => name)
}

async function rowsOf(client: pg.Client, table: string): Promise<number> {
  const { rows } = await client.query<{ rows: number }>(
    `select count(*)::int as rows from ${table}`,
  )
  return rows[0]?.rows ?? 0
}

test('I5: under an event trigger that turns row level security on for every new table, changes are captured, and a relay works', async () => {
  // The roles are there, as on every server that has another data-engine-x.
  await using other = await createDxDatabase()
  const admin = await other.connect()
  const role = `${inject('runId')}hidden`
  // No superuser: one of these passes by everything.
  await admin.query(`create role ${role} login password 'owner'; grant hq_export_relay to ${role}`)
  onTestFinished(async () => {
    const cleaner = new pg.Client({ connectionString: inject('dxServerUrl') })
    await cleaner.connect()
    await cleaner.query(`drop role ${role}`)
    await cleaner.end()
  })
  await using database = await createEmptyDxDatabase()
  const client = await database.connect()
  await client.query(POLICE_NEW_TABLES)
  const url = new URL(database.url)
  await client.query(`grant create on database "${url.pathname.slice(1)}" to ${role}`)
  url.username = role
  url.password = 'owner'
  const owner = new pg.Client({ connectionString: url.href })
  await owner.connect()
  try {
    await installReferenceSchema(url.href)
    expect(await dxMigrations.apply(url.href)).toEqual(await dxMigrations.list())
    await bind(url.href, 'reference')
    await insertCompany(owner, await insertOrg(owner))
    expect(await rowsOf(client, 'hq_export.outbox_0')).toBe(2)
    const found = await runDoctor(url.href, CHECKS)
    const wrong = found.filter(({ state }) => state === 'fail' || state === 'unknown')
    expect(wrong.map((finding) => finding.found)).toEqual([
      expect.stringContaining('no relay works'),
    ])
    await using _ = await startInProcessRelay({
      databaseUrl: url.href,
      ingestUrl: 'http://127.0.0.1:9',
    })
  } finally {
    await owner.end()
  }
})

test('under such a trigger HQ is migrated, takes batches, and creates the months of its ledger', async () => {
  await using database = await createEmptyDxDatabase()
  const client = await database.connect()
  await client.query(POLICE_NEW_TABLES)
  expect(await hqMigrations.apply(database.url)).toEqual(await hqMigrations.list())
  await using gateway = await startGateway(database.url)
  const batch = buildEnvelope(RUNS, [buildRow(RUNS), buildRow(RUNS, { run_id: 'none' })])
  const answer = await deliver(gateway.url, batch)
  expect(answer.counts).toMatchObject({ inserted: 1, quarantined: 1 })
  expect(await deliver(gateway.url, batch)).toEqual(answer)
  const readers = await client.query(`select from pg_class where relnamespace = 'hq'::regnamespace
    and relkind = 'r' and relrowsecurity`)
  expect(readers.rowCount).toBe(5)
})

test('I1: a table whose rows are hidden is neither truncated nor taken for empty', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  await insertCompany(client, await insertOrg(client))
  await client.query(`insert into hq_export.outbox_1 select * from hq_export.outbox_0;
    insert into hq_export.settle_1 (due_at, dataset, key) values (now(), 1, 'x')`)
  const worker = await connect(database.url, 'push', () => {}, LED_SESSION)
  const hide = (table: string) =>
    client.query(`alter table hq_export.${table} enable row level security`)
  const show = (table: string) =>
    client.query(`alter table hq_export.${table} disable row level security`)
  try {
    const { epoch } = await establishEpoch(worker)
    const ack = { id: '1', acked: '1:1:' }
    await hide('outbox_1')
    await expect(rotate(worker, ack)).rejects.toMatchObject({ code: '42501' })
    // Found by what a restore elsewhere does, too: rows of another server are written anew.
    await client.query(`update hq_export.ack set epoch = '1.' || split_part(epoch, '.', 2)`)
    await expect(establishEpoch(worker)).rejects.toMatchObject({ code: '42501' })
    expect(await rowsOf(client, 'hq_export.outbox_1')).toBe(2)
    await show('outbox_1')

    for (const table of ['settle_1', 'settled']) {
      await hide(table)
      await expect(rotateSettleList(worker)).rejects.toMatchObject({ code: '42501' })
      expect(await rowsOf(client, 'hq_export.settle_1')).toBe(1)
      await show(table)
    }

    await client.query(
      `insert into hq_export.ack (epoch, acked) select $1, '1:1:' from generate_series(1, 1001)`,
      [epoch],
    )
    await hide('ack')
    await expect(compactAcks(worker, 0)).rejects.toMatchObject({ code: '42501' })
    expect(await rowsOf(client, 'hq_export.ack')).toBeGreaterThan(1000)
  } finally {
    await worker.end()
  }
})

test('a table of ours whose rows are hidden is named, with what to do, by doctor and by the relay before it works, and migrate mends it', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  const worker = await connect(database.url, 'lead', () => {}, LED_SESSION)
  try {
    await assertSeesAll(worker)
    const tables = await tablesOf(client, ['hq_export'])
    expect(tables.length).toBeGreaterThanOrEqual(17)
    for (const table of tables) {
      await client.query(`alter table ${table} enable row level security`)
      await expect(assertSeesAll(worker)).rejects.toThrow(
        `row level security of ${table} hides rows from the relay`,
      )
    }
    const found = await runDoctor(database.url, [hiddenRows])
    expect(found.map(({ state, todo }) => `${state} ${todo}`)).toEqual(
      tables.map(
        (table) =>
          `fail alter table ${table} disable row level security, or npm run relay -- migrate`,
      ),
    )
    expect(await dxMigrations.apply(database.url)).toEqual([])
    await assertSeesAll(worker)

    for (const name of ['outbox_1', 'ack', 'settled', 'incarnation', 'binding', 'doorbell']) {
      await client.query(`revoke select on hq_export.${name} from hq_export_relay`)
      const [refused] = await runDoctor(database.url, [hiddenRows])
      expect(refused?.found).toBe(`hq_export_relay may not read hq_export.${name}`)
      await client.query(refused?.todo ?? '')
      await assertSeesAll(worker)
    }
  } finally {
    await worker.end()
  }
})

test('a relay whose outbox is hidden while it works says so and waits; what was retained arrives once it is not', async () => {
  await using pipeline = await Pipeline.create()
  await pipeline.runGateway()
  const relay = pipeline.runRelay()
  await waitFor('the relay to work', () => relay.lines.some((line) => line.includes('"working"')))
  const orgId = await insertOrg(pipeline.dx)
  await pipeline.dx.query(`begin; alter table hq_export.outbox_0 enable row level security;
    alter table hq_export.outbox_1 enable row level security;
    alter table hq_export.outbox_2 enable row level security`)
  const entityId = await insertCompany(pipeline.dx, orgId)
  await pipeline.dx.query('commit')
  await waitFor('the relay to name what is hidden', () => {
    relay.assertRunning()
    return relay.lines.some((line) => line.includes('row level security of hq_export.outbox_1'))
  })
  await dxMigrations.apply(pipeline.dxDatabase.url)
  await waitFor('the row in HQ', async () => {
    const { rowCount } = await pipeline.hq.query(
      'select from hq.dx_company_entities_v1 where entity_id = $1',
      [entityId],
    )
    return rowCount === 1
  })
})

test('I7: a table of HQ whose rows are hidden from the writer is named: no key counts as unknown, no batch as new, no quarantine as empty; migrate mends it', async () => {
  await using hq = await createHqDatabase()
  const client = await hq.connect()
  const { secret } = await addStoredKey(hq.url)
  await using gateway = await startGateway(hq.url, {
    masterKeys: [MASTER_KEY],
    keyTiming: { refreshMs: 20, staleAfterMs: 1_000 },
  })
  const batch = buildEnvelope(RUNS, [buildRow(RUNS, { run_id: 'none' })])
  const first = await deliver(gateway.url, batch, { secret })
  const env = { HQ_DATABASE_URL: hq.url, INGEST_MASTER_KEY: MASTER_KEY_TEXT }
  const tables = (await tablesOf(client, ['ingest', 'hq'])).filter(
    (name) => name !== 'ingest.migration',
  )
  expect(tables.length).toBeGreaterThanOrEqual(11)
  const writer = await connectWriter(hq.url)
  const force = 'enable row level security, force row level security'
  for (const table of tables) {
    await client.query(`alter table ${table} ${force}`)
    await expect(assertHqSeesAll(writer)).rejects.toThrow(`row level security of ${table} hides`)
    // Hidden after the last look, it is an error still: a statement that sees nothing would be
    // believed.
    await expect(writer.query(`select from ${table}`)).rejects.toMatchObject({ code: '42501' })
  }
  await writer.end()
  await expect(hqMigrations.apply(hq.url)).resolves.toEqual([])

  for (const table of ['ingest.key', 'ingest.batch']) {
    await client.query(`alter table ${table} ${force}`)
    await waitFor('the gateway not to be ready', async () => {
      const ready = await fetch(`${gateway.url}/readyz`)
      await ready.arrayBuffer()
      return ready.status === 503
    })
    await waitFor('the keys to be in doubt', async () => {
      const response = await send(gateway.url, batch, { secret })
      await response.arrayBuffer()
      expect(response.status).not.toBe(401)
      return response.status === 503
    })
    await hqMigrations.apply(hq.url)
    const again = await waitFor('the gateway to be ready', async () => {
      const response = await send(gateway.url, batch, { secret })
      if (response.status === 200) return answerOf(response)
      await response.arrayBuffer()
      return undefined
    })
    expect(again).toEqual(first)
  }

  await client.query(
    'alter table ingest.quarantine enable row level security, force row level security',
  )
  const list = await runApp('hq-ingest', ['quarantine', 'list'], env)
  expect(list.exitCode).toBe(2)
  expect(list.output).toContain('row level security of ingest.quarantine hides rows')
})
