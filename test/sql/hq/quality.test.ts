import { connectWriter } from '@hq-export/hq-ingest/db/connect.ts'
import type { Profile } from '@hq-export/hq-ingest/profile/profile.ts'
import { evaluateQuality } from '@hq-export/hq-ingest/quality/evaluate/evaluate-quality.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runIngest } from '../../support/programs/ingest-process.ts'
import { insertBeat, insertHours, insertMinute } from '../../support/quality/insert-past.ts'
import { profileOf } from '../../support/quality/profiles.ts'
import { type Fault, workload } from '../../support/quality/workload.ts'
import { seededRandom } from '../../support/random.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'

/*
 * A gateway's evaluator on minutes that are inserted as the roll-up leaves them. Four weeks are
 * history; time is what a test says.
 */

const WINDOW_MS = 15 * 60_000
const HOUR_MS = 4 * WINDOW_MS
const DAY_MS = 24 * HOUR_MS
/** Eight in the morning of a day whose month the ledger has. */
const START = Math.floor(Date.now() / DAY_MS) * DAY_MS + 8 * HOUR_MS
const HISTORY_DAYS = 28
const EVENTS = 'dx_operation_events_v1'

const FAULTS = {
  normal: 'none',
  provider: 'provider fails',
  domains: 'domains are lost',
  events: 'new event type',
  operation: 'operation stops',
} as const satisfies Record<string, Fault>

let hq: TestDatabase
let client: pg.Client
let now = START

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await connectWriter(hq.url)
})
afterAll(async () => {
  await client?.end()
  await hq?.[Symbol.asyncDispose]()
})

const iso = (time: number) => new Date(time).toISOString()

/** Four weeks of the normal workload, as hours, the same for all; nothing is judged since. */
async function insertHistory(sources: readonly string[]): Promise<void> {
  const random = seededRandom(1)
  const begin = START - HISTORY_DAYS * DAY_MS
  const hours: { hour: string; dataset: string; profile: Profile }[] = []
  for (let hour = begin; hour < START; hour += HOUR_MS) {
    for (const [dataset, profile] of Object.entries(workload(random, 'none', 4))) {
      hours.push({ hour: iso(hour), dataset, profile })
    }
  }
  for (const source of sources) await insertHours(client, source, hours)
  await client.query(
    `insert into ingest.quality_progress
       (source, dataset, since, hours_through, judged_through, reported_through)
     select distinct source, dataset, $1::timestamptz, $2::timestamptz, $2::timestamptz, $2::date
     from ingest.quality_hour`,
    [iso(begin), iso(START)],
  )
}

/** The source is there: its heartbeat came the way that rows come. */
async function beat(source: string, at: number): Promise<void> {
  await insertBeat(client, source, at)
  await client.query(
    `insert into ingest.heartbeat (source, source_ts, received_at, batch)
     values ($1, $2, $2, 'b')
     on conflict (source) do update set source_ts = excluded.source_ts,
       received_at = excluded.received_at`,
    [source, iso(at)],
  )
}

interface Incident {
  readonly dataset: string
  readonly check: string
  readonly severity: string
  readonly isOpen: boolean
  readonly cause: string
}

async function incidentsOf(source: string): Promise<Incident[]> {
  const { rows } = await client.query<Incident>(
    `select dataset, check_name as check, severity, closed_at is null as "isOpen",
       evidence -> 'worst' -> 0 ->> 'name' as cause
     from ingest.incident where source = $1 order by id`,
    [source],
  )
  return rows
}

async function openSources(): Promise<string[]> {
  const { rows } = await client.query<{ source: string }>(
    'select source from ingest.incident where closed_at is null order by source',
  )
  return rows.map(({ source }) => source)
}

const randoms = new Map(Object.keys(FAULTS).map((source, index) => [source, seededRandom(index)]))

/** One window of every source, and the pass that follows it. */
async function pass(faulty: boolean): Promise<void> {
  for (const [source, fault] of Object.entries(FAULTS)) {
    const rows = workload(randoms.get(source) ?? Math.random, faulty ? fault : 'none')
    for (const [dataset, profile] of Object.entries(rows)) {
      await insertMinute(client, source, dataset, now + WINDOW_MS - 60_000, profile)
    }
    await beat(source, now + WINDOW_MS - 30_000)
  }
  now += WINDOW_MS
  await client.query('update ingest.roll_up set through = $1', [iso(now)])
  await evaluateQuality(client, now)
}

