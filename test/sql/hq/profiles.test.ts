import { randomUUID } from 'node:crypto'
import { DATASETS } from '@hq-export/contract'
import { connectWriter } from '@hq-export/hq-ingest/db/connect.ts'
import { profileParts } from '@hq-export/hq-ingest/profile/batch-profile.ts'
import { emptyProfile, mergeProfiles } from '@hq-export/hq-ingest/profile/merge-profiles.ts'
import type { Profile } from '@hq-export/hq-ingest/profile/profile.ts'
import { readMinutes } from '@hq-export/hq-ingest/profile/read-minutes.ts'
import { rollUp } from '@hq-export/hq-ingest/profile/roll-up.ts'
import { rolledUpThrough } from '@hq-export/hq-ingest/profile/rolled-up-through.ts'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  buildEnvelope,
  buildRow,
  deliver,
  SOURCE,
  startGateway,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'
const COMPANIES = 'dx_company_entities_v1'
const DAY_MS = 86_400_000

let hq: TestDatabase
let client: pg.Client
let one: TestGateway
let two: TestGateway

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await connectWriter(hq.url)
  one = await startGateway(hq.url)
  two = await startGateway(hq.url)
})

afterAll(async () => {
  await client.end()
  for (const gateway of [one, two]) await gateway[Symbol.asyncDispose]()
  await hq[Symbol.asyncDispose]()
})

beforeEach(async () => {
  // Whatever gateways add to minutes meanwhile is of this moment on.
  await addToMinutes()
  const tables = DATASETS.map(({ name }) => `hq.${name}`)
  await client.query(`truncate ingest.batch, ingest.minute, ${tables.join(', ')}`)
})

/** A roll-up of ours; a gateway may be at it. */
async function addToMinutes(session: pg.ClientBase = client): Promise<void> {
  await waitFor('nobody else to roll up', async () => (await rollUp(session)) !== undefined)
}

/** The sum of the profiles of all batches of a dataset, of the ledger. */
async function ledgerProfile(dataset: string): Promise<Profile> {
  const { rows } = await client.query(
    `select answer -> 'counts' as counts, decoded_bytes as bytes, profile
     from ingest.batch where dataset = $1`,
    [dataset],
  )
  return mergeProfiles(rows.flatMap(profileParts))
}

async function minutesProfile(dataset: string): Promise<Profile> {
  const profiles: Profile[] = []
  const filter = { dataset, from: 0, to: Date.now() + 400 * DAY_MS, bucketMinutes: 15 }
  for await (const { profile } of readMinutes(client, filter)) profiles.push(profile)
  return mergeProfiles(profiles)
}

/** What the profiles must add up to, counted in the table itself. */
async function tableCounts() {
  const { rows } = await client.query(
    `select count(*)::int as rows, count(*) filter (where company_id is null)::int as no_company,
       count(*) filter (where status = 'failed')::int as failed,
       count(*) filter (where error_message = '')::int as empty,
       count(*) filter (where ended_at < started_at)::int as reversed,
       count(*) filter (where duration_ms < 0)::int as negative
     from hq.${RUNS}`,
  )
  return rows[0]
}

function countsOf(profile: Profile) {
  return {
    rows: profile.inserted,
    no_company: profile.nulls.company_id ?? 0,
    failed: profile.values.status?.failed ?? 0,
    empty: profile.empty.error_message ?? 0,
    reversed: profile.reversed.ended_at ?? 0,
    negative: profile.negative.duration_ms ?? 0,
  }
}

function run(n: number) {
  return buildRow(RUNS, {
    run_id: randomUUID(),
    company_id: n % 3 === 0 ? null : randomUUID(),
    status: n % 4 === 0 ? 'failed' : 'succeeded',
    error_message: n % 5 === 0 ? '' : null,
    started_at: '2026-02-16T09:30:00.5+00:00',
    ended_at: n % 7 === 0 ? '2026-02-16T09:30:00.25+00:00' : '2026-02-16T09:30:01+00:00',
    duration_ms: n % 11 === 0 ? -1 : 17,
    operation_id: n % 2 === 0 ? '__proto__' : `company.enrich.${'x'.repeat(100)}😀`,
  })
}

