import {
  controlBackfill,
  finishBackfill,
  insertBackfill,
  saveProgress,
} from '@hq-export/outbox-relay/backfill/backfill-record.ts'
import { tryExecutionLock } from '@hq-export/outbox-relay/backfill/execution-lock.ts'
import { beginPass } from '@hq-export/outbox-relay/backfill/progress.ts'
import { backfills } from '@hq-export/outbox-relay/doctor/checks/backfills.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { arm, disarm } from '@hq-export/outbox-relay/doorbell/doorbell.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { printStatus } from '@hq-export/outbox-relay/status/print-status.ts'
import { readStatus } from '@hq-export/outbox-relay/status/status.ts'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { tcpUrl } from '../../support/network/tcp-url.ts'
import { runApp } from '../../support/programs/app-process.ts'
import { Pipeline } from '../../support/programs/pipeline.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { waitFor } from '../../support/wait-for.ts'

let pipeline: Pipeline
let operator: pg.Client
let orgId: string

beforeAll(async () => {
  pipeline = await Pipeline.create()
  await pipeline.runGateway()
  operator = await connect(pipeline.dxDatabase.url, 'command', () => {})
  orgId = await insertOrg(pipeline.dx)
})

beforeEach(() => pipeline.dx.query('truncate hq_export.dead_letter'))

afterAll(async () => {
  await operator.end()
  await pipeline[Symbol.asyncDispose]()
})

test('without a relay: nobody leads, rows wait, nothing was ever settled', async () => {
  await insertCompany(pipeline.dx, orgId)
  const status = await readStatus(operator)
  expect(status).toMatchObject({
    leader: null,
    standbys: [],
    loop_silent_s: null,
    last_ack_at: null,
    acknowledged_rows_per_s: null,
    capture_gaps: 0,
    doorbell: { armed: false, can_ring: true },
  })
  const waiting = status.datasets.filter(({ waiting_rows }) => waiting_rows > 0)
  expect(waiting.map(({ dataset, waiting_rows }) => `${dataset} ${waiting_rows}`)).toEqual([
    'dx_company_entities_v1 1',
    'dx_entity_snapshots_v1 1',
  ])
})

test('with two relays: one leads, the other stands by, both with where they come from and since when', async () => {
  const overTcp = { DX_DATABASE_URL: tcpUrl(pipeline.dxDatabase.url).href }
  const first = pipeline.runRelay(overTcp)
  await waitFor('the first to lead', async () => (await readStatus(operator)).leader !== null)
  const second = pipeline.runRelay(overTcp)
  const status = await waitFor('the second to stand by', async () => {
    const now = await readStatus(operator)
    return now.standbys.length === 1 && now
  })
  const session = { application: 'outbox-relay lead', since: expect.any(String) }
  expect(status.leader).toMatchObject({ ...session, client_address: '127.0.0.1' })
  expect(status.standbys).toMatchObject([{ ...session, client_address: '127.0.0.1' }])
  for (const { silent_s } of [status.leader, ...status.standbys].flatMap((relay) => relay ?? [])) {
    expect(silent_s).toBeLessThan(5)
  }
  expect(status.loop_silent_s).toBeLessThan(10)
  await pipeline.settled()
  expect((await readStatus(operator)).acknowledged_rows_per_s).toBeGreaterThan(0)
  await waitFor('the doorbell', async () => (await readStatus(operator)).doorbell.armed)
  await second.terminate()
  await first.terminate()
})

test('a writer that stays open shows by its age, whoever asks', async () => {
  await pipeline.dx.query('begin')
  await insertCompany(pipeline.dx, orgId)
  const { oldest_writer_s } = await readStatus(operator)
  await pipeline.dx.query('rollback')
  expect(oldest_writer_s).toBeGreaterThan(0)
  expect((await readStatus(operator)).oldest_writer_s).toBeNull()
  // The session goes on with the relay's rights.
  expect((await operator.query('select current_user as role')).rows).toEqual([
    { role: 'hq_export_relay' },
  ])
})

