import { connectWriter } from '@hq-export/hq-ingest/db/connect.ts'
import type { Profile } from '@hq-export/hq-ingest/profile/profile.ts'
import { evaluateQuality } from '@hq-export/hq-ingest/quality/evaluate/evaluate-quality.ts'
import {
  printHtml,
  printJunit,
  printReportsJson,
  printText,
} from '@hq-export/hq-ingest/quality/report/print-day.ts'
import {
  type DayReport,
  judgementOf,
  readDay,
} from '@hq-export/hq-ingest/quality/report/read-day.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertBeat, insertHours, insertMinute } from '../../support/quality/insert-past.ts'
import { profileOf, runsOf } from '../../support/quality/profiles.ts'
import { workload } from '../../support/quality/workload.ts'
import { seededRandom } from '../../support/random.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'

/*
 * The day as a report: today so far, a day that is over, and one of which something is not in yet.
 */

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const RUNS = 'dx_operation_runs_v1'
const EVENTS = 'dx_operation_events_v1'
const COMPANIES = 'dx_company_entities_v1'
const ORG = '00000000-0000-4000-8000-000000000001'
/** A midnight; its month and the day before it are the ledger's. */
const TODAY = Math.floor(Date.now() / DAY_MS) * DAY_MS

let hq: TestDatabase
let client: pg.Client

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await connectWriter(hq.url)
})
afterAll(async () => {
  await client?.end()
  await hq?.[Symbol.asyncDispose]()
})

const iso = (time: number) => new Date(time).toISOString()

async function rollUpTo(through: number): Promise<void> {
  await client.query('update ingest.roll_up set through = $1', [iso(through)])
}

async function insertHistory(source: string): Promise<void> {
  const random = seededRandom(2)
  const hours: { hour: string; dataset: string; profile: Profile }[] = []
  for (let hour = TODAY - 28 * DAY_MS; hour < TODAY; hour += HOUR_MS) {
    const profile = workload(random, 'none', 4)[RUNS]
    if (profile === undefined) throw new Error('the workload has runs')
    hours.push({ hour: iso(hour), dataset: RUNS, profile })
  }
  await insertHours(client, source, hours)
  await client.query(
    `insert into ingest.quality_progress
       (source, dataset, since, hours_through, judged_through, reported_through)
     values ($1, $2, $3, $4, $4, ($4::timestamptz at time zone 'UTC')::date)`,
    [source, RUNS, iso(TODAY - 28 * DAY_MS), iso(TODAY)],
  )
}

async function insertRun(source: string, run: number, at: number, events: readonly number[]) {
  const id = `00000000-0000-4000-8000-${String(run).padStart(12, '0')}`
  await client.query(
    `insert into hq.dx_operation_runs_v1 (export_schema_version, run_id, operation_id, action_id,
       entity_type, entity_id, org_id, status, attempt_count, started_at, created_at,
       _dx_xid, _dx_batch, _dx_source)
     values ('v1', $1, 'o', 'a', 'company', $1, $2, 'succeeded', 1, $3, $3, '1', 'b', $4)`,
    [id, ORG, iso(at), source],
  )
  for (const sequence of events) {
    await client.query(
      `insert into hq.dx_operation_events_v1 (export_schema_version, event_id, run_id, event_type,
         event_sequence, occurred_at, org_id, entity_type, entity_id, _dx_xid, _dx_batch,
         _dx_source)
       values ('v1', gen_random_uuid(), $1, 'request_sent', $2, $3, $4, 'company', $1, '1', 'b',
         $5)`,
      [id, sequence, iso(at), ORG, source],
    )
  }
}

const failuresOf = (reports: readonly DayReport[]) =>
  reports.flatMap(({ verdicts }) => verdicts.filter(({ verdict }) => verdict === 'fail'))

test('in the first hour of a day its rows count, and are no silence', async () => {
  await insertHistory('early')
  const random = seededRandom(3)
  for (const minute of [0, 15]) {
    const rows = workload(random)[RUNS]
    if (rows !== undefined)
      await insertMinute(client, 'early', RUNS, TODAY + minute * MINUTE_MS, rows)
  }
  const now = TODAY + 30 * MINUTE_MS
  await insertBeat(client, 'early', now - MINUTE_MS)
  await rollUpTo(now)
  const reports = await readDay(client, TODAY, now, { source: 'early' })
  expect(failuresOf(reports)).toEqual([])
  expect(reports).toMatchObject([{ dataset: RUNS, isFinal: false, isBehind: false }])
  expect(reports[0]?.profile.rows).toBeGreaterThan(400)
  expect(judgementOf(reports)).toBe('good')
})