test('profiles of replayed, bisected, refused and concurrent batches add up to what the table holds', async () => {
  const rows = Array.from({ length: 300 }, (_, n) => run(n))
  const bad = { ...run(1), status: 'unheard of' }
  const whole = buildEnvelope(RUNS, [...rows.slice(0, 100), bad])
  await deliver(one.url, whole, { id: 'whole' })
  // The same batch again, the same rows under another id, and in halves that overlap.
  await deliver(two.url, whole, { id: 'whole' })
  await deliver(two.url, whole, { id: 'again' })
  await deliver(one.url, buildEnvelope(RUNS, rows.slice(0, 150)))
  await deliver(one.url, buildEnvelope(RUNS, rows.slice(120, 200)))
  // Two gateways at once: other batches with rows in common.
  await Promise.all([
    deliver(one.url, buildEnvelope(RUNS, rows.slice(190, 280)), { id: 'left' }),
    deliver(two.url, buildEnvelope(RUNS, rows.slice(210, 300)), { id: 'right' }),
  ])
  const table = await tableCounts()
  expect(table).toMatchObject({ rows: 300, failed: 75, no_company: 100 })
  const ledger = await ledgerProfile(RUNS)
  expect(countsOf(ledger)).toEqual(table)
  const outcomes = ledger.inserted + ledger.updated + ledger.superseded + ledger.duplicate
  const refused = Object.values(ledger.refused).reduce((sum, count) => sum + count, 0)
  expect(outcomes + ledger.stale + refused).toBe(ledger.rows)
  expect(ledger.refused).toEqual({ invalid_value: 2 })
  const mixed = Object.values(ledger.mix).flatMap((byProvider) =>
    Object.values(byProvider).flatMap((byStatus) => Object.values(byStatus)),
  )
  expect(mixed.reduce((sum, count) => sum + count, 0)).toBe(300)
  expect(Object.keys(ledger.mix).toSorted()).toEqual([
    '__proto__',
    `company.enrich.${'x'.repeat(49)}`,
  ])
  await addToMinutes()
  expect(await minutesProfile(RUNS)).toEqual(ledger)
})

test('of entities what was inserted adds up, and deletes are told', async () => {
  const rows = Array.from({ length: 100 }, (_, n) =>
    buildRow(COMPANIES, { canonical_domain: n % 2 === 0 ? null : 'a.example' }),
  )
  await deliver(one.url, buildEnvelope(COMPANIES, rows))
  const newer = rows
    .slice(0, 70)
    .map((row) => ({ ...row, record_version: '9', canonical_domain: '' }))
  await deliver(one.url, buildEnvelope(COMPANIES, [...newer, ...rows.slice(0, 10)]))
  const gone = rows.slice(0, 5).map((row) => ({
    row: { ...row, record_version: '10' },
    xid: '5000',
    captured_at: '2026-01-02T03:04:06.000001+00:00',
    deleted: true,
  }))
  await deliver(two.url, buildEnvelope(COMPANIES, gone))
  const profile = await ledgerProfile(COMPANIES)
  expect(profile).toMatchObject({ inserted: 100, updated: 75, deletes: 5, superseded: 10 })
  expect(profile.missing.canonical_domain).toBe(50 + 70 + 3)
})

test('a heartbeat has no profile, and a batch of a key of one org says so', async () => {
  const beat = { source_ts: '2026-02-16T09:30:00+00:00' }
  await deliver(one.url, buildEnvelope('dx_heartbeat_v1', [beat]))
  const { rows } = await client.query('select profile, org_id from ingest.batch')
  expect(rows).toEqual([{ profile: null, org_id: null }])
})

/** A batch in the ledger, written by a session of its own, and when it claims to have come. */
async function insertEntry(session: pg.Client, batch: string, receivedAt: string): Promise<void> {
  await session.query(
    `insert into ingest.batch (received_at, source, batch, fingerprint, dataset, schema_version,
       key_id, wire_bytes, decoded_bytes, answer, profile)
     values ($1::timestamptz, $2, $3, sha256('x'), $4, 'v1', 'k', 1, 10,
       '{"counts": {"received": 1, "inserted": 1, "updated": 0, "superseded": 0, "duplicate": 0,
         "stale": 0, "quarantined": 0}}', '{"nulls": {"company_id": 1}}')`,
    [receivedAt, SOURCE, batch, RUNS],
  )
}

