import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { canarySql, checksumSpecs, datasetByName, LIMITS } from '@hq-export/contract'
import { parseCronTime } from '@hq-export/outbox-relay/process/cron-time.ts'
import { Follower } from '@hq-export/outbox-relay/reconcile/follow/follower.ts'
import type { ReconcileContext } from '@hq-export/outbox-relay/reconcile/reconcile-context.ts'
import { proveRepairs } from '@hq-export/outbox-relay/reconcile/record/prove-repairs.ts'
import {
  listReconciliations,
  type ReconciliationRecord,
} from '@hq-export/outbox-relay/reconcile/record/reconciliation-record.ts'
import {
  RECONCILER_TIMING,
  Reconciler,
  type ReconcilerTiming,
} from '@hq-export/outbox-relay/reconcile/schedule/reconciler.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { readReconciliation as readStatus } from '@hq-export/outbox-relay/status/read-reconciliation.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ScriptedGateway } from '../../support/network/scripted-gateway.ts'
import { AppProcess } from '../../support/programs/app-process.ts'
import { SECRET } from '../../support/programs/ingest-client.ts'
import { runReconcile } from '../../support/programs/reconcile-program.ts'
import { ReconcileSite } from '../../support/programs/reconcile-site.ts'
import { insertCompany, insertEvent, insertOrg, insertRun } from '../../support/reference-rows.ts'
import { countLockWaiters } from '../../support/servers/lock-waiters.ts'
import { waitFor } from '../../support/wait-for.ts'

const HQ_COMPANIES = 'hq.dx_company_entities_v1'

let site: ReconcileSite
let operator: pg.Client
/** Sees what every session waits for. */
let watcher: pg.Client
let orgId: string
/** Takes connections, and never answers. */
let silent: Server
let silentUrl: string

beforeAll(async () => {
  site = await ReconcileSite.start()
  operator = await connect(site.dxDatabase.url, 'command', () => {})
  watcher = await site.dxDatabase.connect()
  orgId = await insertOrg(site.dx)
  const run = await insertRun(site.dx, orgId)
  await insertEvent(site.dx, orgId, run)
  for (let n = 0; n < 3; n++) await insertCompany(site.dx, orgId)
  await site.settled()
  await site.stopRelay()
  silent = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  silentUrl = `http://127.0.0.1:${(silent.address() as { port: number }).port}`
})

afterAll(async () => {
  silent.close()
  await operator.end()
  await site[Symbol.asyncDispose]()
})

function env(gatewayUrl: string): Record<string, string> {
  return {
    DX_DATABASE_URL: site.dxDatabase.url,
    HQ_INGEST_URL: gatewayUrl,
    HQ_SIGNING_SECRET: SECRET,
  }
}

function reconcile(...args: string[]) {
  return runReconcile(env(site.gatewayUrl), args)
}

async function latest(): Promise<ReconciliationRecord> {
  const [record] = await listReconciliations(operator, 1)
  if (record === undefined) throw new Error('no run')
  return record
}

/** What HQ says of a run, and of every dataset of it. */
async function stateInHq(id: string): Promise<string | undefined> {
  const { rows } = await site.hq.query<{ states: string[] }>(
    `select array_agg(distinct s) as states from ingest.reconciliation r,
       lateral (select r.state union all
         select d ->> 'state' from jsonb_array_elements(r.datasets) d) as all_of (s)
     where r.id = $1`,
    [id],
  )
  return rows[0]?.states.join()
}

async function hqCompanies(): Promise<number> {
  return (await site.hq.query(`select from ${HQ_COMPANIES}`)).rowCount ?? 0
}

test('equal is exit status 0, one line of JSON on standard output and the rest beside it', async () => {
  const { status, out, err } = await reconcile('--json')
  expect(err).toMatch(/^dx_operation_runs_v1: .* rows\n$/)
  const run = JSON.parse(out)
  expect(run).toMatchObject({ kind: 'command', state: 'equal', findings: [], under_way: false })
  expect(run.datasets).toHaveLength(5)
  expect([run.version, run.hq_version]).toEqual(Array(2).fill(expect.stringMatching(/^\d+\.\d/)))
  for (const { source_snapshots, hq_snapshots } of run.cost)
    for (const snapshot of [...source_snapshots, ...hq_snapshots])
      expect(snapshot).toMatch(/^\d+:\d+:/)
  expect(status).toBe(0)
  const { rows } = await site.hq.query('select id::text from ingest.reconciliation')
  expect(rows).toEqual([{ id: run.id }])
  expect((await latest()).toldAt).not.toBeNull()
})

