import type { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { acceptAll, ScriptedGateway } from '../support/network/scripted-gateway.ts'
import { DOORBELL_ONLY, startInProcessRelay } from '../support/programs/in-process-relay.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import { createOwnDatabase, prepareDx, type TestDatabase } from '../support/servers/databases.ts'
import { startOwnServer } from '../support/servers/own-server.ts'
import { waitFor } from '../support/wait-for.ts'

let server: { readonly cluster: EmbeddedCluster } & AsyncDisposable
let database: TestDatabase
let admin: pg.Client
let gateway: ScriptedGateway
let relay: AsyncDisposable
let orgId: string
const arrived = new Set<string>()

beforeAll(async () => {
  server = await startOwnServer('dx-doorbell')
  database = await createOwnDatabase(server.cluster.url(), prepareDx)
  admin = await database.connect()
  orgId = await insertOrg(admin)
  gateway = await ScriptedGateway.start()
  gateway.answer((batch) => {
    for (const { row } of batch.envelope.rows) arrived.add(String(row.entity_id))
    return acceptAll(batch)
  })
  // Without the safety poll: what arrives was rung for, or found by a look.
  relay = await startInProcessRelay({
    databaseUrl: database.url,
    ingestUrl: gateway.url,
    timing: DOORBELL_ONLY,
  })
})

afterAll(async () => {
  await relay[Symbol.asyncDispose]()
  await gateway[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

/** The relay sleeps and wants to be woken. */
async function asleep(): Promise<void> {
  await waitFor('the relay to sleep', async () => {
    const { rowCount } = await admin.query(
      `select where pg_sequence_last_value('hq_export.doorbell')
         > extract(epoch from clock_timestamp()) * 1000`,
    )
    return rowCount === 1
  })
}

async function standbys(names: string): Promise<void> {
  await admin.query(`alter system set synchronous_standby_names = '${names}'`)
  await admin.query('select pg_reload_conf()')
  await waitFor('the setting', async () => {
    const { rows } = await admin.query('show synchronous_standby_names')
    return rows[0].synchronous_standby_names === names
  })
}

/** A session of the application that fails rather than hang for ever. */
async function application(...settings: string[]): Promise<pg.Client> {
  const client = await database.connect()
  await client.query("set statement_timeout = '10s'")
  for (const setting of settings) await client.query(`set ${setting}`)
  return client
}

test('I5: a commit that waits for a standby makes no other wait, and those arrive at once', async () => {
  const patient = await database.connect()
  await standbys('nobody')
  await asleep()
  const hanging = insertCompany(patient, orgId)
  await waitFor('a commit that waits for a standby', async () => {
    const { rowCount } = await admin.query(
      "select from pg_stat_activity where wait_event = 'SyncRep'",
    )
    return rowCount === 1
  })
  const local = await application("synchronous_commit = 'local'", "lock_timeout = '100ms'")
  const careless = await application("synchronous_commit = 'off'")
  const notifier = await application("synchronous_commit = 'off'", "lock_timeout = '100ms'")
  for (let write = 0; write < 3; write++) {
    await asleep()
    const ids = [await insertCompany(local, orgId), await insertCompany(careless, orgId)]
    await notifier.query("notify application, 'hello'")
    await waitFor('both to arrive', () => ids.every((id) => arrived.has(id)))
  }
  await asleep()
  await standbys('')
  const id = await hanging
  await waitFor('what hung to arrive', () => arrived.has(id))
})

test('I5: whoever may not wait for a lock does not ring, and arrives all the same once it has committed', async () => {
  const careful = await application("lock_timeout = '100ms'")
  const other = await application()
  await other.query("begin; notify application, 'hello'")
  await asleep()
  await careful.query('begin')
  const late = await insertCompany(careful, orgId)
  const soon = await insertCompany(await application("lock_timeout = '100ms'"), orgId)
  await waitFor('what was committed', () => arrived.has(soon))
  expect(arrived.has(late)).toBe(false)
  await asleep()
  await careful.query('commit')
  await waitFor('what was open', () => arrived.has(late))
  await other.query('commit')
})