test('every batch is in exactly one minute: late ones, ones of a clock that was set back, two at once', async () => {
  const late = await connectWriter(hq.url)
  const { rows } = await client.query<{ now: string }>('select now()::text as now')
  const now = rows[0]?.now ?? ''
  await late.query('begin')
  await insertEntry(late, 'late', now)
  await insertEntry(client, 'early', now)
  const add = async () => {
    const sessions = await Promise.all([connectWriter(hq.url), connectWriter(hq.url)])
    await Promise.all(sessions.map((session) => rollUp(session)))
    await Promise.all(sessions.map((session) => session.end()))
  }
  await add()
  expect((await minutesProfile(RUNS)).inserted).toBe(1)
  const through = await rolledUpThrough(client)
  await late.query('commit')
  await late.end()
  // HQ's clock is set back: it comes into a minute that was complete.
  await insertEntry(client, 'back', now)
  await add()
  await add()
  const profile = await minutesProfile(RUNS)
  expect(profile).toMatchObject({ rows: 3, inserted: 3, bytes: 30, nulls: { company_id: 3 } })
  // A transaction that was open kept its minute open; now it goes on.
  await waitFor('minutes to be complete', async () => {
    await add()
    const later = await rolledUpThrough(client)
    return later !== undefined && later >= (through ?? 0)
  })
})

test('a roll-up that dies has added nothing, and the next one everything', async () => {
  // Without gateways, which would roll up meanwhile.
  await using alone = await createHqDatabase()
  const [writer, dying, blocker] = await Promise.all([
    connectWriter(alone.url),
    connectWriter(alone.url),
    connectWriter(alone.url),
  ])
  const inserted = async () => {
    const { rows } = await writer.query<{ rows: number | null }>(
      `select sum((profile ->> 'inserted')::int)::int as rows from ingest.minute`,
    )
    return rows[0]?.rows ?? 0
  }
  const { rows } = await writer.query<{ now: string }>('select now()::text as now')
  for (let n = 0; n < 20; n++) await insertEntry(writer, `b${n}`, rows[0]?.now ?? '')
  const { rows: pids } = await dying.query<{ pid: number }>('select pg_backend_pid() as pid')
  await dying.query('set lock_timeout = 0')
  await blocker.query('begin')
  await blocker.query('lock table ingest.minute in share mode')
  const admin = await alone.connect()
  const rolling = rollUp(dying).catch((error: unknown) => error)
  await waitFor('the roll-up to wait', async () => {
    const waiting = await admin.query(
      `select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`,
      [pids[0]?.pid],
    )
    return waiting.rowCount === 1
  })
  await admin.query('select pg_terminate_backend($1)', [pids[0]?.pid])
  expect(await rolling).toBeInstanceOf(Error)
  await blocker.query('rollback')
  expect(await inserted()).toBe(0)
  await addToMinutes(writer)
  expect(await inserted()).toBe(20)
  for (const session of [writer, blocker]) await session.end()
})

test('merging is a sum: in whatever order, of nothing too, and names of rows are only names', () => {
  const named = (name: string): Profile => ({
    ...emptyProfile(),
    rows: 1,
    mix: JSON.parse(`{"${name}": {"p": {"failed": 1}}}`),
    first: '2026-02-16T09:30:00.5+00:00',
    last: '2026-02-16T09:30:00.5+00:00',
  })
  const profiles = [named('__proto__'), named('constructor'), named('a'), emptyProfile()]
  const merged = mergeProfiles(profiles)
  expect(mergeProfiles(profiles.toReversed())).toEqual(merged)
  expect(mergeProfiles([mergeProfiles(profiles.slice(0, 2)), ...profiles.slice(2)])).toEqual(merged)
  expect(Object.keys(merged.mix).toSorted()).toEqual(['__proto__', 'a', 'constructor'])
  expect(mergeProfiles([])).toEqual(emptyProfile())
})