test('an hour of the normal workload gives no incident', async () => {
  await insertHistory(Object.keys(FAULTS))
  for (let window = 0; window < 4; window++) await pass(false)
  const { rows } = await client.query('select from ingest.incident')
  expect(rows).toHaveLength(0)
  const judged = await client.query<{ judged: Date }>(
    `select distinct judged_through as judged from ingest.quality_progress`,
  )
  expect(judged.rows).toEqual([{ judged: new Date(now) }])
})

test('each fault gives one incident within two windows, which names the cause', async () => {
  await pass(true)
  await pass(true)
  const one = (dataset: string, check: string, severity: string, cause: string) => [
    { dataset, check, severity, isOpen: true, cause },
  ]
  expect(await incidentsOf('normal')).toEqual([])
  expect(await incidentsOf('provider')).toEqual(
    one('dx_operation_runs_v1', 'status', 'warn', 'prospeo'),
  )
  expect(await incidentsOf('domains')).toEqual(
    one('dx_company_entities_v1', 'null_rate.canonical_domain', 'page', 'canonical_domain'),
  )
  expect(await incidentsOf('events')).toEqual(
    one('dx_operation_events_v1', 'open_set.event_type', 'warn', 'teleported'),
  )
  expect(await incidentsOf('operation')).toEqual(
    one('dx_operation_runs_v1', 'volume', 'warn', 'person.find.email'),
  )
})

test('it is told again sparingly, and is no part of what is usual', async () => {
  for (let window = 0; window < 4; window++) await pass(true)
  const { rows } = await client.query(
    `select source, repeats, clean_windows as clean from ingest.incident order by source`,
  )
  expect(rows).toEqual(
    ['domains', 'events', 'operation', 'provider'].map((source) => {
      return { source, repeats: 0, clean: 0 }
    }),
  )
})

test('it closes after two clean windows', async () => {
  await pass(false)
  const open = async () =>
    (await client.query('select from ingest.incident where closed_at is null')).rowCount
  expect(await open()).toBe(4)
  await pass(false)
  expect(await open()).toBe(0)
  expect((await client.query('select from ingest.incident')).rowCount).toBe(4)
})

test('what somebody accepts is the usual from its begin on, and what is wrong is not accepted', async () => {
  for (let window = 0; window < 2; window++) await pass(true)
  const run = (...args: string[]) => runIngest(['incidents', ...args], { HQ_DATABASE_URL: hq.url })
  const listed = await run('list', '--json')
  expect(listed.status).toBe(1)
  const { incidents } = JSON.parse(listed.stdout)
  expect(incidents).toHaveLength(4)
  for (const { id, source } of incidents) {
    const { status, stderr } = await run('accept', id, '--note', 'agreed', '--by', 'mira')
    expect({ source, status }).toEqual({ source, status: source === 'domains' ? 2 : 0 })
    if (source === 'domains') expect(stderr).toContain('mend the source')
  }
  const audited = await client.query(
    `select actor, detail ->> 'check' as check from ingest.audit where action = 'incident.accept'`,
  )
  expect(audited.rowCount).toBe(3)
  const [{ id }] = incidents
  expect((await run('show', id)).stdout).toContain('stands out')
  expect((await run('show', '999999')).status).toBe(2)

  for (let window = 0; window < 2; window++) await pass(true)
  expect(await openSources()).toEqual(['domains'])
  const values = { event_type: { request_sent: 20, vanished: 1 } }
  await insertMinute(client, 'events', EVENTS, now, profileOf(21, { values }))
  await pass(true)
  expect(await openSources()).toEqual(['domains', 'events'])
  expect((await incidentsOf('events')).at(-1)).toMatchObject({ cause: 'vanished' })
  expect((await run('list', '--closed', '--source', 'events')).stdout).toContain('teleported')
})

