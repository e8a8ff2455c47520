import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSigningKey } from '@hq-export/contract'
import { createLogger } from '@hq-export/observability/logger.ts'
import { replayDeadLetters } from '@hq-export/outbox-relay/dead-letter/replay-dead-letters.ts'
import { selectDeadLetters } from '@hq-export/outbox-relay/dead-letter/selection.ts'
import { Relay } from '@hq-export/outbox-relay/relay.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLiveDatabase, writeLiveBinding } from '../../support/live-shape/live-databases.ts'
import { insertAttempts, insertLiveOrg, insertLiveRun } from '../../support/live-shape/live-rows.ts'
import { acceptAll, ScriptedGateway } from '../../support/network/scripted-gateway.ts'
import { DOORBELL_ONLY, startInProcessRelay } from '../../support/programs/in-process-relay.ts'
import { createSecret } from '../../support/programs/pipeline.ts'
import type { TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'
const SESSIONS = 4
const RUNS_PER_SESSION = 25

/** What a log was told. */
class Capture {
  text = ''
  write(line: string): void {
    this.text += line
  }
}

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
      // Every other one in a transaction that stays open beyond its insert: it may have seen the
      // relay awake.
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

async function letters(): Promise<{ key: string; reason: string; detail: string }[]> {
  const application = await database.connect()
  const { rows } = await application.query(
    `select key, reason, detail from hq_export.dead_letter
     where resolved_at is null order by detail`,
  )
  await application.end()
  return rows
}

async function replayAll(): Promise<void> {
  const operator = await connect(database.url, 'command', () => {})
  await replayDeadLetters(operator, await selectDeadLetters(operator, {}), false)
  await operator.end()
}

test('I4: a view that a changed table broke costs the runs that were due, as dead letters, and neither events nor entities; mended, a replay sends them', async () => {
  await using _relay = await startInProcessRelay({
    databaseUrl: database.url,
    ingestUrl: gateway.url,
  })
  const application = await database.connect()
  const orgId = await insertLiveOrg(application)
  await application.query('revoke select on hq_export.dx_operation_runs_v1 from hq_export_relay')
  const runId = await insertLiveRun(application, orgId)
  const [eventId] = await insertAttempts(application, runId, [{}])
  await waitFor('the event', () =>
    gateway.received.some(({ envelope }) =>
      envelope.rows.some(({ row }) => row.event_id === eventId),
    ),
  )
  await waitFor('the dead letter', async () => (await letters()).length === 1)
  expect(await letters()).toEqual([
    { key: runId, reason: 'capture_failed', detail: 'gap: SQLSTATE 42501' },
  ])
  await application.query('grant select on hq_export.dx_operation_runs_v1 to hq_export_relay')
  const nextId = await insertLiveRun(application, orgId)
  await replayAll()
  await waitFor('both runs', () => [runId, nextId].every((id) => arrived.includes(id)))
  expect(arrived.filter((id) => id === runId)).toHaveLength(1)
})

test('I4: whatever a function raises for a run, under whichever SQLSTATE, costs this run alone, and its text is nowhere', async () => {
  const states = ['0A000', '21000', '39004', '42501', 'HQ001', 'P0001']
  const application = await database.connect()
  await application.query(`
    create function public.checked(name text) returns text language plpgsql as $$
    begin
      if name like 'bad %' then
        raise exception 'told %', name using errcode = substr(name, 5);
      end if;
      return name;
    end $$`)
  const view = `hq_export.${RUNS}`
  const { rows } = await application.query(`select pg_get_viewdef('${view}') as sql`)
  const sql = rows[0].sql.replace(
    'r.operation_id,',
    'public.checked(r.operation_id) as operation_id,',
  )
  await application.query(`create or replace view ${view} as ${sql}`)
  const log = new Capture()
  const relay = new Relay(
    {
      databaseUrl: database.url,
      ingestUrl: gateway.url,
      signingKeys: [parseSigningKey(createSecret())],
      source: 'data-engine-x',
      compression: 'none',
    },
    createLogger('relay', 'debug', log),
  )
  relay.start()
  try {
    const orgId = await insertLiveOrg(application)
    const good: string[] = []
    for (const state of states) {
      await insertLiveRun(application, orgId, { operation_id: `bad ${state}` })
      good.push(await insertLiveRun(application, orgId))
    }
    await waitFor('the good runs', () => good.every((id) => arrived.includes(id)))
    await waitFor('the dead letters', async () => (await letters()).length === states.length)
    expect((await letters()).map(({ detail }) => detail)).toEqual(
      states.map((state) => `gap: SQLSTATE ${state}`),
    )
  } finally {
    await relay.stop()
  }
  expect(log.text).toContain('working')
  expect(log.text).not.toContain('told')
})