test('the outbox by table, which one is current, and a doorbell that rings', async () => {
  const { outbox_tables, outbox_bytes } = await readStatus(operator)
  expect(outbox_tables.map(({ table }) => table)).toEqual(['outbox_0', 'outbox_1', 'outbox_2'])
  expect(outbox_tables.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(outbox_bytes)
  const current = async () =>
    (await readStatus(operator)).outbox_tables.findIndex((table) => table.current)
  expect(await current()).toBe(0)
  await operator.query(`select setval('hq_export.current_outbox', 2)`)
  expect(await current()).toBe(2)
  await operator.query(`select setval('hq_export.current_outbox', 0)`)
  await arm(operator)
  expect((await readStatus(operator)).doorbell.armed).toBe(true)
  await disarm(operator)
  expect((await readStatus(operator)).doorbell.armed).toBe(false)
})

test('gaps count; a dead letter counts while it is open, and makes the command exit 1', async () => {
  await pipeline.dx.query("set hq_export.disabled = 'on'")
  await insertCompany(pipeline.dx, orgId)
  await pipeline.dx.query('reset hq_export.disabled')
  await pipeline.dx.query(
    `insert into hq_export.dead_letter (captured_at, xid, dataset, reason, fingerprint)
     values (now(), '700', 'dx_person_entities_v1', 'invalid_value', '\\x00')`,
  )
  const env = { DX_DATABASE_URL: pipeline.dxDatabase.url }
  const open = await runApp('outbox-relay', ['status'], env)
  expect(open.exitCode).toBe(1)
  expect(open.output).toMatch(/capture gaps +1/)
  expect(open.output).toMatch(/outbox +outbox_0 .* MiB \(current\)/)
  expect(open.output).toMatch(/dx_person_entities_v1 +0 +- +1 /)
  await runApp('outbox-relay', ['dead-letters', 'discard', '--all', '--note', 'not ours'], env)
  expect((await runApp('outbox-relay', ['status'], env)).exitCode).toBe(0)
})

test('backfills show by dataset, the one that is not over first, and one that nobody works on is a warning', async () => {
  const examined = () => runDoctor(pipeline.dxDatabase.url, [backfills])
  const shown = async (dataset: string) => {
    const status = await readStatus(operator)
    const { backfill } = status.datasets.find((row) => row.dataset === dataset) ?? {}
    const line = printStatus(status)
      .split('\n')
      .find((text) => text.startsWith(dataset))
    return { backfill, line }
  }
  expect(await shown('dx_company_entities_v1')).toMatchObject({
    backfill: null,
    line: expect.stringMatching(/entities\.company_entities +-$/),
  })
  const pass = { kind: 'rows', dataset: 'dx_company_entities_v1', snapshots: 'current' } as const
  const progress = { passes: [{ ...beginPass(pass, 5000), scanned: 1200 }], activeMs: 10 }
  const selection = { dataset: pass.dataset, since: null, until: null, orgId: null }
  const left = await insertBackfill(operator, selection, progress)
  const done = await insertBackfill(operator, selection, progress)
  await finishBackfill(operator, done, 'completed', null)
  for (const dataset of ['dx_company_entities_v1', 'dx_entity_snapshots_v1']) {
    expect(await shown(dataset)).toMatchObject({
      backfill: { id: left, state: 'running', scanned: 1200, estimated: 5000, reason: null },
      line: expect.stringMatching(new RegExp(` ${left} running, 1200 of about 5000 rows$`)),
    })
  }
  expect((await shown('dx_person_entities_v1')).backfill).toBeNull()

  expect(await examined()).toMatchObject([
    {
      state: 'warn',
      found: `backfill ${left} of ${pass.dataset} is running: nobody works on it`,
      todo: `npm run relay -- backfill resume ${left}, or cancel ${left}`,
    },
  ])
  expect((await tryExecutionLock(operator)).key).toBeDefined()
  expect(await examined()).toMatchObject([{ state: 'ok', found: '1 under way' }])
  await saveProgress(operator, left, progress, 'delivery halted: 401')
  expect(await examined()).toMatchObject([
    { state: 'warn', found: expect.stringMatching(/is running: delivery halted: 401$/) },
  ])
  await controlBackfill(operator, left, 'pause')
  expect(await examined()).toMatchObject([
    { state: 'warn', found: expect.stringMatching(/is paused: nobody resumed it$/) },
  ])
  await controlBackfill(operator, left, 'cancel')
  expect(await examined()).toMatchObject([{ state: 'ok' }])
  expect(await shown(pass.dataset)).toMatchObject({
    backfill: { id: done, state: 'completed', finished_at: expect.any(String) },
    line: expect.stringMatching(new RegExp(` ${done} completed \\S+, 1200 rows$`)),
  })
})
