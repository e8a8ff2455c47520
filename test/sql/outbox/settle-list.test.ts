import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { readBinding } from '@hq-export/outbox-relay/binding/read-binding.ts'
import { planReplay } from '@hq-export/outbox-relay/dead-letter/plan-replay.ts'
import { settleList } from '@hq-export/outbox-relay/doctor/checks/settle-list.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { createLog } from '@hq-export/outbox-relay/process/log.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { adoptSettleList } from '@hq-export/outbox-relay/settle/adopt-settle-list.ts'
import { rotateSettleList } from '@hq-export/outbox-relay/settle/rotate-settle-list.ts'
import { Settler } from '@hq-export/outbox-relay/settle/settler.ts'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { capturing, ofDataset } from '../../support/capture-rows.ts'
import { createLiveDatabase, writeLiveBinding } from '../../support/live-shape/live-databases.ts'
import { insertAttempts, insertLiveOrg, insertLiveRun } from '../../support/live-shape/live-rows.ts'
import type { TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'
/** Of runs and attempts: what the application writes there is its own. */
const ODD_TIMES = ['2126-01-01', 'infinity', '-infinity', '0044-03-15 BC', '1970-01-01']
const HOUR_AGO = new Date(Date.now() - 3_600_000).toISOString()

let folder: string
let database: TestDatabase
/** The application. */
let app: pg.Client
let relay: pg.Client
let settler: Settler
let orgId: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hq-export-settle-'))
  // Due at once: no test waits for a delay. What counts by time is stated in the rows.
  database = await createLiveDatabase(await writeLiveBinding(join(folder, 'now.json'), 0))
  app = await database.connect()
  orgId = await insertLiveOrg(app)
})

beforeEach(async () => {
  relay = await relaySession()
  settler = new Settler(relay, createLog('silent'))
  await settler.step(true)
  return () => relay.end()
})

