import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestDatabase } from '../support/databases.ts'
import { DOORBELL_ONLY, startInProcessRelay } from '../support/in-process-relay.ts'
import { createLiveDatabase, writeLiveBinding } from '../support/live-shape/live-databases.ts'
import { insertAttempts, insertLiveOrg, insertLiveRun } from '../support/live-shape/live-rows.ts'
import { acceptAll, ScriptedGateway } from '../support/scripted-gateway.ts'
import { waitFor } from '../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'
const SESSIONS = 4
const RUNS_PER_SESSION = 25

let folder: string
let database: TestDatabase
let gateway: ScriptedGateway
/** Runs in the order of their arrival, repetitions included. */
let arrived: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hq-export-settle-'))
  database = await createLiveDatabase(await writeLiveBinding(join(folder, 'soon.json'), 0.1))
  gateway = await ScriptedGateway.start()
  arrived = []
  gateway.answer((batch) => {
    if (batch.envelope.dataset === RUNS)
      arrived.push(...batch.envelope.rows.map(({ row }) => String(row.run_id)))
    return acceptAll(batch)
  })
})

afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

test('every run leaves when it is due, once, with no poll to help it', async () => {
  await using _relay = await startInProcessRelay({
    databaseUrl: database.url,
    ingestUrl: gateway.url,
    timing: DOORBELL_ONLY,
  })
  const application = await database.connect()
  const orgId = await insertLiveOrg(application)
  const write = async (): Promise<string[]> => {
    const session = await database.connect()
    const written: string[] = []
    for (let n = 0; n < RUNS_PER_SESSION; n++) {
      // Every other one in a transaction that stays open beyond its insert: it may have seen the relay awake.
      if (n % 2 === 0) await session.query('begin')
      written.push(await insertLiveRun(session, orgId))
      if (n % 2 === 0) await session.query('select 1; select 2; commit')
      if (n % 3 === 0) await insertAttempts(session, written.at(-1) ?? '', [{}])
      // Let the relay fall asleep between.
      if (n % 5 === 0)
        await waitFor('everything so far', () => written.every((id) => arrived.includes(id)))
    }
    return written
  }
  const written = (await Promise.all(Array.from({ length: SESSIONS }, write))).flat()
  await waitFor('every run', () => written.every((id) => arrived.includes(id)))
  expect(arrived.toSorted()).toEqual(written.toSorted())
})

test('a view that a changed table broke stops runs, and neither events nor entities; mended, all go out', async () => {
  await using _relay = await startInProcessRelay({
    databaseUrl: database.url,
    ingestUrl: gateway.url,
  })
  const application = await database.connect()
  const orgId = await insertLiveOrg(application)
  await application.query('revoke select on hq_export.dx_operation_runs_v1 from hq_export_relay')
  const runId = await insertLiveRun(application, orgId)
  const eventArrives = async (): Promise<void> => {
    const [eventId] = await insertAttempts(application, runId, [{}])
    await waitFor('the event', () =>
      gateway.received.some(({ envelope }) =>
        envelope.rows.some(({ row }) => row.event_id === eventId),
      ),
    )
  }
  await eventArrives()
  await waitFor('the relay to have closed the run', async () => {
    const { rowCount } = await application.query(
      `select from hq_export.settle where key = $1
       and number <= pg_sequence_last_value('hq_export.settle_horizon')`,
      [runId],
    )
    return rowCount === 1
  })
  // In a later window than the step that failed.
  await eventArrives()
  expect(arrived).not.toContain(runId)
  await application.query('grant select on hq_export.dx_operation_runs_v1 to hq_export_relay')
  await waitFor('the run', () => arrived.includes(runId))
  expect(arrived.filter((id) => id === runId)).toHaveLength(1)
})
