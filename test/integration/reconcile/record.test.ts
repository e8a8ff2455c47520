import { randomUUID } from 'node:crypto'
import type { Finding } from '@hq-export/contract'
import { startMetrics } from '@hq-export/observability/meter.ts'
import { reconciliation } from '@hq-export/outbox-relay/doctor/checks/reconciliation.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { relayConditions } from '@hq-export/outbox-relay/observe/conditions.ts'
import { observeReconciliation } from '@hq-export/outbox-relay/observe/observe-relay.ts'
import type { RelayProgress } from '@hq-export/outbox-relay/observe/relay-progress.ts'
import type { SourceReading } from '@hq-export/outbox-relay/observe/watch-source.ts'
import {
  beginReconciliation,
  listReconciliations,
  listUnproven,
  listUntold,
  noteTold,
  proveReconciliation,
  readReconciliation,
} from '@hq-export/outbox-relay/reconcile/record/reconciliation-record.ts'
import { htmlReport } from '@hq-export/outbox-relay/reconcile/report/html-report.ts'
import { junitReport } from '@hq-export/outbox-relay/reconcile/report/junit-report.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { readReconciliation as readStatus } from '@hq-export/outbox-relay/status/read-reconciliation.ts'
import { readStatus as readRelayStatus } from '@hq-export/outbox-relay/status/status.ts'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createSecret } from '../../support/programs/pipeline.ts'
import { runReconcile } from '../../support/programs/reconcile-program.ts'
import { COMPANIES, finding, recordRun, request, result } from '../../support/recorded-run.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'
import { elementsOf } from '../../support/well-formed.ts'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createDxDatabase()
  client = await connect(database.url, 'command', () => {})
})

beforeEach(() => client.query('delete from hq_export.reconciliation'))

afterAll(async () => {
  await client.end()
  await database[Symbol.asyncDispose]()
})

/** What there is of the run, which is there. */
async function read(id: string) {
  const record = await readReconciliation(client, id)
  if (record === undefined) throw new Error(`no run ${id}`)
  return record
}

/** What a relay knows of the source, as it reads it now and then. */
async function readSource(): Promise<SourceReading> {
  const status = await readRelayStatus(client)
  return { status, differences: new Map(), heartbeatAgeS: undefined, readAt: performance.now() }
}

/** Alerts about reconciliation that hold. */
async function alerts(isScheduled: boolean): Promise<string[]> {
  const progress: RelayProgress = {
    state: 'working',
    haltReason: undefined,
    settledRows: 0,
    settledBatches: 0,
    lastTickAtMs: undefined,
    lastSettledAtMs: undefined,
    breaker: undefined,
    heartbeat: undefined,
    heartbeatWrittenAt: undefined,
    completeThrough: new Map(),
  }
  const conditions = relayConditions(progress, await readSource(), isScheduled)
  return conditions
    .map(({ alert }) => alert)
    .filter((alert) => /Reconciliation|RepairCap|Coverage/.test(alert))
}

const keyColumn: Partial<Finding> = {
  columns: ['employee_count'],
  class: 'different',
  hq_version: '2',
}

