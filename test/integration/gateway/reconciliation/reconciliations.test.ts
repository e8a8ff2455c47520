import { randomBytes, randomUUID } from 'node:crypto'
import {
  type DatasetReconciliation,
  type Finding,
  RECONCILIATIONS_PATH,
  type Reconciliation,
} from '@hq-export/contract'
import { connectWriter } from '@hq-export/hq-ingest/db/connect.ts'
import { expireLedger } from '@hq-export/hq-ingest/ledger/expire-ledger.ts'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  ingestKey,
  postTo,
  problemOf,
  type SendOptions,
  SOURCE,
  startGateway,
  type TestGateway,
} from '../../../support/programs/ingest-client.ts'
import { runIngest } from '../../../support/programs/ingest-process.ts'
import { createHqDatabase, type TestDatabase } from '../../../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'
const OWN = randomUUID()
const FOREIGN = randomUUID()
const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`
const limited = { secret: newSecret() }

let hq: TestDatabase
let gateway: TestGateway
let client: pg.Client

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await hq.connect()
  gateway = await startGateway(hq.url, {
    keys: [ingestKey(), ingestKey({ ...limited, orgs: [OWN] })],
  })
})

afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await hq[Symbol.asyncDispose]()
})

afterEach(async () => {
  await client.query('truncate ingest.reconciliation cascade')
})

function buildFinding(values: Partial<Finding> = {}): Finding {
  return {
    dataset: COMPANIES,
    key: `${OWN}/${randomUUID()}`,
    org_id: OWN,
    class: 'different',
    columns: ['canonical_name', 'industry'],
    source_version: '9007199254740993',
    hq_version: '3',
    reason: null,
    repair: 'sent',
    ...values,
  }
}

function buildDataset(values: Partial<DatasetReconciliation> = {}): DatasetReconciliation {
  return {
    dataset: COMPANIES,
    state: 'repaired',
    reason: null,
    algorithm: 'DXC-1',
    spec: '0123456789abcdef',
    source_rows: 2,
    hq_rows: 2,
    in_flight: 0,
    coverage: 1,
    findings: { missing: 0, stale: 0, different: 2, ahead: 0, extra: 0, foreign: 0, refused: 0 },
    repairs: { none: 0, sent: 2, failed: 0, not_repairable: 0 },
    nulls: { canonical_name: [1, 0] },
    statuses: {},
    duration_ms: 12,
    ...values,
  }
}

function buildRun(values: Partial<Reconciliation> = {}): Reconciliation {
  return {
    source: SOURCE,
    schema_version: 'v1',
    id: randomUUID(),
    kind: 'daily',
    state: 'repaired',
    started_at: '2026-03-01T03:00:00+00:00',
    finished_at: '2026-03-01T03:00:01.123456+00:00',
    scope: {},
    repair: true,
    version: 'outbox-relay 0.2.0',
    datasets: [buildDataset()],
    findings: [buildFinding(), buildFinding({ class: 'extra', hq_version: null })],
    ...values,
  }
}

function send(run: unknown, options: SendOptions = {}): Promise<Response> {
  return postTo(gateway.url, RECONCILIATIONS_PATH, run, options)
}

async function take(run: Reconciliation): Promise<unknown> {
  const response = await send(run)
  const text = await response.text()
  expect(response.status, text).toBe(200)
  const answer = JSON.parse(text)
  expect(response.headers.get('idempotent-replayed')).toBe(answer.replayed ? 'true' : null)
  return answer
}

async function stored(): Promise<Record<string, unknown>[]> {
  const { rows } = await client.query(
    `select id, state, (select count(*)::int from ingest.reconciliation_finding f
       where f.id = r.id and f.source = r.source) as findings
     from ingest.reconciliation r order by id`,
  )
  return rows
}

test('a run is kept with its findings, once, however often it is posted', async () => {
  const run = buildRun()
  const { id } = run
  expect(await take(run)).toEqual({ id, replayed: false })
  expect(await take(run)).toEqual({ id, replayed: true })
  expect(await stored()).toEqual([{ id, state: 'repaired', findings: 2 }])
  const { rows } = await client.query(
    `select key, columns, source_version::text, position from ingest.reconciliation_finding
     order by position`,
  )
  expect(rows).toEqual(
    run.findings.map(({ key, columns }, position) => ({
      ...{ key, columns, position, source_version: '9007199254740993' },
    })),
  )
})

test('what was repaired may turn out equal, and nothing else changes afterwards', async () => {
  const run = buildRun()
  const { id } = run
  await take(run)
  const partly = { ...run, datasets: [buildDataset({ state: 'equal' }), buildDataset()] }
  expect(await take(partly)).toEqual({ id, replayed: false })
  const datasets = [buildDataset({ state: 'equal' })]
  const equal: Reconciliation = { ...run, state: 'equal', datasets }
  expect(await take(equal)).toEqual({ id, replayed: false })
  expect(await take(equal)).toEqual({ id, replayed: true })
  for (const state of ['repaired', 'different'] as const) {
    expect(await take({ ...run, state })).toEqual({ id, replayed: true })
    expect(await stored()).toEqual([{ id, state: 'equal', findings: 2 }])
  }
})

test('posted twice at the same time it is kept once', async () => {
  const run = buildRun({ findings: Array.from({ length: 500 }, () => buildFinding()) })
  await Promise.all([take(run), take(run), take(run)])
  expect(await stored()).toEqual([{ id: run.id, state: 'repaired', findings: 500 }])
})

test('I7: a key that is limited to an org speaks of no other, and not of all', async () => {
  const own = buildRun({ findings: [buildFinding()], scope: { org_id: OWN } })
  expect((await send(own, limited)).status).toBe(200)
  const foreign = [
    buildRun({ findings: [buildFinding(), buildFinding({ org_id: FOREIGN })] }),
    buildRun({ findings: [buildFinding({ org_id: null })] }),
    buildRun({ findings: [], scope: { org_id: FOREIGN } }),
  ]
  for (const run of foreign) {
    expect(await problemOf(await send(run, limited))).toMatchObject({
      ...{ status: 403, code: 'not_allowed' },
    })
  }
  // An id of everybody's is not to be had by one who may see one org, nor the other way round.
  const whole = buildRun()
  await take(whole)
  const taken = { ...whole, state: 'equal', findings: [] }
  expect(await problemOf(await send(taken, limited))).toMatchObject({ status: 403 })
  expect(await problemOf(await send({ ...own, state: 'equal' }))).toMatchObject({ status: 403 })
  const { rows } = await client.query(
    'select orgs::text[] as orgs from ingest.reconciliation order by orgs',
  )
  expect(rows).toEqual([{ orgs: [OWN] }, { orgs: null }])
})

test.each([
  ['a state that is none', { state: 'fine' }, 400, 'invalid_request'],
  ['no uuid', { id: 'latest' }, 400, 'invalid_request'],
  ['no dataset', { datasets: [] }, 400, 'invalid_request'],
  ['half a surrogate pair', { version: '\ud800' }, 400, 'invalid_request'],
  ['U+0000', { version: 'a\u0000b' }, 400, 'invalid_request'],
  ['a version that is too large', { findings: [{ hq_version: `${2n ** 63n}` }] }, 400, undefined],
  ['an unknown dataset', { datasets: [{ dataset: 'dx_invoices_v1' }] }, 422, 'unknown_dataset'],
  ['another version', { schema_version: 'v2' }, 422, 'unknown_dataset'],
  ['another source', { source: 'other' }, 401, 'unauthorized'],
] as const)('refuses %s', async (_, { ...values }, status, code = 'invalid_request') => {
  const given = values as Record<string, unknown>
  const run = {
    ...buildRun(),
    ...given,
    ...('findings' in given && {
      findings: (given.findings as object[]).map((finding) => ({ ...buildFinding(), ...finding })),
    }),
    ...('datasets' in given && {
      datasets: (given.datasets as object[]).map((dataset) => ({ ...buildDataset(), ...dataset })),
    }),
  }
  expect(await problemOf(await send(run))).toMatchObject({ status, code })
  expect(await stored()).toEqual([])
})

test('they go after 400 days, with their findings, and not before', async () => {
  const [old, young] = [buildRun(), buildRun()]
  await take(old)
  await take(young)
  const age = (id: string, days: number) =>
    client.query(
      `update ingest.reconciliation set received_at = now() - make_interval(days => $2)
       where id = $1`,
      [id, days],
    )
  await age(old.id, 401)
  await age(young.id, 399)
  const writer = await connectWriter(hq.url)
  try {
    await expireLedger(writer, Date.now(), 30)
    expect(await stored()).toEqual([{ id: young.id, state: 'repaired', findings: 2 }])
    // A clock that was set ahead alone deletes nothing.
    await expireLedger(writer, Date.now() + 500 * 86_400_000, 30)
    expect(await stored()).toHaveLength(1)
  } finally {
    await writer.end()
  }
})

test('ingest -- reconciliations lists and shows them, for people and as JSON', async () => {
  const env = { HQ_DATABASE_URL: hq.url }
  const none = await runIngest(['reconciliations', 'show', 'latest'], env)
  expect(none).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining('no such reconciliation; see: npm run ingest'),
  })
  const run = buildRun()
  const newer = buildRun({
    ...{ kind: 'follow', state: 'equal', finished_at: '2026-03-02T03:00:00Z', findings: [] },
    datasets: [buildDataset({ state: 'equal' })],
  })
  await take(run)
  await take(newer)
  const reconciliations = (...args: string[]) => runIngest(['reconciliations', ...args], env)
  const list = await reconciliations('list', '--json')
  const latest = await reconciliations('show', 'latest')
  const shown = await reconciliations('show', 'latest', '--kind', 'daily', '--limit', '1')
  const json = await reconciliations('show', run.id, '--json')
  const status = await runIngest(['status'], env)
  expect(list).toMatchObject({ status: 0, stderr: '' })
  expect(JSON.parse(list.stdout)).toMatchObject({
    reconciliations: [
      { id: newer.id, state: 'equal', finished_at: '2026-03-02T03:00:00+00:00' },
      { id: run.id, state: 'repaired', datasets: [{ nulls: { canonical_name: [1, 0] } }] },
    ],
  })
  expect(latest.status).toBe(0)
  expect(shown.status).toBe(1)
  const [finding] = run.findings
  expect(shown.stdout).toContain(`${finding?.key}  different  9007199254740993  3`)
  expect(shown.stdout).toContain('of 2: --limit shows more')
  expect(JSON.parse(json.stdout)).toMatchObject({ findings_kept: 2, findings: run.findings })
  expect(status.stdout).toContain(`${SOURCE}  equal  follow, 2026-03-02T03:00:00.000000Z`)
})