test('different, then repaired, are 1; what a later run reads equal turns both into 0', async () => {
  await site.hq.query(
    `delete from ${HQ_COMPANIES} where entity_id = (select min(entity_id::text) from ${HQ_COMPANIES})::uuid`,
  )
  const different = await reconcile('--dataset', 'dx_company_entities_v1')
  expect(different.status).toBe(1)
  expect(different.out).toMatch(/is different/)
  expect(different.out).toMatch(/ missing /)
  expect(different.out).toContain('npm run relay -- reconcile --repair')

  const repaired = await reconcile('--repair')
  expect(repaired.status).toBe(1)
  expect(repaired.out).toMatch(/is repaired/)
  const { id } = await latest()
  expect((await reconcile('show', id)).status).toBe(1)
  await site.startRelay()
  await site.settled()
  await site.stopRelay()
  expect(await hqCompanies()).toBe(3)
  expect((await reconcile('--org', orgId)).status).toBe(0)
  expect((await reconcile('show', id)).status).toBe(1)
  expect((await reconcile()).status).toBe(0)
  const shown = await reconcile('show', id)
  expect(shown.out).toMatch(/is equal, repaired and read again/)
  expect(shown.status).toBe(0)
  expect(await stateInHq(id)).toBe('equal')
})

test('HQ is told that a run is proven also by whoever reads its keys alone', async () => {
  await site.hq.query('delete from hq.dx_operation_events_v1')
  await reconcile('--repair', '--dataset', 'dx_operation_events_v1')
  const { id } = await latest()
  expect(await stateInHq(id)).toBe('repaired')
  await site.startRelay()
  await site.settled()
  await proveRepairs(operator, site.context(), null)
  await site.stopRelay()
  expect(await stateInHq(id)).toBe('equal')
})

test('a sample never says equal', async () => {
  const { status, out } = await reconcile('--sample', '1/2')
  expect(out).toContain('no difference in a sample of 1/2')
  expect(status).toBe(2)
})

test('bounds that HQ cannot be asked for are refused before anything is recorded', async () => {
  const before = (await latest()).id
  for (const since of ['infinity', '-infinity', '4713-01-01 BC', '12026-01-01']) {
    const { status, err } = await reconcile('--since', since)
    expect([status, err]).toEqual([2, expect.stringContaining('must be moments of the years')])
  }
  expect((await latest()).id).toBe(before)
})

test('a gateway that knows no reconciliation is named as that', async () => {
  await using older = await ScriptedGateway.start()
  older.answer(() => ({ status: 404 }))
  const { status, out } = await runReconcile(env(older.url), [])
  expect(out).toContain('HQ does not know what it is asked: it is older, or another service')
  expect(status).toBe(2)
})

test('of an HQ whose rows never end not all are kept, and nothing is believed', async () => {
  const runs = datasetByName('dx_operation_runs_v1')
  const [spec] = checksumSpecs(runs, 'DXC-1')
  const { rows } = await site.dx.query(`select ${canarySql('DXC-1')}::text as canary`)
  const handshake = {
    specs: [{ id: spec?.id, algorithm: 'DXC-1' }],
    canaries: { 'DXC-1': rows[0]?.canary, 'DXC-2': '0' },
    wrong_types: [],
    orgs: null,
  }
  const digest = { rows: 1, buckets: [[7, 1, '1']], nulls: {}, statuses: {} }
  const nothing = { in_flight: 0, in_flight_keys: [], deleted: 0, strays: [] }
  let told = 0
  await using liar = await ScriptedGateway.start()
  liar.answer(({ envelope }) => {
    if ('buckets' in envelope) {
      const page = Array.from({ length: LIMITS.maxDigestRows }, () => {
        const key = `00000000-0000-4000-8000-${(++told).toString(16).padStart(12, '0')}`
        return { key, version: null, hash: '1', in_flight: false, deleted: false }
      })
      return { status: 200, body: { rows: page, refused: [], next: page.at(-1)?.key } }
    }
    if (!('as_of' in envelope)) return { status: 200, body: handshake }
    const times = { min_time: null, max_time: null }
    const result = { digest: { ...digest, ...times }, ...nothing }
    return { status: 200, body: { ...handshake, result } }
  })
  const { status, out } = await runReconcile(env(liar.url), ['--dataset', runs.name])
  expect(out).toContain('HQ has more rows in a bucket than it counts')
  expect(status).toBe(2)
  expect(told).toBeLessThan(200_000)
})

test('Ctrl-C ends a run as undecided, kill -9 leaves it so', async () => {
  const deaf = env(silentUrl)
  const interrupted = new AbortController()
  const ended = runReconcile(deaf, [], interrupted.signal)
  await waitFor('it to be under way', async () => (await latest()).isUnderWay)
  interrupted.abort()
  const { status, out } = await ended
  expect(out).toContain('it was stopped')
  expect(status).toBe(2)

  const before = (await latest()).id
  await using killed = new AppProcess('outbox-relay', ['reconcile'], deaf)
  await waitFor('it to be recorded', async () => (await latest()).id !== before)
  await killed.kill()
  await waitFor('its session to end', async () => !(await latest()).isUnderWay)
  expect(await latest()).toMatchObject({ state: 'undecided', run: null })
  const shown = await reconcile('show', 'latest')
  expect(shown.out).toContain('it was killed')
  expect(shown.out).toContain('npm run relay -- doctor')
  expect(shown.status).toBe(2)
})

