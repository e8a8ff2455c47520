import { DOORBELL_CHANNEL } from '@hq-export/outbox-relay/doorbell/doorbell.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { acceptAll, ScriptedGateway } from '../../support/network/scripted-gateway.ts'
import { DOORBELL_ONLY, startInProcessRelay } from '../../support/programs/in-process-relay.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

let database: TestDatabase
let client: pg.Client
let gateway: ScriptedGateway
let relay: AsyncDisposable
let orgId: string
const arrived = new Set<string>()

beforeAll(async () => {
  database = await createDxDatabase()
  client = await database.connect()
  orgId = await insertOrg(client)
  gateway = await ScriptedGateway.start()
  gateway.answer((batch) => {
    for (const { row } of batch.envelope.rows) arrived.add(String(row.entity_id))
    return acceptAll(batch)
  })
  // Without the safety poll: what arrives was rung for.
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
})

/** When the armed doorbell runs out: another time whenever it is armed anew. */
async function armedUntil(): Promise<string> {
  return waitFor('the relay to sleep', async () => {
    const { rows } = await client.query<{ until: string; armed: boolean }>(
      `select last_value::text as until,
         last_value > extract(epoch from clock_timestamp()) * 1000 as armed
       from hq_export.doorbell`,
    )
    return rows[0]?.armed ? rows[0].until : undefined
  })
}

async function insertAndWait(): Promise<void> {
  const entityId = await insertCompany(client, orgId)
  await waitFor('the company to arrive', () => arrived.has(entityId))
}

test('a relay that is rung leaves the doorbell armed, and hears whoever comes next', async () => {
  const until = await armedUntil()
  for (let n = 0; n < 5; n++) await insertAndWait()
  expect(await armedUntil()).toBe(until)
})

test('I5: a relay that is rung too often asks nobody to ring, until it sleeps again', async () => {
  const until = await armedUntil()
  // Those that are not equal count one by one, as those of as many transactions do.
  await client.query(`select pg_notify($1, n::text) from generate_series(1, 50) n`, [
    DOORBELL_CHANNEL,
  ])
  await waitFor('another sleep', async () => (await armedUntil()) !== until)
  await insertAndWait()
})
