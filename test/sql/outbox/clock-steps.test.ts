import { randomUUID } from 'node:crypto'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { discardDeadLetters } from '@hq-export/outbox-relay/dead-letter/discard-dead-letters.ts'
import { insertDeadLetters } from '@hq-export/outbox-relay/dead-letter/insert-dead-letters.ts'
import { clock } from '@hq-export/outbox-relay/doctor/checks/clock.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import { IS_SETTLED } from '@hq-export/outbox-relay/settle/read-pending.ts'
import { readStatus } from '@hq-export/outbox-relay/status/status.ts'
import { Migrations } from '@hq-export/runtime/postgres/migrations.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLiveDatabase, writeLiveBinding } from '../../support/live-shape/live-databases.ts'
import { insertLiveOrg, insertLiveRun } from '../../support/live-shape/live-rows.ts'
import { createEmptyDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

const HOUR_MS = 3_600_000

let folder: string
let database: TestDatabase
let app: pg.Client
let relay: pg.Client

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hq-export-clock-'))
  database = await createLiveDatabase(await writeLiveBinding(join(folder, 'binding.json'), 60))
  app = await database.connect()
  relay = await connect(database.url, 'push', () => {})
})

afterAll(async () => {
  await relay.end()
  await database[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/**
 * A refused row as the relay keeps it, captured by a transaction of now whose clock read
 * `capturedAt`.
 */
async function refuse(key: string, capturedAt: Date) {
  const { rows } = await relay.query<{ xid: string }>('select pg_current_xact_id()::text as xid')
  const row = {
    dataset: 1,
    key,
    xid: rows[0]?.xid ?? '',
    seq: '1',
    capturedAt: capturedAt.toISOString(),
    deleted: false,
    traceparent: null,
    sqlstate: null,
    body: '{}',
  }
  const letter = {
    dataset: 'dx_operation_runs_v1',
    row,
    reason: 'invalid_value',
    detail: null,
    batch: null,
  }
  const keep = async () => (await insertDeadLetters(relay, [letter]))[0]
  return { keep, kept: await keep() }
}

test('a settled letter opens again for what was captured later, also by a clock that was set back', async () => {
  const key = randomUUID()
  const first = await refuse(key, new Date())
  await discardDeadLetters(relay, [first.kept?.id ?? ''], { note: undefined })
  // The same capture once more, in a new life of the server.
  expect((await first.keep())?.isOpen).toBe(false)
  const second = await refuse(key, new Date(Date.now() - HOUR_MS))
  expect(second.kept).toEqual({ id: first.kept?.id, isOpen: true })
  // Transaction ids of another server say nothing.
  await discardDeadLetters(relay, [first.kept?.id ?? ''], { note: undefined })
  await app.query('update hq_export.dead_letter set resolved_system = 1, resolved_xid = $$1$$')
  expect((await first.keep())?.isOpen).toBe(false)
  await app.query('delete from hq_export.dead_letter')
})

test('doctor names clocks that disagree and what is dated in the future, and no age is below zero', async () => {
  const doctor = async (now?: () => number) =>
    (await runDoctor(database.url, [clock(now)])).map(({ state, found }) => `${state}: ${found}`)
  expect(await doctor()).toEqual(['ok: the clocks agree; nothing is dated in the future'])
  expect(await doctor(() => Date.now() - 40_000)).toEqual([
    expect.stringMatching(/^warn: the clocks of data-engine-x and of this machine differ by 40 s/),
  ])
  expect(await doctor(() => Date.now() + HOUR_MS)).toEqual([
    expect.stringMatching(/^fail: the clocks .* differ by 3600 s/),
  ])

  await insertLiveRun(app, await insertLiveOrg(app), { created_at: 'infinity' })
  // As a clock that was an hour ahead left them.
  await app.query(`update hq_export.settle_0 set due_at = due_at + interval '1 hour'`)
  await app.query(
    `insert into hq_export.outbox_0 (dataset, key, body, captured_at)
     values (1, 'a', '{}', now() + interval '1 hour')`,
  )
  expect(await doctor()).toEqual([
    expect.stringMatching(/^warn: 1 rows of the outbox and 1 keys of the settle list are dated/),
    expect.stringMatching(/^warn: 1 rows of the settle list say that they were created/),
  ])
  const { datasets } = await readStatus(relay)
  expect(datasets.find(({ dataset }) => dataset === 'dx_operation_runs_v1')).toMatchObject({
    waiting_rows: 1,
    oldest_age_s: 0,
    settling_rows: 1,
    overdue_s: null,
  })
})

test('the migration to numbers keeps what waits in the settle list, and nothing that is exported', async () => {
  await using old = await createEmptyDxDatabase()
  for (const name of await dxMigrations.list())
    if (name < '0016')
      await copyFile(join(dxMigrations.folder, `${name}.sql`), join(folder, `${name}.sql`))
  const before = {
    name: 'old',
    folder,
    schemas: [{ name: 'hq_export' }] as const,
    roles: [],
    command: '',
  }
  await new Migrations(before).apply(old.url)
  const client = await old.connect()
  const role = `owner_${randomUUID().replaceAll('-', '')}`
  await client.query(
    `create role ${role}; grant insert on hq_export.settle_0 to ${role};
     grant usage on schema hq_export to ${role}`,
  )
  const note = (table: number, key: string, due: string) =>
    client.query(
      `insert into hq_export.settle_${table} (due_at, dataset, key) values ($1, 1, $2)`,
      [due, key],
    )
  await note(0, 'exported', '2026-01-01')
  await note(1, 'dated ahead', 'infinity')
  await client.query(
    `insert into hq_export.settled (due_before, seen) values ('2026-01-02', pg_current_snapshot())`,
  )
  await note(0, 'not seen', '2026-01-01')
  await dxMigrations.apply(old.url)
  const { rows } = await client.query(
    `select p.key, ${IS_SETTLED} as settled
     from hq_export.settle p cross join (select * from hq_export.settled order by id desc limit 1) m
     order by p.key`,
  )
  expect(rows).toEqual([
    { key: 'dated ahead', settled: false },
    { key: 'not seen', settled: false },
  ])
  // A capture of before notes keys as it did.
  await client.query(`set role ${role}`)
  await note(0, 'of an old capture', '2026-01-01')
  await client.query('reset role')
  await client.query(`drop owned by ${role}; drop role ${role}`)
})
