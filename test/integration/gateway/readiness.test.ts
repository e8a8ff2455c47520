import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import type pg from 'pg'
import { Client } from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { startSite } from '../../support/programs/gateway-site.ts'
import {
  buildEnvelope,
  buildRow,
  deliver,
  problemOf,
  send,
  startGateway,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'
import { createHqDatabase } from '../../support/servers/databases.ts'
import { startOwnServer } from '../../support/servers/own-server.ts'
import { waitFor } from '../../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'

let gateway: TestGateway
let client: pg.Client

beforeAll(async () => {
  const site = await startSite()
  gateway = site.gateway
  client = site.client
  return site.stop
})

function envelope() {
  return buildEnvelope(RUNS, [buildRow(RUNS)])
}

async function statusOf(path: string, url = gateway.url): Promise<number> {
  return (await fetch(`${url}${path}`)).status
}

function waitForReady(status: number): Promise<unknown> {
  return waitFor(`/readyz ${status}`, async () => (await statusOf('/readyz')) === status)
}

test.each([
  {
    name: 'may not write a table of the contract',
    breaks: `alter table hq.${RUNS} owner to current_user`,
    mends: `alter table hq.${RUNS} owner to hq_ingest_writer`,
  },
  {
    name: 'misses a table',
    breaks: 'alter table ingest.quarantine rename to gone',
    mends: 'alter table ingest.gone rename to quarantine',
  },
])('/readyz turns red while the writer $name, and green by itself', async ({ breaks, mends }) => {
  await waitForReady(200)
  await client.query(breaks)
  try {
    await waitForReady(503)
    const response = await fetch(`${gateway.url}/readyz`)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await problemOf(response)).toMatchObject({ code: 'database_unavailable' })
    expect(await statusOf('/livez')).toBe(200)
  } finally {
    await client.query(mends)
  }
  await waitForReady(200)
})

test('/readyz stays red after an apply found the disk full, which no probe can see, until an apply succeeds', async () => {
  await client.query(`
    create function public.fill_disk() returns trigger language plpgsql as
      $$ begin raise exception 'no space left on device' using errcode = 'disk_full'; end $$;
    create trigger fill_disk before insert on hq.${RUNS} execute function public.fill_disk()`)
  const batch = envelope()
  expect(await statusOf('/readyz')).toBe(200)
  const refused = await send(gateway.url, batch)
  expect(await problemOf(refused)).toMatchObject({ status: 503, code: 'database_unavailable' })
  expect(await statusOf('/readyz')).toBe(503)
  await client.query(`drop trigger fill_disk on hq.${RUNS}`)
  expect(await statusOf('/readyz')).toBe(503)
  expect((await deliver(gateway.url, batch)).counts.inserted).toBe(1)
  expect(await statusOf('/readyz')).toBe(200)
})

test('/readyz is red where HQ is read only', async () => {
  await using readOnly = await createHqDatabase()
  const admin = await readOnly.connect()
  const { pathname } = new URL(readOnly.url)
  await admin.query(`alter database ${pathname.slice(1)} set default_transaction_read_only = on`)
  await using reader = await startGateway(readOnly.url)
  expect(await statusOf('/readyz', reader.url)).toBe(503)
  expect(await problemOf(await send(reader.url, envelope()))).toMatchObject({ status: 503 })
})

test('while a synchronous standby is away, COMMITs hang: /readyz is red, rows may be seen, but neither a batch nor its repetition is answered', async () => {
  await using own = await startOwnServer('hq-sync')
  const url = own.cluster.url()
  await hqMigrations.apply(url)
  const admin = new Client({ connectionString: url })
  await admin.connect()
  try {
    await using waiting = await startGateway(url)
    expect(await statusOf('/readyz', waiting.url)).toBe(200)
    await admin.query(`alter system set synchronous_standby_names = 'away'`)
    await admin.query('select pg_reload_conf()')
    await waitFor('/readyz 503', async () => (await statusOf('/readyz', waiting.url)) === 503)

    const batch = envelope()
    let answers = 0
    async function sendIt(): Promise<string | null> {
      const response = await send(waiting.url, batch)
      answers++
      expect(response.status).toBe(200)
      return response.headers.get('idempotent-replayed')
    }
    async function isWaiting(statement: string): Promise<boolean> {
      const { rows } = await admin.query<{ query: string }>(`select query from pg_stat_activity
        where application_name = 'hq-ingest' and wait_event = 'SyncRep'`)
      return rows.some(({ query }) => query.includes(statement))
    }
    const first = sendIt()
    const isSeen = async () => (await admin.query(`select from hq.${RUNS}`)).rowCount === 1
    await waitFor('the row', isSeen)
    const again = sendIt()
    await waitFor('the first delivery to wait', () => isWaiting('pg_logical_emit_message'))
    await waitFor('its repetition to wait', () => isWaiting('commit'))
    expect(answers).toBe(0)

    await admin.query('alter system reset synchronous_standby_names')
    await admin.query('select pg_reload_conf()')
    expect(await Promise.all([first, again])).toEqual([null, 'true'])
    await waitFor('/readyz 200', async () => (await statusOf('/readyz', waiting.url)) === 200)
  } finally {
    await admin.end()
  }
})

test('asking again and again asks HQ once a second', async () => {
  const commits = async () => {
    await client.query('select pg_stat_clear_snapshot()')
    const { rows } = await client.query<{ query_start: string }>(
      `select query_start::text from pg_stat_activity
       where application_name = 'hq-ingest readiness' and datname = current_database()`,
    )
    return rows.map(({ query_start }) => query_start)
  }
  await waitForReady(200)
  const seen = new Set<string>()
  const begin = performance.now()
  for (let i = 0; i < 100; i++) {
    expect(await statusOf('/readyz')).toBe(200)
    for (const start of await commits()) seen.add(start)
  }
  expect(seen.size).toBeLessThanOrEqual(2 + (performance.now() - begin) / 1_000)
})
