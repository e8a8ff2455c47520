import { afterEach, beforeEach, expect, test } from 'vitest'
import { MutingProxy } from '../support/network/muting-proxy.ts'
import { acceptAll, ScriptedGateway } from '../support/network/scripted-gateway.ts'
import { DOORBELL_ONLY, startInProcessRelay } from '../support/programs/in-process-relay.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import { createDxDatabase, createOwnDatabase, prepareDx } from '../support/servers/databases.ts'
import { startOwnServer } from '../support/servers/own-server.ts'
import { waitFor } from '../support/wait-for.ts'

const LISTENER = 'outbox-relay listen'
/** Enough that a safety poll for each would take far longer than a busy machine makes of none. */
const ROWS_WHILE_MUTED = 12

let gateway: ScriptedGateway
let arrived: Set<string>

beforeEach(async () => {
  arrived = new Set()
  gateway = await ScriptedGateway.start()
  gateway.answer((batch) => {
    for (const { row } of batch.envelope.rows) arrived.add(String(row.entity_id))
    return acceptAll(batch)
  })
})

afterEach(() => gateway[Symbol.asyncDispose]())

async function arrives(entityId: string): Promise<void> {
  await waitFor('the row to arrive', () => arrived.has(entityId))
}

test('a listening session that is lost is replaced, and the doorbell rings again', async () => {
  await using database = await createDxDatabase()
  await using _relay = await startInProcessRelay({
    databaseUrl: database.url,
    ingestUrl: gateway.url,
    timing: DOORBELL_ONLY,
  })
  const application = await database.connect()
  const orgId = await insertOrg(application)
  for (let loss = 0; loss < 3; loss++) {
    const { rows } = await application.query<{ pid: number }>(
      `select pg_terminate_backend(pid), pid from pg_stat_activity
       where application_name = $1 and datname = current_database()`,
      [LISTENER],
    )
    // Committed while nobody listens: found because every connection is a reason to look.
    await arrives(await insertCompany(application, orgId))
    await waitFor('a new listening session', async () => {
      const { rowCount } = await application.query(
        `select from pg_stat_activity where application_name = $1 and datname = current_database()
         and pid <> $2 and query like 'LISTEN%' and state = 'idle'`,
        [LISTENER, rows[0]?.pid],
      )
      return rowCount === 1
    })
    await arrives(await insertCompany(application, orgId))
  }
})

test('LISTEN that falls silent without an error costs one safety poll, and not one per row', async () => {
  const renewalMs = 1_000
  await using database = await createDxDatabase()
  await using proxy = await MutingProxy.start(database.url, LISTENER)
  await using _relay = await startInProcessRelay({
    databaseUrl: proxy.url,
    ingestUrl: gateway.url,
    timing: { renewalMs, pollMs: 20 },
  })
  const application = await database.connect()
  const orgId = await insertOrg(application)
  await arrives(await insertCompany(application, orgId))

  proxy.isMuted = true
  await arrives(await insertCompany(application, orgId))
  const mutedAt = performance.now()
  for (let row = 0; row < ROWS_WHILE_MUTED; row++) {
    await arrives(await insertCompany(application, orgId))
  }
  expect(performance.now() - mutedAt).toBeLessThan((renewalMs * ROWS_WHILE_MUTED) / 2)
})

test('I5: a notification queue that is half full is left alone, a full one fails nobody, and all of it is delivered', async () => {
  await using server = await startOwnServer('dx-queue', { max_notify_queue_pages: '64' })
  await using database = await createOwnDatabase(server.cluster.url(), prepareDx)
  const startRelay = () =>
    startInProcessRelay({
      databaseUrl: database.url,
      ingestUrl: gateway.url,
      timing: { renewalMs: 200 },
    })
  const application = await database.connect()
  const orgId = await insertOrg(application)
  const stuck = await database.connect()
  await stuck.query('listen elsewhere')
  await stuck.query('begin')
  await stuck.query('select 1')
  const listener = await database.connect()
  let rings = 0
  listener.on('notification', ({ channel }) => {
    if (channel === 'hq_export_outbox') rings++
  })

  async function usage(): Promise<number> {
    const { rows } = await application.query<{ usage: number }>(
      'select pg_notification_queue_usage() as usage',
    )
    return rows[0]?.usage ?? 0
  }
  const fill = () => application.query("select pg_notify('elsewhere', repeat('x', 7900))")

  {
    await using _relay = await startRelay()
    while ((await usage()) <= 0.5) await fill()
    await listener.query('listen hq_export_outbox')
    await application.query(
      `select setval('hq_export.doorbell',
         (extract(epoch from clock_timestamp()) * 1000)::bigint + 600000)`,
    )
    const entityId = await insertCompany(application, orgId)
    await listener.query('select 1')
    expect(rings).toBe(0)
    await arrives(entityId)
  }

  const full = await waitFor('the queue to be full', () =>
    fill().then(
      () => undefined,
      (error: Error) => error.message,
    ),
  )
  expect(full).toContain('too many notifications')
  // A relay that starts now cannot even notify itself.
  await using _relay = await startRelay()
  for (let row = 0; row < 5; row++) await arrives(await insertCompany(application, orgId))
})
