import { randomUUID } from 'node:crypto'
import { ACTIONS, SCREENS } from '@hq-export/console/screens.ts'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ConsoleSite } from '../support/console/console-site.ts'
import {
  ADMIN,
  AUDITOR,
  formOf,
  OPERATOR,
  startConsole,
  VIEWER,
} from '../support/console/console-users.ts'
import { runApp } from '../support/programs/app-process.ts'
import { buildRow } from '../support/programs/ingest-client.ts'
import { addStoredKey, MASTER_KEY_TEXT } from '../support/programs/stored-keys.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import {
  createDxDatabase,
  createHqDatabase,
  type TestDatabase,
} from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'
const COMPANIES = 'dx_company_entities_v1'
const GROUP = new URLSearchParams({ dataset: RUNS, code: 'missing_column', pointer: '/row' })

const held = new AsyncDisposableStack()
let hq: TestDatabase
let source: TestDatabase
let site: ConsoleSite
let hqClient: pg.Client
let dx: pg.Client

beforeAll(async () => {
  hq = held.use(await createHqDatabase())
  source = held.use(await createDxDatabase())
  hqClient = await hq.connect()
  dx = await source.connect()
  site = held.use(await startConsole({ ...urls(), INGEST_MASTER_KEY: MASTER_KEY_TEXT }))
})

beforeEach(async () => {
  await hqClient.query('truncate ingest.quarantine, ingest.action cascade')
  await dx.query('truncate hq_export.dead_letter, hq_export.action, hq_export.reexport cascade')
})

afterAll(() => held.disposeAsync())

function urls(): Record<string, string> {
  return { HQ_DATABASE_URL: hq.url, DX_DATABASE_URL: source.url }
}

/** Rows that HQ has refused; those with `isRight` it takes now. */
async function refuseInHq(count: number, isRight: (place: number) => boolean = () => true) {
  const rows = Array.from({ length: count }, (_, place) => {
    const row = buildRow(RUNS)
    return JSON.stringify(isRight(place) ? row : { ...row, status: 7 })
  })
  await hqClient.query(
    `insert into ingest.quarantine (source, dataset, schema_version, batch, row_index, key, code,
       pointer, detail, org_allowed, row_text, row_sha256, deleted, xid, captured_at)
     select 'data-engine-x', $1, 'v1', 'b', 0, r::json ->> 'run_id', 'missing_column',
       '/rows/0/row', 'a column is missing', true, r, sha256(r::bytea), false, '1', now()
     from unnest($2::text[]) with ordinality as given (r, place) order by place`,
    [RUNS, rows],
  )
}

async function page(path: string, user = OPERATOR): Promise<string> {
  const answer = await site.get(path, user)
  expect(answer.status, answer.text).toBe(200)
  return answer.text
}

function newAction(kind: string, query: URLSearchParams | Record<string, string>): string {
  return `/actions/new?${new URLSearchParams([['do', kind], ...new URLSearchParams(query)])}`
}

function end(location: unknown, from = site): Promise<string> {
  return waitFor('the action to end', async () => {
    const { text } = await from.get(String(location), OPERATOR)
    return !text.includes('under way') && text
  })
}

async function auditOf(client: pg.Client, schema: string, action: string) {
  const { rows } = await client.query<{
    actor: string
    subject: string
    detail: Record<string, never>
  }>(`select actor, subject, detail from ${schema}.audit where action = $1 order by id`, [action])
  return rows
}

async function openEntries(): Promise<number> {
  const { rows } = await hqClient.query<{ rows: number }>(
    'select count(*)::int as rows from ingest.quarantine where resolved_at is null',
  )
  return rows[0]?.rows ?? -1
}