/** A reconciler whose clock the test owns. */
function timed(at: string, given: Partial<ReconcilerTiming> = {}) {
  const clock = { now: new Date(at) }
  const timing = { ...RECONCILER_TIMING, now: () => clock.now, pollMs: 5, ...given }
  const time = parseCronTime('0 3 * * *')
  if (time === undefined) throw new Error('it is a cron expression')
  return { clock, create: (given: ReconcileContext) => new Reconciler(given, time, timing) }
}

/** True while a session of ours waits for a lock. */
const isLocked = async (purpose: string): Promise<boolean> =>
  (await countLockWaiters(watcher, `outbox-relay ${purpose}`)) === 1

const daily = async () =>
  (await listReconciliations(operator, 100)).filter(({ kind }) => kind === 'daily')

test('at its time it runs once, though two lead, and HQ is told what it was not told before', async () => {
  const given = site.context()
  const untold = (await latest()).id
  const { clock, create } = timed('2000-01-01T02:00:00Z')
  const both = [create(given), create(given)]
  for (const reconciler of both) reconciler.start()
  clock.now = new Date('2000-01-01T03:00:01Z')
  const [run] = await waitFor('a daily run', async () => {
    const runs = await daily()
    return runs.some(({ toldAt }) => toldAt !== null) && runs
  })
  await Promise.all(both.map((reconciler) => reconciler.stop()))
  expect(await daily()).toHaveLength(1)
  expect(run).toMatchObject({ state: 'equal', isWhole: true, request: { rotation: true } })
  expect(run?.id).not.toBe(untold)
})

test('one that was missed is made up for after a start, and one that is recent is not repeated', async () => {
  const given = site.context()
  const { create } = timed('2000-01-01T04:00:00Z', { makeUpAfterMs: 0 })
  const early = create(given)
  await site.dx.query('begin')
  await site.dx.query('lock table hq_export.reconciliation in access exclusive mode')
  early.start()
  await waitFor('a look', () => isLocked('reconcile record'))
  await site.dx.query('commit')
  await early.stop()
  const before = await daily()
  await site.dx.query(
    `update hq_export.reconciliation set finished_at = finished_at - interval '25 hours'
     where finished_at is not null`,
  )
  const late = create(given)
  late.start()
  await waitFor('the run', async () => {
    const [newest] = await daily()
    return newest?.finishedAt !== null && newest?.id !== before[0]?.id
  })
  await late.stop()
  expect(await daily()).toHaveLength(before.length + 1)
})

test('a run under way does not hold a stop up, whatever it waits for, and is undecided', async () => {
  const { clock, create } = timed('2030-01-01T02:00:00Z')
  const reconciler = create(site.context())
  await site.dx.query('begin')
  await site.dx.query('lock table ops.operation_runs in access exclusive mode')
  reconciler.start()
  clock.now = new Date('2030-01-01T03:00:00Z')
  await waitFor('a statement that waits', () => isLocked('reconcile'))
  await reconciler.stop()
  await site.dx.query('commit')
  expect(await latest()).toMatchObject({ state: 'undecided', isUnderWay: false })
  expect((await latest()).reason).toContain('it was stopped')
})

test('what a relay skips is found by following the outbox, repaired and proven', async () => {
  const given = site.context()
  await site.dx.query('delete from hq_export.reconciliation')
  await insertCompany(site.dx, orgId)
  // As a relay does that takes for settled what it has not sent.
  const { rows } = await site.dx.query<{ epoch: string }>(
    `insert into hq_export.ack (epoch, acked)
     select epoch, pg_current_snapshot() from hq_export.ack order by id desc limit 1
     returning epoch`,
  )
  const follower = new Follower(given, rows[0]?.epoch ?? '', {
    lookMs: 20,
    periodMs: 20,
    minAgeMs: 0,
  })
  follower.start()
  const found = await waitFor('a finding', async () => {
    const [newest] = await listReconciliations(operator, 1)
    return newest?.finishedAt !== null && newest
  })
  expect(found).toMatchObject({ kind: 'follow', state: 'repaired' })
  expect(
    found.run?.datasets.map(({ dataset, findings }) => [dataset, findings.missing]),
  ).toContainEqual(['dx_company_entities_v1', 1])
  await site.startRelay()
  await waitFor('it in HQ', async () => (await hqCompanies()) === 4)
  await follower.stop()
  expect((await reconcile()).status).toBe(0)
  expect(await stateInHq(found.id)).toBe('equal')
  const status = await readStatus(operator)
  expect(status.follow).toMatchObject({ found: expect.any(Number), share: 1 })
  expect(status.follow?.keys).toBeGreaterThan(0)
})