afterAll(async () => {
  await database[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

function relaySession(): Promise<pg.Client> {
  return connect(database.url, 'push', () => {})
}

/** What the settler exports, as the outbox has it. */
async function exporting(work: () => Promise<unknown> = () => settler.step(true)) {
  return ofDataset(await capturing(app, work), RUNS)
}

/** The run as the view has it, or undefined where it has none. */
async function viewed(runId: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await relay.query<{ row: string }>(
    `select row_to_json(v)::text as row from hq_export.${RUNS} v where run_id = $1`,
    [runId],
  )
  return rows[0] === undefined ? undefined : JSON.parse(rows[0].row)
}

async function lateChildren(): Promise<number> {
  const { rows } = await app.query('select count(*)::int as n from hq_export.late_child')
  return rows[0].n
}

test('a run goes out once, with what its attempts say, and is in no view before', async () => {
  const runId = await insertLiveRun(app, orgId, { status: 'failed', created_at: HOUR_AGO })
  await insertAttempts(app, runId, [
    { provider: 'a', status: 'skipped', duration_ms: null, created_at: HOUR_AGO },
    {
      provider: 'b',
      status: 'failed',
      provider_status: 'rate_limited',
      http_status: 429,
      created_at: HOUR_AGO,
    },
  ])
  expect(await viewed(runId)).toBeUndefined()
  const [exported, ...others] = await exporting()
  expect(others).toEqual([])
  expect(exported?.row).toMatchObject({
    run_id: runId,
    status: 'failed',
    outcome: 'failed',
    attempt_count: 2,
    source_provider: 'b',
    action_id: 'b.company_enrich',
    duration_ms: 120,
    error_code: 'rate_limited',
    error_message: 'b company_enrich failed with HTTP 429',
  })
  expect(await viewed(runId)).toEqual(exported?.row)
  expect(await exporting()).toEqual([])
})

test('a run without attempts goes out too', async () => {
  const runId = await insertLiveRun(app, orgId, { status: 'not_found' })
  const [exported] = await exporting()
  expect(exported?.row).toMatchObject({
    run_id: runId,
    status: 'succeeded',
    outcome: 'not_found',
    attempt_count: 0,
    action_id: 'company.enrich.profile',
    source_provider: null,
    duration_ms: null,
  })
  expect(exported?.row.started_at).toBe(exported?.row.ended_at)
})

test('whoever is writing attempts when a run is closed is waited for, and counts', async () => {
  const writer = await database.connect()
  const runId = await insertLiveRun(app, orgId, { created_at: HOUR_AGO })
  await writer.query('begin')
  await insertAttempts(writer, runId, [{ created_at: HOUR_AGO }])
  expect(await exporting()).toEqual([])
  // A transaction that begins to write now is not waited for: it comes late.
  const later = await database.connect()
  await later.query('begin')
  await insertAttempts(later, runId, [{ created_at: HOUR_AGO }])
  expect(await exporting()).toEqual([])
  await writer.query('commit')
  const [exported] = await exporting()
  expect(exported?.row).toMatchObject({ run_id: runId, attempt_count: 1 })
  await later.query('commit')
  expect(await viewed(runId)).toEqual(exported?.row)
})

test.each(['read committed', 'repeatable read'])(
  'an attempt of a %s transaction that began in time and writes after the export counts nowhere',
  async (isolation) => {
    const writer = await database.connect()
    const runId = await insertLiveRun(app, orgId, { created_at: HOUR_AGO })
    await writer.query(`begin isolation level ${isolation}`)
    // Its snapshot is from before the export, and it has no transaction id yet.
    await writer.query('select from ops.operation_runs')
    const [exported] = await exporting()
    expect(exported?.row).toMatchObject({ run_id: runId, attempt_count: 0 })
    const before = await lateChildren()
    await insertAttempts(writer, runId, [{ created_at: HOUR_AGO }, { created_at: HOUR_AGO }])
    await writer.query('commit')
    expect(await lateChildren()).toBe(before + 2)
    expect(await viewed(runId)).toEqual(exported?.row)
  },
)

test('attempts that come after the export count nowhere, whatever they say of their time', async () => {
  const runId = await insertLiveRun(app, orgId)
  const [exported] = await exporting()
  const before = await lateChildren()
  await insertAttempts(app, runId, [{}])
  await insertAttempts(
    app,
    runId,
    ODD_TIMES.map((created_at) => ({ created_at })),
  )
  expect(await lateChildren()).toBe(before + 1 + ODD_TIMES.length)
  expect(await viewed(runId)).toEqual(exported?.row)
})

test('a run leaves and is shown with every attempt that came before, whatever they say of their time', async () => {
  for (const created_at of ODD_TIMES) {
    const runId = await insertLiveRun(app, orgId, { created_at, status: 'found' })
    await insertAttempts(
      app,
      runId,
      ODD_TIMES.map((time) => ({ created_at: time, duration_ms: null })),
    )
    expect(await viewed(runId)).toBeUndefined()
    const [exported, ...others] = await exporting()
    expect(others).toEqual([])
    expect(exported).toMatchObject({ key: runId, sqlstate: null })
    expect(exported?.row).toMatchObject({ attempt_count: ODD_TIMES.length })
    expect(await viewed(runId)).toEqual(exported?.row)
  }
  await rotateSettleList(relay)
  await rotateSettleList(relay)
  expect((await app.query('select from hq_export.settle')).rowCount).toBe(0)
})

test('how long a run waits is told by a clock that does not step, and anew after a restart', async () => {
  await using patient = await createLiveDatabase(
    await writeLiveBinding(join(folder, 'patient.json'), 60),
  )
  const writer = await patient.connect()
  const session = await connect(patient.url, 'push', () => {})
  let now = 0
  const start = async () => {
    const started = new Settler(session, createLog('silent'), undefined, () => now)
    await started.step(true)
    return started
  }
  const exported = async (settling: Settler) =>
    ofDataset(await capturing(writer, () => settling.step(true)), RUNS).map(({ row }) => [
      row.run_id,
      row.attempt_count,
    ])
  const org = await insertLiveOrg(writer)
  const first = await start()
  // The same to the code as a clock of the server that was an hour ahead, or behind, when these
  // were written.
  const runs = [
    await insertLiveRun(writer, org, { created_at: new Date(Date.now() + 3_600_000) }),
    await insertLiveRun(writer, org, { created_at: HOUR_AGO }),
  ]
  await writer.query(
    `update hq_export.settle_0
     set due_at = due_at + case key when $1 then 1 else -1 end * interval '1 hour'`,
    [runs[0]],
  )
  expect(await exported(first)).toEqual([])
  now = 59_999
  expect(await exported(first)).toEqual([])
  for (const runId of runs) await insertAttempts(writer, runId, [{}])
  const second = await start()
  now = 119_998
  expect(await exported(second)).toEqual([])
  now = 119_999
  const rows = await exported(second)
  expect(rows.toSorted()).toEqual(runs.map((runId) => [runId, 1]).toSorted())
  await session.end()
})

test('attempts of the transaction that writes their run count, in every order and however long it takes', async () => {
  const writer = await database.connect()
  const runId = randomUUID()
  await writer.query('begin')
  await writer.query('savepoint inner_one')
  // The outer insert notes its attempt before the run's key is on the list.
  await writer.query(
    `with run as (
       insert into ops.operation_runs
         (run_id, org_id, role, auth_method, operation_id, entity_type, status, input_payload)
       values ($1, $2, 'org_admin', 'api_key', 'company.enrich.profile', 'company', 'found', '{}')
     )
     insert into ops.operation_attempts (id, run_id, provider, action, status)
     values (gen_random_uuid(), $1, 'a', 'company_enrich', 'found')`,
    [runId, orgId],
  )
  await writer.query('release savepoint inner_one')
  // Everything noted until now is closed meanwhile.
  await insertLiveRun(app, orgId)
  expect(await exporting()).toEqual([])
  await insertAttempts(writer, runId, [{}])
  await writer.query('commit')
  const keys = (await exporting()).map(({ row }) => [row.run_id, row.attempt_count])
  expect(keys).toContainEqual([runId, 2])
})

test('a run of a transaction that commits late goes out after its commit', async () => {
  const writer = await database.connect()
  await writer.query('begin')
  const runId = await insertLiveRun(writer, orgId)
  await insertLiveRun(app, orgId)
  expect(await exporting()).toHaveLength(1)
  await writer.query('commit')
  expect((await exporting()).map(({ row }) => row.run_id)).toEqual([runId])
})

test('a relay that dies while it exports leaves nothing, and the next one exports once', async () => {
  const runId = await insertLiveRun(app, orgId)
  const blocker = await database.connect()
  await blocker.query('begin')
  await blocker.query(
    `lock table hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2
       in access exclusive mode`,
  )
  const dying = await relaySession()
  const { rows } = await dying.query('select pg_backend_pid() as pid')
  const attempt = new Settler(dying, createLog('silent')).step(true).then(
    () => 'done',
    () => 'died',
  )
  await waitFor('the export to hold its mark and wait for the outbox', async () => {
    const { rowCount } = await app.query(
      `select from pg_locks where pid = $1 and not granted
         and relation = any (
           array['hq_export.outbox_0', 'hq_export.outbox_1', 'hq_export.outbox_2']::regclass[])`,
      [rows[0].pid],
    )
    return rowCount === 1
  })
  await app.query('select pg_terminate_backend($1)', [rows[0].pid])
  expect(await attempt).toBe('died')
  await blocker.query('rollback')
  expect((await exporting()).map(({ row }) => row.run_id)).toEqual([runId])
  expect(await exporting()).toEqual([])
})

test('two relays at once export once', async () => {
  const other = await relaySession()
  const second = new Settler(other, createLog('silent'))
  await second.step(true)
  const runs: string[] = []
  for (let n = 0; n < 20; n++) runs.push(await insertLiveRun(app, orgId))
  const exported = await exporting(async () => {
    await Promise.all([settler.step(true), second.step(true)])
    await Promise.all([settler.step(true), second.step(true)])
  })
  expect(exported.map(({ row }) => row.run_id).sort()).toEqual([...runs].sort())
  await other.end()
})

test('a long list goes out in steps, each run once', async () => {
  const small = new Settler(relay, createLog('silent'), 2)
  const runs: string[] = []
  for (let n = 0; n < 5; n++) runs.push(await insertLiveRun(app, orgId))
  const steps: number[] = []
  const exported: unknown[] = []
  while (exported.length < runs.length) {
    const step = await exporting(() => small.step(true))
    steps.push(step.length)
    exported.push(...step.map(({ row }) => row.run_id))
  }
  expect(steps).toEqual([2, 2, 1])
  expect(exported.toSorted()).toEqual(runs.toSorted())
})

test('I4: a run that cannot be projected goes out as a failed capture, the others as they are', async () => {
  const good = await insertLiveRun(app, orgId)
  // Its start, 25 days earlier, lies before the first timestamptz there is.
  const bad = await insertLiveRun(app, orgId, { created_at: '4714-11-25 BC' })
  await insertAttempts(app, bad, [{ created_at: '4714-11-25 BC', duration_ms: 2147483647 }])
  const exported = await exporting()
  expect(exported.map(({ key, sqlstate }) => [key, sqlstate]).sort()).toEqual(
    [
      [good, null],
      [bad, '22008'],
    ].sort(),
  )
  // Once it is mended, a replay of its dead letter finds it by its key: no raw row was kept.
  const plan = () =>
    readBinding(relay).then((binding) =>
      planReplay(
        relay,
        {
          id: '1',
          dataset: RUNS,
          key: bad,
          reason: 'capture_failed',
          deleted: false,
          traceparent: null,
          body: null,
          xid: '1',
        },
        binding,
      ),
    )
  await expect(plan()).rejects.toMatchObject({ code: '22008' })
  await app.query('update ops.operation_attempts set duration_ms = 1 where run_id = $1', [bad])
  expect(await plan()).toMatchObject({ kind: 'current', row: { key: bad } })
  await app.query('delete from ops.operation_runs where run_id = $1', [bad])
})

test('I4: a run of which a sub-select of the binding finds two rows goes out as a failed capture, the others as they are', async () => {
  const found = '(select a.action from ops.operation_attempts a where a.run_id = r.run_id)'
  const binding = await writeLiveBinding(join(folder, 'two.json'), 0, (datasets) =>
    datasets.map((bound) =>
      bound.dataset === RUNS
        ? { ...bound, columns: { ...(bound.columns as object), outcome: found } }
        : bound,
    ),
  )
  await using two = await createLiveDatabase(binding)
  const writer = await two.connect()
  const session = await connect(two.url, 'push', () => {})
  const settling = new Settler(session, createLog('silent'))
  await settling.step(true)
  const org = await insertLiveOrg(writer)
  const runs: string[] = []
  for (const attempts of [[{}], [{}, {}], [{}]]) {
    const runId = await insertLiveRun(writer, org)
    await insertAttempts(writer, runId, attempts)
    runs.push(runId)
  }
  const exported = ofDataset(await capturing(writer, () => settling.step(true)), RUNS)
  expect(exported.map(({ key, sqlstate }) => [key, sqlstate]).toSorted()).toEqual(
    runs.map((runId, n) => [runId, n === 1 ? '21000' : null]).toSorted(),
  )
  await session.end()
})

test('a run that was written while capture was off is in the view for a backfill, and counts as a gap', async () => {
  await app.query(`set hq_export.disabled = 'on'`)
  const missed = await insertLiveRun(app, orgId)
  await app.query('reset hq_export.disabled')
  const captured = await insertLiveRun(app, orgId)
  expect((await exporting()).map(({ row }) => row.run_id)).toEqual([captured])
  expect(await viewed(missed)).toMatchObject({ run_id: missed })
  const { rows } = await app.query('select dataset, operation from hq_export.capture_gap')
  expect(rows).toEqual([{ dataset: 1, operation: 'insert' }])
})

test('I1: a run that is deleted before it is due goes out by its delete', async () => {
  const runId = await insertLiveRun(app, orgId, { created_at: HOUR_AGO })
  await insertAttempts(app, runId, [{ created_at: HOUR_AGO }])
  const gone = await exporting(() =>
    app.query('delete from ops.operation_runs where run_id = $1', [runId]),
  )
  expect(gone.map(({ row }) => [row.run_id, row.attempt_count])).toEqual([[runId, 1]])
  expect(await exporting()).toEqual([])
  const exported = await insertLiveRun(app, orgId)
  await settler.step(true)
  expect(
    await exporting(() =>
      app.query('delete from ops.operation_runs where run_id = $1', [exported]),
    ),
  ).toEqual([])
})

test('the list is emptied by TRUNCATE once its keys are settled, never before, and never vacuumed', async () => {
  await settler.step(true)
  await rotateSettleList(relay)
  await rotateSettleList(relay)
  const pending = await insertLiveRun(app, orgId)
  expect(await rotateSettleList(relay)).toBe(true)
  expect(await rotateSettleList(relay)).toBe(false)
  expect((await exporting()).map(({ row }) => row.run_id)).toEqual([pending])
  expect(await rotateSettleList(relay)).toBe(true)
  expect((await app.query('select from hq_export.settle')).rowCount).toBe(0)
  const { rows } = await app.query(
    `select sum(n_tup_upd + n_tup_del)::int as dead from pg_stat_user_tables
     where relname like 'settle\\__'`,
  )
  expect(rows).toEqual([{ dead: 0 }])
})

test('a writer of the list is no obstacle to those who write, and stops its emptying', async () => {
  const writer = await database.connect()
  await writer.query('begin')
  await insertLiveRun(writer, orgId)
  const emptied = [await rotateSettleList(relay), await rotateSettleList(relay)]
  expect(emptied).toContain(false)
  await writer.query('commit')
  expect(await exporting()).toHaveLength(1)
})

test('on another server, what was pending in the dump goes out, and nothing that was settled', async () => {
  await insertLiveRun(app, orgId)
  await settler.step(true)
  const pending = await insertLiveRun(app, orgId)
  // As if the mark had been made elsewhere, by a server that has given out more transaction ids
  // than this one.
  await app.query(
    `update hq_export.settled set system_identifier = 1, seen = '1:9000000000000:'
     where id = (select max(id) from hq_export.settled)`,
  )
  await adoptSettleList(relay)
  expect((await exporting()).map(({ row }) => row.run_id)).toEqual([pending])
})

test('binding puts runs of the last moments on the list, once, and older ones into the view', async () => {
  await using fresh = await createLiveDatabase()
  const client = await fresh.connect()
  const org = await insertLiveOrg(client)
  const old = await insertLiveRun(client, org, { created_at: HOUR_AGO })
  const recent = await insertLiveRun(client, org)
  await insertLiveRun(client, org, { entity_type: 'job' })
  const binding = await writeLiveBinding(join(folder, 'minute.json'), 60)
  await bind(fresh.url, binding)
  const listed = async () =>
    (await client.query('select key from hq_export.settle')).rows.map(({ key }) => key)
  expect(await listed()).toEqual([recent])
  const { rows } = await client.query(`select run_id from hq_export.${RUNS}`)
  expect(rows).toEqual([{ run_id: old }])
  const changed = await writeLiveBinding(join(folder, 'changed.json'), 60, (datasets) =>
    datasets.map((bound) => ({ ...bound, filter: bound.filter ?? 'true' })),
  )
  expect(await bind(fresh.url, changed)).toMatchObject({ changed: true })
  expect(await listed()).toEqual([recent])
})

test('I5: while bind puts runs of the last moments on the list nobody waits for it; interrupted, it is named and made up for', async () => {
  await using fresh = await createLiveDatabase()
  const client = await fresh.connect()
  const org = await insertLiveOrg(client)
  const recent = await insertLiveRun(client, org)
  const binding = await writeLiveBinding(join(folder, 'interrupted.json'), 60)
  const holder = await fresh.connect()
  await holder.query('begin; lock table hq_export.settle_0 in share mode')
  const binding1 = bind(fresh.url, binding).catch((error: unknown) => error)
  const { pid } = await waitFor('bind to wait for the list', async () => {
    const { rows } = await client.query<{ pid: number }>(
      `select pid from pg_stat_activity
       where datname = current_database() and application_name = 'hq-export bind'
         and wait_event_type = 'Lock'`,
    )
    return rows[0]
  })
  await client.query("set lock_timeout = '100ms'")
  await insertAttempts(client, recent, [{}])
  await client.query('update ops.operation_runs set status = status')
  await client.query('select pg_cancel_backend($1)', [pid])
  expect(await binding1).toBeInstanceOf(Error)
  await holder.query('commit')
  const examined = async () => (await runDoctor(fresh.url, [settleList]))[0]
  expect(await examined()).toMatchObject({
    state: 'warn',
    found: expect.stringContaining('bind was interrupted'),
    todo: expect.stringContaining('bind'),
  })
  expect(await bind(fresh.url, binding)).toMatchObject({ changed: true })
  const { rows } = await client.query('select key from hq_export.settle')
  expect(rows).toEqual([{ key: recent }])
  expect(await examined()).toMatchObject({ state: 'ok' })
  expect(await bind(fresh.url, binding)).toMatchObject({ changed: false })
})

test('what an older build exported without attempts of a later time stays as it was exported', async () => {
  await using upgraded = await createLiveDatabase(
    await writeLiveBinding(join(folder, 'old.json'), 60),
  )
  const client = await upgraded.connect()
  const runId = await insertLiveRun(client, await insertLiveOrg(client), { created_at: HOUR_AGO })
  await insertAttempts(client, runId, [{ created_at: HOUR_AGO }])
  await insertAttempts(client, runId, [{}])
  // As the migration leaves a binding of before.
  await client.query('truncate hq_export.settle_0')
  await client.query('update hq_export.binding set counted_by_time = true where dataset = $1', [
    RUNS,
  ])
  const binding = await writeLiveBinding(join(folder, 'new.json'), 60, (datasets) =>
    datasets.map((bound) => ({ ...bound, filter: bound.filter ?? 'true' })),
  )
  await bind(upgraded.url, binding)
  const { rows } = await client.query(`select attempt_count from hq_export.${RUNS}`)
  expect(rows).toEqual([{ attempt_count: 1 }])
  expect((await client.query('select from hq_export.binding where counted_by_time')).rowCount).toBe(
    0,
  )
})