test('a day that is over is not called good before all of it is summed up', async () => {
  const now = TODAY + 2 * DAY_MS
  await rollUpTo(TODAY + 20 * HOUR_MS)
  const reports = await readDay(client, TODAY, now, { source: 'early', dataset: RUNS })
  expect(reports).toMatchObject([{ isFinal: false, isBehind: true }])
  expect(judgementOf(reports.map((report) => ({ ...report, verdicts: [] })))).toBe('unknown')
  expect(printText(reports)).toContain('not all of it is summed up yet')
})

test('nothing is told of a day without rows, nor before the first roll-up', async () => {
  expect(judgementOf(await readDay(client, TODAY - 90 * DAY_MS, TODAY, { source: 'nobody' }))).toBe(
    'unknown',
  )
})

test('every format shows what failed, and names as they are', async () => {
  const profile = runsOf(['findEmail<&', 'byHunter', { succeeded: 1 }])
  await insertMinute(client, 'odd', RUNS, TODAY, { ...profile, negative: { cost_usd: 1 } })
  await rollUpTo(TODAY + HOUR_MS)
  const reports = await readDay(client, TODAY, TODAY + HOUR_MS, { source: 'odd' })
  expect(judgementOf(reports)).toBe('bad')
  expect(printText(reports)).toMatch(/FAIL\s+negative/)
  expect(printHtml(reports)).toContain('<td>negative</td><td>FAIL</td>')
  expect(printHtml(reports)).not.toContain('findEmail<&')
  expect(printJunit(reports)).toMatch(/<testcase name="negative"><failure message="[^"]+"/)
  expect(JSON.parse(printReportsJson(reports))).toMatchObject({
    judgement: 'bad',
    reports: [{ is_final: false, profile: { mix: { 'findEmail<&': { byHunter: {} } } } }],
  })
})

test('the events of the runs of a day are looked at in HQ itself, and kept with its report', async () => {
  const yesterday = TODAY - DAY_MS
  await insertMinute(client, 'gaps', EVENTS, yesterday, profileOf(5))
  await insertRun('gaps', 1, yesterday, [1, 2, 5])
  await insertRun('gaps', 2, yesterday + 23 * HOUR_MS, [0, 1])
  await insertRun('gaps', 3, yesterday, [])
  await insertRun('gaps', 4, yesterday - 1, [1, 9])
  await insertRun('gaps', 5, TODAY, [1, 9])
  await insertRun('other', 6, yesterday, [1, 9])
  await rollUpTo(TODAY + 2 * HOUR_MS)
  await evaluateQuality(client, TODAY + 2 * HOUR_MS)
  const kept = await client.query('select events from ingest.quality_report where source = $1', [
    'gaps',
  ])
  expect(kept.rows).toEqual([{ events: { runs: 3, withGaps: 1, missing: 2, withoutEvents: 1 } }])
  const reports = await readDay(client, yesterday, TODAY + DAY_MS, { source: 'gaps' })
  expect(reports).toMatchObject([{ isFinal: true, isBehind: false }])
  expect(failuresOf(reports)).toMatchObject([
    { check: 'sequence_gaps', value: 2, rows: 2, worst: [{ count: 1, of: 2 }] },
  ])
  const incidents = await client.query('select check_name from ingest.incident where source = $1', [
    'gaps',
  ])
  expect(incidents.rows).toEqual([{ check_name: 'sequence_gaps' }])
})

test('a day that cannot be read holds up no window', async () => {
  const before = TODAY + 2 * HOUR_MS
  const now = before + DAY_MS
  await client.query(`delete from ingest.minute where source <> 'gaps'`)
  await insertMinute(client, 'gaps', EVENTS, before, profileOf(5))
  await insertMinute(client, 'gaps', COMPANIES, before, profileOf(5))
  await rollUpTo(now)
  const other = await hq.connect()
  await other.query('begin')
  await other.query('lock table hq.dx_operation_events_v1 in access exclusive mode')
  await expect(evaluateQuality(client, now)).rejects.toMatchObject({ code: '55P03' })
  await other.query('rollback')
  const { rows } = await client.query(
    `select dataset, judged_through from ingest.quality_progress
     where source = 'gaps' and dataset <> 'dx_heartbeat_v1' order by dataset`,
  )
  expect(rows).toEqual(
    [COMPANIES, EVENTS].map((dataset) => ({ dataset, judged_through: new Date(now) })),
  )
  await evaluateQuality(client, now)
  const days = await client.query(
    `select count(*)::int as days from ingest.quality_report where source = 'gaps' and dataset = '${EVENTS}'`,
  )
  expect(days.rows).toEqual([{ days: 2 }])
})
