import { randomBytes } from 'node:crypto'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { MigrationStateError } from '@hq-export/runtime/postgres/migrations.ts'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import {
  buildEnvelope,
  buildRow,
  deliver,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { startOwnServer } from '../../support/servers/own-server.ts'

/** An empty database of its own, owned by `owner` where one is given. */
async function createEmptyHqDatabase(owner?: string): Promise<string> {
  const admin = new pg.Client({ connectionString: inject('hqServerUrl') })
  await admin.connect()
  const database = `${inject('runId')}migrate_${randomBytes(4).toString('hex')}`
  await admin.query(`create database ${database}${owner === undefined ? '' : ` owner ${owner}`}`)
  onTestFinished(async () => {
    await admin.query(`drop database ${database} with (force)`)
    if (owner !== undefined) await admin.query(`drop role ${owner}`)
    await admin.end()
  })
  const url = new URL(inject('hqServerUrl'))
  url.pathname = `/${database}`
  return url.href
}

async function createOwner(attributes: string): Promise<{ name: string; password: string }> {
  const name = `${inject('runId')}owner_${randomBytes(4).toString('hex')}`
  const password = randomBytes(12).toString('hex')
  const admin = new pg.Client({ connectionString: inject('hqServerUrl') })
  await admin.connect()
  await admin.query(`create role ${name} login ${attributes} password '${password}'`)
  await admin.end()
  return { name, password }
}

test('migrations are applied once, and again means nothing to do', async () => {
  const url = await createEmptyHqDatabase()
  expect(await hqMigrations.apply(url)).toEqual(await hqMigrations.list())
  expect(await hqMigrations.apply(url)).toEqual([])
})

test('databases of one server can be migrated at the same moment', async () => {
  const urls = await Promise.all(Array.from({ length: 4 }, () => createEmptyHqDatabase()))
  const expected = await hqMigrations.list()
  expect(await Promise.all(urls.map((url) => hqMigrations.apply(url)))).toEqual(
    urls.map(() => expected),
  )
})

test('an ordinary owner of the database that may run as the writer can migrate it and run the gateway', async () => {
  // The roles belong to the server, so another database of it has them already; its administrator
  // grants membership.
  await hqMigrations.apply(await createEmptyHqDatabase())
  const { name, password } = await createOwner('createrole')
  const url = new URL(await createEmptyHqDatabase(name))
  const admin = new pg.Client({ connectionString: inject('hqServerUrl') })
  await admin.connect()
  await admin.query(`grant hq_ingest_writer to ${name}`)
  await admin.end()
  url.username = name
  url.password = password
  expect(await hqMigrations.apply(url.href)).toEqual(await hqMigrations.list())

  await using gateway = await startGateway(url.href)
  const answer = await deliver(
    gateway.url,
    buildEnvelope('dx_operation_runs_v1', [buildRow('dx_operation_runs_v1')]),
  )
  expect(answer.counts.inserted).toBe(1)
})

test('on a new server an owner with CREATEROLE, no superuser, migrates two databases at the same moment', async () => {
  await using server = await startOwnServer('owner')
  const { cluster } = server
  const admin = new pg.Client({ connectionString: cluster.url() })
  await admin.connect()
  await admin.query(`create role boss login createrole password 'boss'`)
  const urls: string[] = []
  for (const database of ['one', 'two']) {
    await admin.query(`create database ${database} owner boss`)
    const url = new URL(cluster.url(database))
    url.username = 'boss'
    url.password = 'boss'
    urls.push(url.href)
  }
  await admin.end()
  const expected = await hqMigrations.list()
  expect(await Promise.all(urls.map((url) => hqMigrations.apply(url)))).toEqual([
    expected,
    expected,
  ])
  for (const url of urls) {
    await using gateway = await startGateway(url)
    const batch = buildEnvelope('dx_operation_runs_v1', [buildRow('dx_operation_runs_v1')])
    expect((await deliver(gateway.url, batch)).counts.inserted).toBe(1)
  }
})

test('a database with other migrations is refused by name', async () => {
  const url = await createEmptyHqDatabase()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const [first = ''] = await hqMigrations.list()
    await expect(hqMigrations.assertApplied(client)).rejects.toThrow(MigrationStateError)
    await expect(hqMigrations.assertApplied(client)).rejects.toThrow(`HQ lacks ${first}`)
    await expect(startGateway(url)).rejects.toThrow(`HQ lacks ${first}`)
    await hqMigrations.apply(url)
    await hqMigrations.assertApplied(client)
    await client.query(`insert into ingest.migration (name, run_on) values ('9999_future', now())`)
    await expect(hqMigrations.assertApplied(client)).rejects.toThrow('9999_future')
    await expect(startGateway(url)).rejects.toThrow(MigrationStateError)
  } finally {
    await client.end()
  }
})
