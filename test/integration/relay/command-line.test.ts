import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { insertOutboxRows } from '../../support/outbox.ts'
import { AppProcess, runApp } from '../../support/programs/app-process.ts'
import { createSecret } from '../../support/programs/pipeline.ts'
import {
  createDxDatabase,
  createEmptyDxDatabase,
  type TestDatabase,
} from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

let database: TestDatabase
let client: pg.Client
let env: Record<string, string>

beforeAll(async () => {
  database = await createDxDatabase()
  client = await database.connect()
  env = {
    DX_DATABASE_URL: database.url,
    HQ_INGEST_URL: 'http://127.0.0.1:9',
    HQ_SIGNING_SECRET: createSecret(),
    RELAY_METRICS_PORT: '0',
  }
})

afterAll(() => database[Symbol.asyncDispose]())

function relay(args: readonly string[], given = env) {
  return runApp('outbox-relay', args, given)
}

test('--help of the command and of every subcommand exits 0', async () => {
  const deadLetters = ['list', 'show', 'replay', 'discard'].map((name) => ['dead-letters', name])
  const backfills = [[], ['list'], ['pause'], ['resume'], ['cancel']].map((rest) => [
    'backfill',
    ...rest,
  ])
  const others = [[], ['migrate'], ['bind'], ['run'], ['status'], ['doctor']]
  const reconciliations = [['reconcile'], ['reconcile', 'report']]
  const commands = [...others, ...deadLetters, ...backfills, ...reconciliations]
  // One after the other: as many at once would be as many processes.
  for (const command of commands) {
    const { exitCode, output } = await relay([...command, '--help'])
    expect({ command, exitCode }).toEqual({ command, exitCode: 0 })
    expect(output).toContain('Usage: relay')
  }
})

test.each([
  [['frobnicate']],
  [['status', '--frob']],
  [['bind']],
  [['reconcile', '--sample', '1/1']],
])('bad usage %j exits 2', async (args) => {
  expect((await relay(args)).exitCode).toBe(2)
})

test('run reports every missing or malformed setting at once and exits 2', async () => {
  const { exitCode, output } = await relay(['run'], {
    DX_DATABASE_URL: 'http://wrong',
    HQ_SIGNING_SECRET: 'whsec_hunter2',
  })
  expect(exitCode).toBe(2)
  for (const name of ['DX_DATABASE_URL', 'HQ_INGEST_URL', 'HQ_SIGNING_SECRET']) {
    expect(output).toContain(name)
  }
  expect(output).not.toContain('hunter2')
})

describe('the state of the migrations', () => {
  test('a database without ours is migrated once', async () => {
    await using empty = await createEmptyDxDatabase()
    const given = { ...env, DX_DATABASE_URL: empty.url }
    expect((await relay(['migrate'], given)).output).toContain('applied 0001_')
    expect((await relay(['migrate'], given)).output).toContain('nothing to do')
    expect((await relay(['status'], given)).exitCode).toBe(0)
  })

  test('a database of a newer build is refused by name', async () => {
    await client.query(
      "insert into hq_export.migration (name, run_on) values ('9999_from_the_future', now())",
    )
    const { exitCode, output } = await relay(['run'])
    await client.query("delete from hq_export.migration where name = '9999_from_the_future'")
    expect(exitCode).toBe(2)
    expect(output).toContain('9999_from_the_future')
  })
})

test('status tells what waits per dataset and who leads', async () => {
  await insertOutboxRows(client, ['a', 'b'])
  const idle = JSON.parse((await relay(['status', '--json'])).output)
  const events = idle.datasets.find(
    ({ dataset }: { dataset: string }) => dataset === 'dx_operation_events_v1',
  )
  expect(events).toMatchObject({ waiting_rows: 2, dead_letters: 0 })
  expect(events.oldest_age_s).toBeGreaterThanOrEqual(0)
  expect(idle.leader).toBeNull()
  expect(idle.bound).toHaveLength(5)

  await using running = new AppProcess('outbox-relay', ['run'], env)
  await waitFor('the relay to lead', () => running.lines.some((line) => line.includes('"working"')))
  const led = JSON.parse((await relay(['status', '--json'])).output)
  expect(led.leader).toMatchObject({ application: 'outbox-relay lead' })
  expect(await running.terminate()).toBe(0)
})

test('dead-letters list shows them without their values, and exits 1 while there are any', async () => {
  expect(await relay(['dead-letters', 'list'])).toMatchObject({
    exitCode: 0,
    output: 'no dead letters',
  })
  await client.query(
    `insert into hq_export.dead_letter (captured_at, xid, dataset, key, reason, body, fingerprint)
     values (now(), '700', 'dx_person_entities_v1', 'k', 'invalid_value',
       '{"full_name":"Ada"}', '\\x00')`,
  )
  const { exitCode, output } = await relay(['dead-letters', 'list', '--json'])
  expect(exitCode).toBe(1)
  expect(JSON.parse(output)).toMatchObject([{ key: 'k', reason: 'invalid_value', attempts: 1 }])
  expect(output).not.toContain('Ada')
  expect((await relay(['dead-letters', 'list', '--reason', 'other'])).exitCode).toBe(0)
  expect((await relay(['status'])).exitCode).toBe(1)
})