describe('the record', () => {
  test('a run without an end is undecided: under way while its session lives, then killed', async () => {
    const session = await connect(database.url, 'reconcile record', () => {})
    const asked = request()
    await beginReconciliation(session, asked)
    expect(await read(asked.id)).toMatchObject({
      state: 'undecided',
      isUnderWay: true,
      reason: 'it is under way',
      run: null,
      finishedAt: null,
    })
    expect(await readStatus(client)).toMatchObject({ state: null, under_way: true })
    await session.end()
    await waitFor('the lock to be gone', async () => !(await read(asked.id)).isUnderWay)
    expect(await read('latest')).toMatchObject({
      state: 'undecided',
      reason: 'it was killed, or lost its session',
    })
    expect(await readStatus(client)).toMatchObject({
      state: 'undecided',
      under_way: false,
      undecided_runs: 1,
      last_reason: 'it was killed',
    })
  })

  test('what it came to is read as it was recorded, and the list leaves the findings out', async () => {
    const asked = request()
    const ended = result(asked, 'different', { found: [finding(keyColumn)] })
    await recordRun(client, asked, ended)
    const record = await read(asked.id)
    const { findings, ...run } = ended.reconciliation
    expect(record).toMatchObject({ state: 'different', reason: null, run, findings })
    expect(record.cost).toEqual(ended.cost)
    const [listed] = await listReconciliations(client, 10)
    expect(listed).toMatchObject({ id: asked.id, findings: [] })
    expect(await readReconciliation(client, randomUUID())).toBeUndefined()
  })

  test('a repaired run becomes equal by a later one that reads the same and finds it equal', async () => {
    const first = request()
    const sent = finding({ repair: 'sent' })
    await recordRun(client, first, result(first, 'repaired', { found: [sent] }))
    const others = [
      [request({ scope: { org_id: randomUUID() } }), 'equal', {}],
      [request({ rotation: true }), 'equal', {}],
      [request(), 'equal', { dataset: 'dx_person_entities_v1' }],
      [request(), 'undecided', {}],
      [request(), 'different', { found: [finding()] }],
    ] as const
    for (const [asked, state, fields] of others) {
      await recordRun(client, asked, result(asked, state, fields))
      expect((await read(first.id)).state).toBe('repaired')
    }
    const second = request()
    await recordRun(client, second, result(second, 'equal'))
    expect(await read(first.id)).toMatchObject({ state: 'equal', provenBy: second.id })
    expect(await listUnproven(client)).toEqual([])
  })

  test('or by whoever reads its keys again, once', async () => {
    const asked = request()
    const number = await recordRun(
      client,
      asked,
      result(asked, 'repaired', { found: [finding({ repair: 'sent' })] }),
    )
    expect(await listUnproven(client)).toMatchObject([{ number }])
    await proveReconciliation(client, number, null)
    expect(await read(asked.id)).toMatchObject({ state: 'equal', provenBy: null })
    expect(await readStatus(client)).toMatchObject({ state: 'equal', undecided_runs: 0 })
  })

  test('HQ is told of each once, the oldest first, and a run of over 400 days is forgotten', async () => {
    const [old, first, second] = [request(), request(), request({ kind: 'command' })]
    await recordRun(client, old, result(old, 'equal'))
    await client.query(
      `update hq_export.reconciliation set started_at = now() - interval '401 days'`,
    )
    await recordRun(client, first, result(first, 'equal'))
    await recordRun(client, second, result(second, 'different'))
    expect((await listUntold(client)).map(({ id }) => id)).toEqual([first.id, second.id])
    await noteTold(client, await read(first.id))
    expect((await listUntold(client)).map(({ id }) => id)).toEqual([second.id])
    expect(await readReconciliation(client, old.id)).toBeUndefined()
  })

  test('of a run that was repaired HQ is told once more when it is proven, also where both race', async () => {
    const first = request()
    const sent = finding({ repair: 'sent' })
    const number = await recordRun(client, first, result(first, 'repaired', { found: [sent] }))
    const told = await read(first.id)
    await noteTold(client, told)
    expect(await listUntold(client)).toEqual([])
    await proveReconciliation(client, number, null)
    expect(await listUntold(client)).toMatchObject([{ number, state: 'equal' }])
    // Who told of what was read before it was proven.
    await noteTold(client, told)
    expect(await listUntold(client)).toMatchObject([{ number }])
    await noteTold(client, await read(first.id))
    await proveReconciliation(client, number, null)
    expect(await listUntold(client)).toEqual([])
  })

  test('the status is that of the last run of everything, unless a later one found something', async () => {
    const whole = request()
    const capped = result(whole, 'equal')
    await recordRun(client, whole, {
      ...capped,
      cost: capped.cost.map((cost) => ({ ...cost, capReached: true, oldestRangeSeconds: 3_600 })),
    })
    const narrow = request({ kind: 'command', scope: { sample: 64 } })
    await recordRun(client, narrow, result(narrow, 'undecided'))
    const status = await readStatus(client)
    expect(status).toMatchObject({ state: 'equal', last_id: whole.id, coverage: 1 })
    const companies = status.datasets.find(({ dataset }) => dataset === COMPANIES)
    expect(companies?.cap_reached).toBe(true)
    expect(companies?.unchecked_s).toBeGreaterThanOrEqual(3_600)

    expect(await alerts(true)).toEqual(['HqExportRepairCap'])
    const follow = request({ kind: 'follow' })
    await recordRun(client, follow, result(follow, 'different', { found: [finding()] }))
    expect(await readStatus(client)).toMatchObject({ state: 'different', last_id: whole.id })
    expect(await alerts(true)).toEqual(['HqExportReconciliationDifferent', 'HqExportRepairCap'])
    expect(await runDoctor(database.url, [reconciliation])).toMatchObject([
      { state: 'warn', todo: 'npm run relay -- reconcile list, then show RUN' },
    ])
  })

  test('two undecided runs and what is overdue alert, unless nothing runs by itself', async () => {
    await client.query(
      `insert into hq_export.reconciliation (id, is_whole, kind, state, request, run, findings,
         finished_at, cost)
       values (gen_random_uuid(), true, 'daily', 'equal', '{}', '{"datasets": []}', '[]',
         now() - interval '29 days', '[{"dataset": "${COMPANIES}", "oldestRangeSeconds": 60}]')`,
    )
    for (let n = 0; n < 2; n++) {
      const asked = request()
      await recordRun(client, asked, result(asked, 'undecided'))
    }
    const overdue = ['HqExportReconciliationUndecided', 'HqExportReconciliationOverdue']
    expect(await alerts(true)).toEqual([...overdue, 'HqExportCoverageOverdue'])
    expect(await alerts(false)).toEqual([])

    const metrics = startMetrics('test')
    const reading = await readSource()
    observeReconciliation(metrics.meter, () => reading, true)
    const text = await metrics.scrape()
    await metrics.stop()
    const of = `{dataset="${COMPANIES}"}`
    expect(text).toContain('hq_relay_reconciliation_state{state="undecided"} 1\n')
    expect(text).toContain('hq_relay_reconciliation_undecided 2\n')
    expect(text).toContain(`hq_relay_reconciliation_cap_reached${of} 0\n`)
    const days = (name: string) => {
      const [, value] = new RegExp(`^${RegExp.escape(name)} (\\S+)$`, 'm').exec(text) ?? []
      return Math.floor(Number(value) / 86_400)
    }
    expect(days('hq_relay_reconciliation_age_seconds')).toBe(29)
    expect(days(`hq_relay_reconciliation_unchecked_age_seconds${of}`)).toBe(29)
  })
})

