import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DATASETS } from '@hq-export/contract'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { BindingError } from '@hq-export/outbox-relay/binding/load-binding.ts'
import { CHECKS } from '@hq-export/outbox-relay/doctor/checks.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { readStatus } from '@hq-export/outbox-relay/status/status.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Captured, capturing, ofDataset, versionsOf } from '../../support/capture-rows.ts'
import { createLiveDatabase, writeLiveBinding } from '../../support/live-shape/live-databases.ts'
import {
  insertAttempts,
  insertLiveCompany,
  insertLiveOrg,
  insertLivePerson,
  insertLiveRun,
  insertPipelineRun,
  insertTenantCompany,
  updateLiveEntity,
} from '../../support/live-shape/live-rows.ts'
import type { TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const EVENTS = 'dx_operation_events_v1'
const COMPANIES = 'dx_company_entities_v1'
const PERSONS = 'dx_person_entities_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'
const NIL = '00000000-0000-0000-0000-000000000000'

let folder: string
let database: TestDatabase
let client: pg.Client
let orgId: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hq-export-live-'))
  database = await createLiveDatabase('data-engine-x')
  client = await database.connect()
  orgId = await insertLiveOrg(client)
})

afterAll(async () => {
  await database[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** Rows of a projection view as a capture writes them: by the same JSON, in the same time zone. */
async function viewed(
  dataset: string,
  where: string,
  value: string,
): Promise<Record<string, unknown>[]> {
  const columns = DATASETS.find(({ name }) => name === dataset)?.columns ?? []
  const list = columns.map(({ name, type }) =>
    ['uuid', 'int8', 'numeric', 'jsonb'].includes(type) ? `${name}::text as ${name}` : name,
  )
  await client.query(`set timezone = 'UTC'`)
  const { rows } = await client.query<{ row: string }>(
    `select row_to_json(w)::text as row
     from (select ${list.join(', ')} from hq_export.${dataset} where ${where} = $1) w`,
    [value],
  )
  return rows.map(({ row }) => JSON.parse(row))
}

const byId = (rows: readonly Record<string, unknown>[]) =>
  rows.toSorted((a, b) => String(a.event_id).localeCompare(String(b.event_id)))

async function expectEventsAsViewed(runId: string, captured: readonly Captured[]) {
  const rows = captured.map(({ row }) => row)
  expect(byId(rows)).toEqual(byId(await viewed(EVENTS, 'run_id', runId)))
  const numbers = rows.map(({ event_sequence }) => Number(event_sequence))
  expect(numbers.toSorted((a, b) => a - b)).toEqual(rows.map((_, index) => index + 1))
}

test('what a trigger captures of attempts is what the view shows, whatever comes later', async () => {
  const runId = await insertLiveRun(client, orgId)
  const captured = await capturing(client, async () => {
    await insertAttempts(client, runId, [
      { status: 'skipped', skip_reason: 'missing_api_key', raw_response: null },
      { status: 'failed', provider_status: 'http_error', http_status: 502 },
      { status: 'found' },
    ])
    // Two statements of one transaction have one created_at, and ids that fall anywhere between.
    await client.query('begin')
    for (let i = 0; i < 4; i++) await insertAttempts(client, runId, [{}, {}])
    await client.query('commit')
    await insertAttempts(client, runId, [
      { created_at: '2020-01-01' },
      { created_at: '2020-01-02' },
    ])
    await insertAttempts(client, runId, [{}])
  })
  const events = ofDataset(captured, EVENTS)
  expect(events).toHaveLength(14)
  expect(events.every(({ sqlstate }) => sqlstate === null)).toBe(true)
  await expectEventsAsViewed(runId, events)
  expect(
    events
      .slice(0, 3)
      .map(({ row }) => row.event_type)
      .toSorted(),
  ).toEqual(['error', 'response_received', 'state_change'])
})

test('two transactions that add attempts to one run at once wait for nobody and share no number', async () => {
  const runId = await insertLiveRun(client, orgId)
  const other = await database.connect()
  const captured = await capturing(client, async () => {
    await client.query('begin')
    await insertAttempts(client, runId, [{}, {}])
    await other.query('begin')
    await insertAttempts(other, runId, [{}])
    await client.query('commit')
    await insertAttempts(other, runId, [{}])
    await other.query('commit')
    await insertAttempts(client, runId, [{}])
  })
  const rows = ofDataset(captured, EVENTS).map(({ row }) => row)
  expect(byId(rows)).toEqual(byId(await viewed(EVENTS, 'run_id', runId)))
  const numbers = rows.map(({ event_sequence }) => Number(event_sequence))
  expect(numbers.slice(0, 2).toSorted()).toEqual([1, 2])
  expect(new Set(numbers).size).toBe(5)
  expect(Math.min(...numbers.slice(2))).toBeGreaterThanOrEqual(1_000_000_000)
})

test('an event carries its run, a pointer to the answer and its hash, never the answer', async () => {
  const runId = await insertLiveRun(client, orgId)
  const captured = await capturing(client, () => insertAttempts(client, runId, [{}]))
  const [event] = ofDataset(captured, EVENTS)
  expect(event?.row).toMatchObject({
    org_id: orgId,
    entity_type: 'company',
    raw_response_ref: `dx://ops/operation_attempts/${event?.row.event_id}#raw_response`,
    payload_hash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
  })
  expect(event?.row.entity_id).not.toBe(NIL)
  expect(JSON.stringify(captured)).not.toContain('provider-key')
})

test('I8: of a payload leaves what the contract names, and what the binding adds', async () => {
  const payload = JSON.stringify({
    canonical_name: 'Acme',
    employee_count: 7,
    icp_criterion: 'b2b',
    provider_data: { api_key: 'provider-key' },
    title: null,
  })
  const captured = await capturing(client, async () => {
    await insertLiveCompany(client, orgId, { canonical_payload: payload })
    await insertLiveCompany(client, orgId, { canonical_payload: null })
    await insertLiveCompany(client, orgId, { canonical_payload: '["provider-key"]' })
  })
  const payloads = ofDataset(captured, SNAPSHOTS).map(({ row }) =>
    JSON.parse(String(row.canonical_payload_json)),
  )
  expect(payloads).toEqual([{ canonical_name: 'Acme', employee_count: 7 }, {}, {}])
  expect(JSON.stringify(captured)).not.toContain('provider-key')

  await using other = await createLiveDatabase(
    await writeLiveBinding(join(folder, 'more-keys.json'), 60, (datasets) =>
      datasets.map((bound) =>
        bound.dataset === COMPANIES
          ? {
              ...bound,
              snapshot: { ...(bound.snapshot as object), payloadKeys: ['icp_criterion'] },
            }
          : bound,
      ),
    ),
  )
  const app = await other.connect()
  const org = await insertLiveOrg(app)
  const more = await capturing(app, () =>
    insertLiveCompany(app, org, { canonical_payload: payload }),
  )
  expect(JSON.parse(String(ofDataset(more, SNAPSHOTS)[0]?.row.canonical_payload_json))).toEqual({
    canonical_name: 'Acme',
    employee_count: 7,
    icp_criterion: 'b2b',
  })
})

test('columns that the contract names otherwise, and a company of no tenant company', async () => {
  const captured = await capturing(client, () =>
    insertLiveCompany(client, orgId, {
      company_linkedin_id: '42',
      source_providers: ['prospeo', 'blitzapi'],
    }),
  )
  expect(ofDataset(captured, COMPANIES)[0]?.row).toMatchObject({
    company_id: NIL,
    linkedin_page_id: '42',
    source_priority: 'prospeo>blitzapi',
  })
})

test('jobs are counted, not exported, and no dead letter', async () => {
  const relay = await connect(database.url, 'command', () => {})
  const counts = async () =>
    (await readStatus(relay)).datasets.slice(0, 2).map(({ filtered_rows }) => filtered_rows)
  const before = await counts()
  const captured = await capturing(client, async () => {
    const runId = await insertLiveRun(client, orgId, { entity_type: 'job' })
    await insertAttempts(client, runId, [{}, {}])
  })
  expect(captured).toEqual([])
  expect(await counts()).toEqual([(before[0] ?? 0) + 1, (before[1] ?? 0) + 2])
  const findings = await runDoctor(database.url, CHECKS)
  // No relay works here, and that is all there is to say.
  expect(
    findings
      .filter(({ state }) => state === 'fail' || state === 'unknown')
      .map(({ check }) => check),
  ).toEqual(['outbox'])
  expect(findings).toContainEqual(
    expect.objectContaining({
      check: 'filtered-rows',
      state: 'ok',
      found: expect.stringContaining(`${EVENTS}: ${(before[1] ?? 0) + 2} inserted rows`),
    }),
  )
  await relay.end()
})

test('a run whose payloads name no entity carries the nil uuid', async () => {
  const runId = await insertLiveRun(client, orgId, { input_payload: '{"query":1}' })
  const captured = await capturing(client, () => insertAttempts(client, runId, [{}]))
  expect(ofDataset(captured, EVENTS)[0]?.row.entity_id).toBe(NIL)
})

test('versions only rise, and no row of the source is touched: SET NULL, silent, backwards, deleted, back', async () => {
  const companyId = await insertTenantCompany(client, orgId)
  const pipelineId = await insertPipelineRun(client, orgId, companyId)
  const entityId = randomUUID()
  const of = 'org_id = $1 and entity_id = $2'
  const change = (set: string) =>
    client.query(`update entities.company_entities set ${set} where ${of}`, [orgId, entityId])
  const versions: string[] = []
  const captured = await capturing(client, async () => {
    const note = async () => {
      const { rows } = await client.query(
        `select record_version from entities.company_entities where ${of}`,
        [orgId, entityId],
      )
      versions.push(rows[0].record_version)
    }
    await insertLiveCompany(client, orgId, {
      entity_id: entityId,
      company_id: companyId,
      last_run_id: pipelineId,
    })
    await updateLiveEntity(client, 'company', { orgId, entityId }, { canonical_name: 'Acme 2' })
    await note()
    await client.query('delete from ops.pipeline_runs where id = $1', [pipelineId])
    await client.query('delete from ops.companies where id = $1', [companyId])
    await change(`industry = 'x'`)
    await note()
    await updateLiveEntity(client, 'company', { orgId, entityId }, { canonical_name: 'Acme 3' })
    await change('record_version = 1')
    await note()
    await client.query(`delete from entities.company_entities where ${of}`, [orgId, entityId])
    await insertLiveCompany(client, orgId, { entity_id: entityId, canonical_name: 'Again' })
    await note()
  })
  expect(versionsOf(captured, COMPANIES)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8!', '9'])
  expect(versions).toEqual(['2', '2', '1', '1'])
  const snapshots = ofDataset(captured, SNAPSHOTS).map(({ row }) => row.record_version)
  expect(snapshots).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9'])
  const [now] = await viewed(COMPANIES, 'entity_id', entityId)
  expect(now).toEqual(ofDataset(captured, COMPANIES).at(-1)?.row)
})

test('history supplies the versions before the capture, once each and none that is captured', async () => {
  await using fresh = await createLiveDatabase()
  const app = await fresh.connect()
  const org = await insertLiveOrg(app)
  const ids = async (
    sql = `select record_version::text as v, snapshot_id from hq_export.${SNAPSHOTS}
      where entity_id = $1`,
    id = '',
  ) =>
    (await app.query<{ v: string; snapshot_id: string }>(`${sql} order by record_version`, [id]))
      .rows
  const key = (entityId: string) => ({ orgId: org, entityId })
  const plain = await insertLiveCompany(app, org)
  const person = await insertLivePerson(app, org, { created_at: '2020-01-01' })
  for (const title of ['a', 'b']) await updateLiveEntity(app, 'person', key(person), { title })
  for (const name of ['a', 'b', 'c'])
    await updateLiveEntity(app, 'company', key(plain), { canonical_name: name })
  // Went back before we came: history holds versions above its own.
  const back = await insertLiveCompany(app, org)
  for (const name of ['a', 'b', 'c'])
    await updateLiveEntity(app, 'company', key(back), { canonical_name: name })
  await app.query('update entities.company_entities set record_version = 2 where entity_id = $1', [
    back,
  ])
  // Deleted and inserted again before we came: history of another life.
  const again = await insertLiveCompany(app, org)
  await updateLiveEntity(app, 'company', key(again), { canonical_name: 'old' })
  await app.query('delete from entities.company_entities where entity_id = $1', [again])
  await insertLiveCompany(app, org, { entity_id: again })

  await bind(fresh.url, 'data-engine-x')
  const versions = async (id: string) => (await ids(undefined, id)).map(({ v }) => v)
  expect(await versions(plain)).toEqual(['1', '2', '3', '4'])
  expect(await versions(person)).toEqual(['1', '2', '3'])
  expect(await versions(back)).toEqual(['1', '2', '3', '4'])
  expect(await versions(again)).toEqual(['1'])

  const captured = await capturing(app, async () => {
    for (const id of [plain, back, again]) {
      await updateLiveEntity(app, 'company', key(id), { canonical_name: 'later' })
      await updateLiveEntity(app, 'company', key(id), { canonical_name: 'later still' })
    }
  })
  expect(versionsOf(captured, COMPANIES)).toEqual(['5', '6', '5', '6', '2', '3'])
  // The source notes versions 4, 5 of the first too, after the capture began: they are the
  // capture's.
  expect(await versions(plain)).toEqual(['1', '2', '3', '6'])
  const exported = new Set(
    ofDataset(captured, SNAPSHOTS)
      .filter(({ row }) => row.canonical_payload_json !== undefined)
      .map(({ key: snapshotId }) => snapshotId),
  )
  for (const id of [plain, back, again]) {
    const shown = await ids(undefined, id)
    const both = shown.slice(0, -1).filter(({ snapshot_id }) => exported.has(snapshot_id))
    expect(both).toEqual([])
  }
  // Binding again keeps the moment since when everything is captured.
  const rebound = await writeLiveBinding(join(folder, 'other-delay.json'), 61)
  expect(await bind(fresh.url, rebound)).toMatchObject({ changed: true })
  expect(await versions(plain)).toEqual(['1', '2', '3', '6'])
})

test('I1: bind refuses where row level security hides a table that a capture joins, and says whose', async () => {
  await using fresh = await createLiveDatabase()
  const app = await fresh.connect()
  const role = `owner_${randomBytes(4).toString('hex')}`
  await app.query(`create role ${role}`)
  await app.query(`grant usage on schema ops to ${role}`)
  await app.query(`alter table ops.operation_attempts owner to ${role}`)
  const problems = async () => {
    const error = await bind(fresh.url, 'data-engine-x').catch((reason: unknown) => reason)
    return error instanceof BindingError ? error.problems : []
  }
  expect(await problems()).toEqual([
    `${EVENTS}: role ${role}, which owns ops.operation_attempts and captures for it, may not read ops.operation_runs; grant it SELECT`,
  ])
  await app.query(`grant select on ops.operation_runs to ${role}`)
  expect(await problems()).toEqual([
    expect.stringContaining(
      `row level security of ops.operation_runs hides rows from role ${role}`,
    ),
  ])
  await app.query(`alter role ${role} bypassrls`)
  const unnamed = await writeLiveBinding(join(folder, 'unnamed.json'), 60, (datasets) =>
    datasets.map((bound) => ({ ...bound, reads: [] })),
  )
  const refused = await bind(fresh.url, unnamed).catch((reason: unknown) => String(reason))
  expect(refused).toContain(`${EVENTS}.org_id reads ops.operation_runs; name it in reads`)
  // As postgres on Supabase: no superuser, owner of the tables or beyond row level security.
  expect(await bind(fresh.url, 'data-engine-x')).toMatchObject({ changed: true })
  const org = await insertLiveOrg(app)
  const runId = await insertLiveRun(app, org)
  const captured = await capturing(app, () => insertAttempts(app, runId, [{}]))
  expect(ofDataset(captured, EVENTS)).toMatchObject([{ sqlstate: null, row: { org_id: org } }])
  await app.query(`drop owned by ${role} cascade; drop role ${role}`)
})

test('an upgrade of the binding loses no change of those who write meanwhile', async () => {
  await using fresh = await createLiveDatabase('data-engine-x')
  const writer = await fresh.connect()
  const org = await insertLiveOrg(writer)
  const upgraded = await writeLiveBinding(join(folder, 'upgraded.json'), 30, (datasets) =>
    datasets.map((bound) =>
      bound.dataset === PERSONS ? { ...bound, columns: { title: 'upper(r.title)' } } : bound,
    ),
  )
  let written = 0
  let isBinding = true
  const captured = await capturing(writer, async () => {
    const write = async () => {
      const runId = await insertLiveRun(writer, org)
      await insertAttempts(writer, runId, [{}])
      await insertLivePerson(writer, org, { title: 'cto' })
      written++
    }
    const writing = (async () => {
      while (isBinding) await write()
      await write()
    })()
    await waitFor('the writer to be at work', () => written > 3)
    expect(await bind(fresh.url, upgraded)).toMatchObject({ changed: true })
    isBinding = false
    await writing
  })
  expect(ofDataset(captured, EVENTS)).toHaveLength(written)
  const titles = ofDataset(captured, PERSONS).map(({ row }) => row.title)
  expect(titles).toHaveLength(written)
  expect([titles[0], titles.at(-1)]).toEqual(['cto', 'CTO'])
  const listed = await writer.query('select count(distinct key)::int as keys from hq_export.settle')
  expect(listed.rows).toEqual([{ keys: written }])
})