test('complaint 2: what is done is done to all that matches, and not to what a page shows', async () => {
  await refuseInHq(230)
  const path = newAction('quarantine.discard', GROUP)
  const form = formOf(await page(path))
  const url = '/actions/quarantine.discard'
  expect((await site.post(url, form, OPERATOR)).status).toBe(400)
  const reasoned = { ...form, reason: 'a test tenant' }
  expect((await site.post(url, { ...reasoned, typed: '23' }, OPERATOR)).status).toBe(400)
  expect(await openEntries()).toBe(230)
  const answer = await site.post(url, { ...reasoned, typed: '230' }, OPERATOR)
  expect(answer.status).toBe(303)
  const text = await end(answer.headers.location)
  expect(text).toContain('230 done, 0 failed, 0 left')
  expect(text.match(/<tr id="items-/g)).toHaveLength(100)
  expect(await openEntries()).toBe(0)
  const audit = await auditOf(hqClient, 'ingest', 'quarantine.discard')
  expect(audit.flatMap(({ detail }) => detail.ids)).toHaveLength(230)
  expect(audit[0]).toMatchObject({ actor: 'ada', detail: { note: 'a test tenant' } })
  const shown = await page('/audit?action=quarantine.discard')
  expect(shown).toContain('a test tenant')
})

test('complaint 3: each item says what became of it, and one that fails stops no other', async () => {
  await refuseInHq(7, (place) => place !== 3)
  const path = newAction('quarantine.replay', GROUP)
  const form = formOf(await page(path))
  const { headers } = await site.post('/actions/quarantine.replay', form, OPERATOR)
  const text = await end(headers.location)
  expect(text).toContain('6 done, 1 failed, 0 left')
  const failed = await page(`${headers.location}?outcome=failed`)
  expect(failed.match(/<tr id="items-/g)).toHaveLength(1)
  expect(failed).toMatch(/refused again, invalid_type: status must be/)
  const { rows } = await hqClient.query(`select count(*)::int as n from hq.${RUNS}`)
  expect(rows).toEqual([{ n: 6 }])
})

test('a double click acts once; looked at again it acts again; what has grown is shown again', async () => {
  await refuseInHq(10)
  const path = newAction('quarantine.discard', GROUP)
  const form: Record<string, string> = { ...formOf(await page(path)), reason: 'x' }
  await refuseInHq(2)
  const grown = await site.post('/actions/quarantine.discard', form, OPERATOR)
  expect(grown.status).toBe(409)
  expect(grown.text).toContain('10 rows were\nselected, and now it is 12')
  expect(await openEntries()).toBe(12)
  const again: Record<string, string> = { ...formOf(grown.text), reason: 'x' }
  expect(again.operation).not.toBe(form.operation)
  const answers = await Promise.all(
    [1, 2, 3].map(() => site.post('/actions/quarantine.discard', again, OPERATOR)),
  )
  const [location] = new Set(answers.map(({ headers }) => headers.location))
  expect(answers.map(({ status }) => status)).toEqual([303, 303, 303])
  await end(location)
  expect(await openEntries()).toBe(0)
  const { rows } = await hqClient.query('select count(*)::int as n from ingest.action')
  expect(rows).toEqual([{ n: 1 }])
})

test('complaint 5: a viewer is refused by the server, a read-only console by everything that changes', async () => {
  expect(ACTIONS.length).toBeGreaterThan(10)
  const paths = ACTIONS.map(({ path }) => path.replace(':id', randomUUID()))
  for (const path of paths) expect((await site.post(path, {}, VIEWER)).status, path).toBe(403)
  await using readOnly = await startConsole({ ...urls(), CONSOLE_READ_ONLY: 'true' })
  await using open = await ConsoleSite.start(urls())
  for (const path of paths) {
    expect((await readOnly.post(path, {}, ADMIN)).status, path).toBe(405)
    expect((await open.post(path, {})).status, path).toBe(405)
  }
  // Nothing that is only looked at writes, whoever looks; and buttons that would be refused are not
  // there.
  await refuseInHq(1)
  const before = await written()
  const gets = SCREENS.map(({ path }) => path.replaceAll(/:\w+/g, 'hq-1'))
  gets.push(...['', '1'].map((id) => newAction('quarantine.discard', { id, all: 'yes' })))
  for (const [from, users] of [
    [site, [VIEWER, OPERATOR, ADMIN, AUDITOR]],
    [readOnly, [ADMIN]],
    [open, [{}]],
  ] as const) {
    for (const user of users) {
      for (const path of gets) {
        const { status, text } = await from.get(path, user)
        expect(status, path).toBeLessThan(500)
        if (from !== site || user === VIEWER) expect(text, path).not.toContain('method="post"')
      }
    }
  }
  expect(await written()).toEqual(before)
})

/** Everything that an action could have touched, by table. */
async function written(): Promise<unknown> {
  const tables = {
    ingest: ['quarantine', 'action', 'action_item', 'audit', 'key'],
    hq_export: ['dead_letter', 'action', 'action_item', 'audit', 'backfill', 'reexport'],
  }
  const contents: unknown[] = []
  for (const [schema, names] of Object.entries(tables)) {
    for (const name of names) {
      const { rows } = await (schema === 'ingest' ? hqClient : dx).query(
        `select string_agg(t::text, ',' order by t::text) as content from ${schema}.${name} as t`,
      )
      contents.push(name, rows)
    }
  }
  return contents
}

test('dead letters are given up with an entry in the audit of the source, by the command, too', async () => {
  await dx.query(
    `insert into hq_export.dead_letter (dataset, key, reason, xid, captured_at, fingerprint)
     select $1, i::text, 'too_large', '1', now(), sha256(i::text::bytea)
     from generate_series(1, 3) i`,
    [RUNS],
  )
  const { rows } = await dx.query<{ id: string }>(
    'select d.id::text as id from hq_export.dead_letter d order by d.id',
  )
  const [first = '', ...others] = rows.map(({ id }) => id)
  const path = newAction('dead_letter.discard', { id: first })
  const confirmation = await page(path)
  expect(confirmation).toContain(
    `npm run relay -- dead-letters discard --id ${first} --note WHY --by ada`,
  )
  const given = formOf(confirmation)
  const form = { ...given, reason: 'too large for ever' }
  const { headers } = await site.post('/actions/dead_letter.discard', form, OPERATOR)
  expect(await end(headers.location)).toContain('1 done, 0 failed, 0 left')
  const options = ['discard', '--all', '--note', 'as well', '--by', 'bob']
  const command = await runApp('outbox-relay', ['dead-letters', ...options], {
    DX_DATABASE_URL: source.url,
  })
  expect(command.exitCode).toBe(0)
  expect(await auditOf(dx, 'hq_export', 'dead_letter.discard')).toEqual([
    {
      actor: 'ada',
      subject: 'hq_export.dead_letter',
      detail: { ids: [first], note: 'too large for ever', operation: given.operation },
    },
    {
      actor: 'bob',
      subject: 'hq_export.dead_letter',
      detail: { ids: expect.arrayContaining(others), note: 'as well' },
    },
  ])
})

test('a backfill is counted, begun, steered, and one at a time', async () => {
  await insertCompany(dx, await insertOrg(dx))
  const path = newAction('backfill.start', { dataset: COMPANIES, count: 'yes' })
  const confirmation = await page(path)
  // The company, and the snapshot of its version.
  expect(confirmation).toContain('<strong id="affected">2</strong>')
  expect(confirmation).toContain(`npm run relay -- backfill --dataset ${COMPANIES}`)
  const form = formOf(confirmation)
  for (const _ of [1, 2]) {
    const answer = await site.post('/actions/backfill.start', form, OPERATOR)
    expect(answer.status, answer.text).toBe(303)
  }
  const state = async () =>
    (await dx.query('select id::text as id, state from hq_export.backfill')).rows
  const [{ id }] = (await state()) as [{ id: string }]
  expect(await page(path)).toContain(`Backfill ${id} is running: one at a time`)
  const other = { ...form, operation: randomUUID() }
  expect((await site.post('/actions/backfill.start', other, OPERATOR)).status).toBe(409)
  for (const [what, left] of [
    ['pause', 'paused'],
    ['resume', 'running'],
    ['cancel', 'canceled'],
  ]) {
    const steering = formOf(await page(newAction(`backfill.${what}`, { id })))
    const answer = await site.post(`/actions/backfill.${what}`, steering, OPERATOR)
    expect(answer.status, answer.text).toBe(303)
    expect(await state()).toEqual([{ id, state: left }])
  }
  const late = { ...form, id, operation: randomUUID() }
  expect((await site.post('/actions/backfill.pause', late, OPERATOR)).status).toBe(409)
  for (const what of ['start', 'pause', 'resume', 'cancel'])
    expect(await auditOf(dx, 'hq_export', `backfill.${what}`)).toMatchObject([
      { actor: 'ada', subject: `backfill ${id}` },
    ])
})

test('what a run found missing or stale is sent once more, and nothing else', async () => {
  const run = randomUUID()
  const finding = (dataset: string, found: string, key: string, repair = 'none') => ({
    ...{ dataset, key, org_id: null, class: found, columns: [], source_version: null },
    ...{ hq_version: null, reason: null, repair },
  })
  const key = `${randomUUID()}/${randomUUID()}`
  await dx.query(
    `insert into hq_export.reconciliation (id, is_whole, kind, request, state, finished_at, run,
       findings)
     values ($1, true, 'command', '{"datasets":null,"scope":{},"repair":"off","rotation":false}',
       'different', now(), $2, $3)`,
    [
      run,
      JSON.stringify({
        ...{ source: 's', schema_version: 'v1', id: run, kind: 'command', state: 'different' },
        ...{ started_at: '2026-01-02T03:04:05.678901+00:00', scope: {}, repair: false },
        ...{ finished_at: '2026-01-02T03:04:05.678901+00:00', version: '1' },
        datasets: [
          {
            ...{
              dataset: COMPANIES,
              state: 'different',
              reason: null,
              algorithm: null,
              spec: null,
            },
            ...{ source_rows: 10, hq_rows: 9, in_flight: 0, coverage: 1, findings: {} },
            ...{
              repairs: { none: 0, sent: 0, failed: 0, not_repairable: 0 },
              nulls: {},
              statuses: {},
              duration_ms: 1,
            },
          },
        ],
      }),
      JSON.stringify([
        finding(COMPANIES, 'missing', key),
        finding(COMPANIES, 'different', 'b'),
        finding(COMPANIES, 'stale', 'sent', 'sent'),
        finding(COMPANIES, 'extra', 'c'),
        finding('dx_entity_snapshots_v1', 'missing', 'd'),
      ]),
    ],
  )
  const confirmation = await page(newAction('reconciliation.repair', { run }))
  expect(confirmation).toContain('<strong id="affected">1</strong>')
  const form = formOf(confirmation)
  const { headers } = await site.post('/actions/reconciliation.repair', form, OPERATOR)
  expect(await end(headers.location)).toContain('1 done, 0 failed')
  const { rows } = await dx.query('select key, reason from hq_export.reexport')
  expect(rows).toEqual([{ key, reason: 'reconciliation' }])
  expect(await auditOf(dx, 'hq_export', 'reconciliation.repair')).toMatchObject([
    { actor: 'ada', subject: run, detail: { findings: [1] } },
  ])
})

test('a key is rotated with its secret shown once, and the last one that works is not revoked by mistake', async () => {
  const { id } = await addStoredKey(hq.url, { source: 'rotated' })
  const path = newAction('key.rotate', { key: id })
  expect((await site.get(path, OPERATOR)).status).toBe(403)
  const form = formOf(await page(path, ADMIN))
  const wrong = await site.post('/actions/key.rotate', { ...form, typed: 'another' }, ADMIN)
  expect(wrong.status).toBe(400)
  expect((await site.post('/actions/key.rotate', { ...form, typed: id }, OPERATOR)).status).toBe(
    403,
  )
  const rotated = await site.post('/actions/key.rotate', { ...form, typed: id }, ADMIN)
  expect(rotated.status, rotated.text).toBe(200)
  expect(rotated.headers['cache-control']).toBe('no-store')
  const secret = /whsec_[\w+/=]+/.exec(rotated.text)?.[0] ?? ''
  expect(secret).not.toBe('')
  // The same form once more makes no other key, and shows nothing.
  const twice = await site.post('/actions/key.rotate', { ...form, typed: id }, ADMIN)
  expect(twice.status).toBe(303)
  expect((await page(String(twice.headers.location), ADMIN)).includes(secret)).toBe(false)
  const keys = await hqClient.query<{ id: string }>(
    `select k.id from ingest.key k where source = 'rotated' order by created_at`,
  )
  expect(keys.rows).toHaveLength(2)

  const revoke = async (key: string, filled: Record<string, string> = {}) => {
    const confirmation = await page(newAction('key.revoke', { key }), ADMIN)
    return site.post(
      '/actions/key.revoke',
      { ...formOf(confirmation), typed: key, ...filled },
      ADMIN,
    )
  }
  expect((await revoke(id)).status).toBe(303)
  const last = keys.rows[1]?.id ?? ''
  const refused = await revoke(last)
  expect(refused.status).toBe(409)
  expect(refused.text).toContain('it is the last key of rotated that works')
  expect((await revoke(last, { force: 'yes' })).status).toBe(303)
  expect((await auditOf(hqClient, 'ingest', 'key.revoke')).map(({ actor }) => actor)).toEqual([
    'root',
    'root',
  ])
})

test('a side that cannot be asked is told, and the other works', async () => {
  await using half = await startConsole({ HQ_DATABASE_URL: hq.url })
  for (const path of ['/refused', '/actions', '/audit']) {
    const { status, text } = await half.get(path, OPERATOR)
    expect(status).toBe(200)
    expect(text).toContain('data-engine-x is not connected: set DX_DATABASE_URL')
  }
  expect((await half.get('/refused/hq-999', OPERATOR)).status).toBe(404)
  const form = { operation: randomUUID(), selection: 'all=yes', expected: '1' }
  const answer = await half.post('/actions/dead_letter.replay', form, OPERATOR)
  expect(answer.status).toBe(503)
})