describe('what it is shown as', () => {
  const HOSTILE = `"><script>alert('x')</script>&\u0000\u001b[31m\u202e\ud800\uffff`

  async function hostileRun(): Promise<string> {
    const asked = request({ kind: 'command', repair: 'all' })
    const found = [
      finding({ key: `k${HOSTILE.replace('\u0000', '').replace('\ud800', '')}`, ...keyColumn }),
      finding({ columns: ['<b>'], class: 'stale', repair: 'sent', reason: `'"<&` }),
    ]
    const ended = result(asked, 'different', {
      found,
      nulls: { '<canonical_domain>': [3, 4] },
      statuses: { 'run"ning': [1, 2] },
    })
    const evidence = {
      sourceSnapshots: ['700:712:705', '801:801:'],
      hqSnapshots: ['44:44:', '44:44:'],
      hqVersion: '9.8.7',
    } as const
    const cost = ended.cost.map((each) => ({ ...each, ...evidence }))
    await recordRun(client, asked, { ...ended, cost })
    return asked.id
  }

  test('the page and the test cases are well-formed, and hold no markup of others', async () => {
    const record = await read(await hostileRun())
    const [first, second] = record.findings
    const hostile = {
      ...record,
      findings: [{ ...first, key: HOSTILE }, second] as typeof record.findings,
    }
    const page = htmlReport(hostile)
    const elements = elementsOf(page)
    expect(elements).not.toContain('script')
    expect(elements).not.toContain('b')
    expect(page).toContain('&lt;script&gt;')
    for (const text of ['employee_count', 'DXC-1', '0123456789abcdef', 'different', '0.0.0'])
      expect(page).toContain(text)
    const evidence = ['0123456789abcdef', 'DXC-1', '700:712:705', '801:801:', '44:44:', '9.8.7']
    for (const text of evidence) expect(page).toContain(text)
    expect(page).not.toMatch(/https?:|src=|@import|url\(/)

    const xml = junitReport(hostile)
    expect(elementsOf(xml)).toEqual([
      ...['testsuites', 'testsuite', 'properties'],
      ...Array.from({ length: 9 }, () => 'property'),
      ...['testcase', 'testcase', 'failure', 'testcase', 'failure', 'testcase', 'failure'],
      'testcase',
    ])
    expect(xml).toContain('tests="5" failures="3" errors="0"')
    for (const text of [...evidence, '0.0.0']) expect(xml).toContain(text)
  })

  test('a run without an end is one error, and its page says that it is undecided', async () => {
    const asked = request()
    const session = await connect(database.url, 'reconcile record', () => {})
    await beginReconciliation(session, asked)
    await session.end()
    const record = await read(asked.id)
    expect(elementsOf(junitReport(record))).toEqual([
      ...['testsuites', 'testsuite', 'testcase', 'error'],
    ])
    expect(elementsOf(htmlReport(record))).toContain('h1')
    expect(htmlReport(record)).toContain('<strong>undecided</strong>')
  })

  test('list, show and report exit as the run came to, and say what to do next', async () => {
    const env = {
      DX_DATABASE_URL: database.url,
      HQ_INGEST_URL: 'http://127.0.0.1:9',
      HQ_SIGNING_SECRET: createSecret(),
    }
    const relay = (...args: string[]) => runReconcile(env, args)
    expect(await relay('list')).toMatchObject({
      status: 0,
      out: 'no reconciliation yet; begin one: npm run relay -- reconcile\n',
    })
    const missing = await relay('show', 'latest')
    expect(missing.status).toBe(2)
    expect(missing.err).toContain('npm run relay -- reconcile')

    const id = await hostileRun()
    const list = await relay('list')
    const json = await relay('show', id, '--json')
    const show = await relay('show', 'latest')
    const html = await relay('report', 'latest', '--format', 'html')
    const pdf = await relay('report', 'latest', '--format', 'pdf')
    expect(list.status).toBe(1)
    expect(list.out).toContain(id)
    expect(json.status).toBe(1)
    expect(JSON.parse(json.out)).toMatchObject({
      id,
      state: 'different',
      request: { repair: 'all' },
      version: '0.0.0',
      hq_version: '9.8.7',
      datasets: [
        { dataset: COMPANIES, findings: { stale: 1, different: 1 }, spec: '0123456789abcdef' },
      ],
      cost: [{ source_snapshots: ['700:712:705', '801:801:'], hq_snapshots: ['44:44:', '44:44:'] }],
      findings: [{ columns: ['employee_count'] }, { repair: 'sent' }],
    })
    expect(show.status).toBe(1)
    expect(show.out).toContain(`npm run relay -- reconcile show ${id}`)
    expect(show.out).not.toContain('\u001b')
    expect(html.status).toBe(0)
    expect(html.out).toContain('</html>')
    expect(pdf.status).toBe(2)
  })
})
