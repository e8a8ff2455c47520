import { randomBytes } from 'node:crypto'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { readStatus as readHqStatus } from '@hq-export/hq-ingest/status/status.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { listDeadLetters } from '@hq-export/outbox-relay/dead-letter/list-dead-letters.ts'
import { CHECKS } from '@hq-export/outbox-relay/doctor/checks.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import { readStatus } from '@hq-export/outbox-relay/status/status.ts'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { countLookAlikeCalls, plantLookAlikes } from '../support/look-alikes.ts'
import { runApp } from '../support/programs/app-process.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../support/reference-rows.ts'
import {
  createEmptyDxDatabase,
  installReferenceSchema,
  type TestDatabase,
} from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'

const INTRUDER = `intruder_${randomBytes(4).toString('hex')}`

const MASTER_KEY = randomBytes(32).toString('base64')

/** Sessions of the test itself must not be what calls one. */
async function connectPinned(database: TestDatabase): Promise<pg.Client> {
  const client = await database.connect()
  await client.query('set search_path = pg_catalog, pg_temp')
  return client
}

/**
 * A database of an application in which somebody without rights was first, and whose defaults
 * prefer what he planted.
 */
async function createPlanted(): Promise<{ database: TestDatabase; admin: pg.Client }> {
  const database = await createEmptyDxDatabase()
  await installReferenceSchema(database.url)
  const admin = await connectPinned(database)
  expect(await plantLookAlikes(admin, INTRUDER)).toBeGreaterThan(3_000)
  const name = new URL(database.url).pathname.slice(1)
  await admin.query(`alter database ${name} set search_path = public, pg_catalog`)
  await admin.query(
    `alter role ${decodeURIComponent(new URL(database.url).username)} in database ${name}
     set search_path = public, pg_catalog, entities`,
  )
  return { database, admin }
}

let pipeline: Pipeline
let admins: pg.Client[]

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('dxServerUrl') })
  await client.connect()
  await client.query(sql)
  await client.end()
}

beforeAll(async () => {
  await onServer(`create role ${INTRUDER}`)
  const [dx, hq] = await Promise.all([createPlanted(), createPlanted()])
  admins = [dx.admin, hq.admin]
  await dxMigrations.apply(dx.database.url)
  await bind(dx.database.url, 'reference')
  await hqMigrations.apply(hq.database.url)
  pipeline = await Pipeline.create({ dxDatabase: dx.database, hqDatabase: hq.database })
  await pipeline.dx.query('set search_path = pg_catalog, pg_temp')
  await pipeline.hq.query('set search_path = pg_catalog, pg_temp')
}, 60_000)

afterAll(async () => {
  await pipeline[Symbol.asyncDispose]()
  await onServer(`drop role ${INTRUDER}`)
})

async function expectNoCall(): Promise<void> {
  for (const admin of admins) expect(await countLookAlikeCalls(admin)).toBe('0')
}

/** What a writer may have in its session: temporary look-alikes, and a path that prefers them. */
const HOSTILE_SESSION = `
  create domain pg_temp.jsonb as pg_catalog.text check (public.look_alike());
  create domain pg_temp.uuid as pg_catalog.text check (public.look_alike());
  create temp view pg_class as select public.look_alike() as oid;
  create temp table outbox_0 (oid pg_catalog.int4 check (public.look_alike()));
  set search_path = pg_temp, public, pg_catalog`

async function count(client: pg.Client, from: string): Promise<number> {
  const { rows } = await client.query<{ rows: number }>(`select count(*)::int as rows from ${from}`)
  return rows[0]?.rows ?? -1
}

function relay(...args: string[]) {
  return runApp('outbox-relay', args, pipeline.relayEnv)
}

function ingest(...args: string[]) {
  return runApp('hq-ingest', args, { ...pipeline.gatewayEnv(), INGEST_MASTER_KEY: MASTER_KEY })
}

test('nothing that looks like what our SQL names is ever called, at install or at run time', async () => {
  await expectNoCall()
  await pipeline.runGateway(undefined, { INGEST_MASTER_KEY: MASTER_KEY })
  pipeline.runRelay()
  const writer = await pipeline.dxDatabase.connect()
  await writer.query(HOSTILE_SESSION)
  const orgId = await insertOrg(writer)
  const person = await insertPerson(writer, orgId)
  await insertCompany(writer, orgId)
  await insertEvent(writer, orgId, await insertRun(writer, orgId))
  // HQ refuses it for what it is: a dead letter there, an entry in quarantine here.
  await insertCompany(writer, orgId, { enrichment_confidence: 'NaN' })
  await waitFor(
    'the dead letter',
    async () => (await count(pipeline.dx, 'hq_export.dead_letter')) > 0,
  )
  await pipeline.settled()
  // Asleep, and woken by the doorbell of one statement each.
  for (const statement of [
    `update entities.company_entities
     set industry = 'farming', enrichment_confidence = '0.5', record_version = '7'`,
    `update entities.person_entities set record_version = '1'`,
    'delete from entities.person_entities',
    'truncate entities.company_entities',
  ]) {
    await waitFor('the relay to sleep', async () => {
      const { rows } = await pipeline.dx.query<{ sleeps: boolean }>(
        `select pg_sequence_last_value('hq_export.doorbell') > 0 as sleeps`,
      )
      return rows[0]?.sleeps
    })
    await writer.query(statement)
    await pipeline.settled()
  }
  expect(
    await count(
      pipeline.hq,
      `hq.dx_person_entities_v1 where entity_id = '${person}' and _dx_deleted_at is not null`,
    ),
  ).toBe(1)
  await insertCompany(writer, orgId)

  const session = await connect(pipeline.dxDatabase.url, 'command', () => {})
  await readStatus(session)
  await listDeadLetters(session, { limit: 10 })
  await session.end()
  const findings = await runDoctor(pipeline.dxDatabase.url, CHECKS)
  const broken = findings.filter(({ state }) => state === 'fail' || state === 'unknown')
  expect(broken).toEqual([])
  expect(await readHqStatus(pipeline.hqDatabase.url)).not.toHaveProperty('foreignCode')
  const outputs = [
    await relay('dead-letters', 'replay', '--all'),
    await relay('backfill', '--dataset', 'all'),
    await ingest('keys', 'add', '--source', 'other'),
    await ingest('quarantine', 'replay', '--all'),
  ]
  expect(outputs.filter(({ exitCode }) => exitCode === 2)).toEqual([])
  await pipeline.settled()
  await expectNoCall()
})
