import {
  arm,
  canRing,
  DOORBELL_CHANNEL,
  disarm,
  openWriters,
} from '@hq-export/outbox-relay/doorbell/doorbell.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

let database: TestDatabase
let relay: pg.Client
let writer: pg.Client
let listener: pg.Client
let orgId: string
let rings = 0
const payloads: (string | undefined)[] = []

beforeAll(async () => {
  database = await createDxDatabase()
  relay = await connect(database.url, 'test', () => {})
  writer = await database.connect()
  listener = await database.connect()
  orgId = await insertOrg(writer)
  listener.on('notification', ({ payload }) => {
    payloads.push(payload)
    rings++
  })
  await listener.query(`listen ${DOORBELL_CHANNEL}`)
})

beforeEach(async () => {
  await disarm(relay)
  rings = 0
  payloads.length = 0
})

afterAll(async () => {
  await relay.end()
  await database[Symbol.asyncDispose]()
})

/**
 * Rings that commits so far have caused: notifications arrive before the answer to a later query of
 * the listener.
 */
async function ringsSoFar(): Promise<number> {
  await listener.query('select 1')
  return rings
}

test('while the relay works, a commit notifies nobody', async () => {
  await insertCompany(writer, orgId)
  expect(await ringsSoFar()).toBe(0)
})

test('while the relay sleeps, a commit rings once, however many rows and tables it wrote', async () => {
  await arm(relay)
  await writer.query('begin')
  for (let row = 0; row < 5; row++) await insertCompany(writer, orgId)
  expect(await ringsSoFar()).toBe(0)
  await writer.query('commit')
  expect(await ringsSoFar()).toBe(1)
})

test('a capture that fails rings like any other', async () => {
  await arm(relay)
  await writer.query('alter table entities.company_entities rename column industry to sector')
  await insertCompany(writer, orgId)
  await writer.query('alter table entities.company_entities rename column sector to industry')
  expect(await ringsSoFar()).toBe(1)
})

test('a ring carries nothing, so no row is too large to ring for', async () => {
  await arm(relay)
  await insertCompany(writer, orgId, {
    canonical_payload: JSON.stringify({ text: 'x'.repeat(100_000) }),
  })
  await ringsSoFar()
  expect(payloads).toEqual([''])
})

test('what is rolled back rings nobody', async () => {
  await arm(relay)
  await writer.query('begin')
  await insertCompany(writer, orgId)
  await writer.query('rollback')
  expect(await ringsSoFar()).toBe(0)
})

test('a doorbell that a killed relay left armed runs out by itself', async () => {
  await relay.query(
    `select pg_catalog.setval('hq_export.doorbell',
       (extract(epoch from clock_timestamp()) * 1000)::bigint - 1)`,
  )
  await insertCompany(writer, orgId)
  expect(await ringsSoFar()).toBe(0)
})

test('the flag is seen at once, also inside an old snapshot', async () => {
  const old = await database.connect()
  await old.query('begin isolation level repeatable read')
  await old.query('select 1')
  await arm(relay)
  await insertCompany(old, orgId)
  await old.query('commit')
  expect(await ringsSoFar()).toBe(1)
})

test('whoever wrote before the relay armed, and has not ended, is known by name; others are not', async () => {
  const unrelated = await database.connect()
  await unrelated.query('begin')
  await unrelated.query("insert into ops.orgs (name) values ('unrelated')")
  await writer.query('begin')
  await insertCompany(writer, orgId)
  await arm(relay)
  const writers = await openWriters(relay)
  const { rows } = await writer.query<{ virtualtransaction: string }>(
    'select distinct virtualtransaction from pg_locks where pid = pg_backend_pid()',
  )
  expect([...writers]).toEqual(rows.map(({ virtualtransaction }) => virtualtransaction))
  await writer.query('commit')
  expect((await openWriters(relay)).size).toBe(0)
  await unrelated.query('rollback')
})

test('the server says whether a trigger may ring at all', async () => {
  expect(await canRing(relay)).toBe(true)
})
