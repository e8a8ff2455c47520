import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { installReferenceSchema } from '@hq-export/demo/databases/install-reference-schema.ts'
import type { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { CHECKS } from '@hq-export/outbox-relay/doctor/checks.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import { MigrationStateError, type Migrations } from '@hq-export/runtime/postgres/migrations.ts'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startInProcessRelay } from '../support/programs/in-process-relay.ts'
import {
  buildEnvelope,
  buildRow,
  deliver,
  startGateway,
} from '../support/programs/ingest-client.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import { startOwnServer } from '../support/servers/own-server.ts'

/** A server of its own: roles belong to the server, and here nobody has created ours. */
let cluster: EmbeddedCluster
let admin: pg.Client

beforeAll(async () => {
  cluster = (await startOwnServer('rights')).cluster
  admin = await session(cluster.url())
})

afterAll(async () => {
  await admin.end()
  await cluster.remove()
})

async function session(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

/**
 * Creates a database and a login of the same name that may do nothing but log in. @returns URL of
 * the login.
 */
async function createPlainLogin(name: string): Promise<string> {
  await admin.query(`create role ${name} login password 'plain'`)
  await admin.query(`create database ${name}`)
  const url = new URL(cluster.url(name))
  url.username = name
  url.password = 'plain'
  return url.href
}

async function asAdmin(database: string, statements: string): Promise<void> {
  const client = await session(cluster.url(database))
  try {
    await client.query(statements)
  } finally {
    await client.end()
  }
}

async function refusalOf(migrations: Migrations, url: string): Promise<string[]> {
  const error = await migrations.apply(url).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(MigrationStateError)
  return (error as Error).message.split('\n')
}

/** What a refusal asks for, as SQL; of two ways the first. */
function statementsOf(refusal: readonly string[]): string {
  return refusal.map((line) => line.split(': ')[1]?.split(', or ')[0]).join('; ')
}

async function schemasOf(database: string): Promise<string[]> {
  const client = await session(cluster.url(database))
  const { rows } = await client.query<{ name: string }>(
    `select nspname as name from pg_namespace
     where nspname in ('hq', 'ingest', 'hq_export') order by 1`,
  )
  await client.end()
  return rows.map(({ name }) => name)
}

async function expectSoundHq(url: string): Promise<void> {
  await using gateway = await startGateway(url)
  const answer = await deliver(
    gateway.url,
    buildEnvelope('dx_operation_runs_v1', [buildRow('dx_operation_runs_v1')]),
  )
  expect(answer.counts.inserted).toBe(1)
}

async function expectSoundDx(url: string, database: string): Promise<void> {
  await asAdmin(database, `grant create on database ${database} to ${database}`)
  const client = await session(url)
  try {
    await installReferenceSchema(client)
    await bind(url, 'reference')
    await insertCompany(client, await insertOrg(client))
    const { rows } = await client.query('select dataset, sqlstate from hq_export.outbox_0')
    expect(rows).toEqual([
      { dataset: 3, sqlstate: null },
      { dataset: 5, sqlstate: null },
    ])
    const found = await runDoctor(url, CHECKS)
    const wrong = found.filter(({ state }) => state === 'fail' || state === 'unknown')
    expect(wrong.map((finding) => finding.found)).toEqual([
      expect.stringContaining('no relay works'),
    ])
    await using _ = await startInProcessRelay({
      databaseUrl: url,
      ingestUrl: 'http://127.0.0.1:9',
    })
  } finally {
    await client.end()
  }
}

test('a login that may create nothing is told in a sentence each what to grant, nothing is created, and with that granted everything works: data-engine-x', async () => {
  const url = await createPlainLogin('dx_plain')
  const refusal = await refusalOf(dxMigrations, url)
  expect(refusal).toEqual([
    'dx_plain may not create schema hq_export in data-engine-x: ' +
      'create schema hq_export authorization "dx_plain", or grant create on database "dx_plain" to "dx_plain"',
    'dx_plain may not create role hq_export_relay: ' +
      'create role hq_export_relay nologin; grant hq_export_relay to "dx_plain"',
  ])
  expect(await schemasOf('dx_plain')).toEqual([])
  await asAdmin('dx_plain', statementsOf(refusal))
  expect(await dxMigrations.apply(url)).toEqual(await dxMigrations.list())
  expect(await dxMigrations.apply(url)).toEqual([])
  await expectSoundDx(url, 'dx_plain')
  // What an administrator has made for us stays his.
  const client = await session(url)
  await client.query(await readFile(join(dxMigrations.folder, 'uninstall.sql'), 'utf8'))
  await client.end()
  expect(await schemasOf('dx_plain')).toEqual([])
})

test('a login that may create nothing is told in a sentence each what to grant, nothing is created, and with that granted everything works: HQ', async () => {
  const url = await createPlainLogin('hq_plain')
  const refusal = await refusalOf(hqMigrations, url)
  expect(refusal).toHaveLength(6)
  expect(await schemasOf('hq_plain')).toEqual([])
  await asAdmin('hq_plain', statementsOf(refusal))
  expect(await hqMigrations.apply(url)).toEqual(await hqMigrations.list())
  expect(await hqMigrations.apply(url)).toEqual([])
  await expectSoundHq(url)
})

test('schemas of somebody else and roles that the login is no member of are named', async () => {
  const dx = await createPlainLogin('dx_other')
  await asAdmin('dx_other', 'create schema hq_export; grant all on schema hq_export to dx_other')
  const refusedDx = await refusalOf(dxMigrations, dx)
  expect(refusedDx).toEqual([
    'schema hq_export of data-engine-x belongs to postgres: alter schema hq_export owner to "dx_other"',
    'dx_other may not act as hq_export_relay: grant hq_export_relay to "dx_other"',
  ])
  await asAdmin('dx_other', statementsOf(refusedDx))
  expect(await dxMigrations.apply(dx)).toEqual(await dxMigrations.list())

  const hq = await createPlainLogin('hq_other')
  await asAdmin('hq_other', 'create schema hq; create schema ingest authorization hq_other')
  const refusedHq = await refusalOf(hqMigrations, hq)
  expect(refusedHq).toEqual([
    'schema hq of HQ belongs to postgres: alter schema hq owner to "hq_other"',
    'hq_other may not act as hq_ingest_writer: grant hq_ingest_writer to "hq_other"',
  ])
  await asAdmin('hq_other', statementsOf(refusedHq))
  expect(await hqMigrations.apply(hq)).toEqual(await hqMigrations.list())
  await expectSoundHq(hq)
})

test('an ordinary owner of the database needs the roles that are there already, and no more', async () => {
  const dx = await createPlainLogin('dx_owner')
  await admin.query('alter database dx_owner owner to dx_owner; grant hq_export_relay to dx_owner')
  expect(await dxMigrations.apply(dx)).toEqual(await dxMigrations.list())
  await expectSoundDx(dx, 'dx_owner')
  const hq = await createPlainLogin('hq_owner')
  await admin.query('alter database hq_owner owner to hq_owner; grant hq_ingest_writer to hq_owner')
  expect(await hqMigrations.apply(hq)).toEqual(await hqMigrations.list())
  await expectSoundHq(hq)
})

test('two who migrate the same database at once leave it migrated once', async () => {
  const url = await createPlainLogin('dx_twice')
  await admin.query('alter database dx_twice owner to dx_twice; grant hq_export_relay to dx_twice')
  const applied = await Promise.all(Array.from({ length: 4 }, () => dxMigrations.apply(url)))
  expect(applied.flat().sort()).toEqual(await dxMigrations.list())
})

test('a database that is not UTF8 is refused in one sentence, by migrate, before anything is created, and by doctor', async () => {
  await admin.query(`create database latin encoding 'LATIN1' template template0 locale 'C'`)
  const url = cluster.url('latin')
  for (const migrations of [dxMigrations, hqMigrations]) {
    expect(await refusalOf(migrations, url)).toEqual([
      expect.stringMatching(
        /^the encoding of .* is LATIN1; a database with encoding UTF8 is needed$/,
      ),
    ])
  }
  expect(await schemasOf('latin')).toEqual([])
  await expect(startGateway(url)).rejects.toThrow(MigrationStateError)
  expect(await runDoctor(url, CHECKS)).toContainEqual({
    check: 'server',
    state: 'fail',
    found: 'the encoding of data-engine-x is LATIN1',
    todo: 'a database with encoding UTF8 is needed',
  })
})