test('a dataset that waits at its source is an incident of its own, and a silent source is none of its datasets', async () => {
  const told = (at: number) =>
    client.query(
      `insert into ingest.freshness (source, dataset, epoch, told_at, schema_version, key_id,
         refused, behind, lag_told_at)
       select 'normal', l.dataset, 'e', now(), 'v1', 'k', 0, make_interval(secs => l.behind), $1
       from (values ('${EVENTS}', 2000), ('dx_company_entities_v1', 5)) as l (dataset, behind)
       on conflict (source, dataset) do update set lag_told_at = excluded.lag_told_at`,
      [iso(at)],
    )
  await told(now + WINDOW_MS)
  await pass(false)
  const late = [{ dataset: EVENTS, check: 'lag', severity: 'page', isOpen: true, cause: null }]
  expect(await incidentsOf('normal')).toEqual(late)
  // Told an hour ago: its heartbeats say so, or nobody does.
  await told(now - HOUR_MS)
  await pass(false)
  expect(await incidentsOf('normal')).toEqual(late)
})

test('a check that was dismissed three times asks to be changed, with the command, and is', async () => {
  const run = (...args: string[]) => runIngest(args, { HQ_DATABASE_URL: hq.url })
  const list = async () => (await run('incidents', 'list')).stdout
  const dismissed = async () => JSON.parse((await run('incidents', 'list', '--json')).stdout)
  expect(await list()).not.toContain('dismissed')
  await client.query(
    `insert into ingest.incident (began_at, opened_at, last_failed_at, told_at, closed_at,
       accepted_at, size, source, dataset, check_name, severity, accepted_by, note, evidence)
     select began_at, opened_at, last_failed_at, told_at, closed_at, accepted_at, 2, source, dataset,
       check_name, severity, accepted_by, note, evidence
     from ingest.incident, generate_series(1, 2)
     where source = 'operation' and accepted_at is not null`,
  )
  const [asking] = (await dismissed()).dismissed
  expect(asking).toMatchObject({ source: 'operation', check: 'volume', times: 3, size: 2 })
  expect(await list()).toContain(`incidents tolerate ${asking.id} --up-to SIZE --note WHY`)
  const finding =
    /warn +dismissed-checks +volume of dx_operation_runs_v1 of operation was dismissed/
  expect((await run('doctor')).stdout).toMatch(finding)
  const change = ['incidents', 'tolerate', asking.id, '--up-to', '2']
  expect((await run(...change)).status).toBe(2)
  expect((await run(...change, '--note', 'it rests at night', '--by', 'mira')).status).toBe(0)
  expect(await list()).not.toContain('dismissed')
  const { rows } = await client.query(
    `select changed_by, size from ingest.quality_tolerance where check_name = 'volume'`,
  )
  expect(rows).toEqual([{ changed_by: 'mira', size: 2 }])
})

test('a week is kept as a digest: its incidents, and checks that never fired or only falsely', async () => {
  const { rows } = await client.query(
    `select week, digest from ingest.quality_digest where source = 'normal'`,
  )
  const WEEK_MS = 7 * DAY_MS
  expect(rows).toHaveLength(1)
  expect(rows[0].digest).toMatchObject({ incidents: [], firedFalsely: [] })
  const volumes = { dataset: 'dx_operation_runs_v1', check: 'volume' }
  expect(rows[0].digest.neverFired).toContainEqual(volumes)
  // Of this week what is known so far.
  const day = iso(now).slice(0, 10)
  const shown = await runIngest(['quality', '--week', day, '--format', 'json'], {
    HQ_DATABASE_URL: hq.url,
  })
  expect(shown.status).toBe(0)
  const { digests } = JSON.parse(shown.stdout)
  const of = (source: string) =>
    digests.find((digest: { source: string }) => digest.source === source)
  expect(of('operation').firedFalsely).toEqual([])
  expect(of('events').incidents.length).toBeGreaterThan(2)
  const text = await runIngest(['quality', '--week', day, '--source', 'domains'], {
    HQ_DATABASE_URL: hq.url,
  })
  expect(text.stdout).toMatch(/incident +\d+ page null_rate.canonical_domain/)
  expect(text.stdout).toMatch(/never fired +volume of dx_operation_runs_v1/)
  // Once it is over it is kept, whoever looks how often.
  await client.query('update ingest.roll_up set through = $1', [iso(now + 2 * WEEK_MS)])
  // Judged as it went, but for its last hour.
  await client.query('update ingest.quality_progress set judged_through = $1', [
    iso(now + WEEK_MS - HOUR_MS),
  ])
  await evaluateQuality(client, now + WEEK_MS)
  await evaluateQuality(client, now + WEEK_MS)
  const kept = await client.query(
    `select count(*)::int as weeks from ingest.quality_digest where source = 'events'`,
  )
  expect(kept.rows).toEqual([{ weeks: 2 }])
})
