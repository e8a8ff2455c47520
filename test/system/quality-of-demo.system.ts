import { installHistory } from '@hq-export/demo/history/install-history.ts'
import {
  FAILING_PROVIDER,
  type Fault,
  NEW_EVENT_TYPE,
  STOPPED_OPERATION,
} from '@hq-export/demo/workload/population/faults.ts'
import { Workload } from '@hq-export/demo/workload/workload.ts'
import { connectWriter } from '@hq-export/hq-ingest/db/connect.ts'
import { gatewayLocks } from '@hq-export/hq-ingest/db/own-locks.ts'
import { mergeProfiles } from '@hq-export/hq-ingest/profile/merge-profiles.ts'
import type { Profile } from '@hq-export/hq-ingest/profile/profile.ts'
import { rollUp } from '@hq-export/hq-ingest/profile/roll-up.ts'
import { evaluateQuality } from '@hq-export/hq-ingest/quality/evaluate/evaluate-quality.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertBeat, insertHours, insertMinute } from '../support/quality/insert-past.ts'
import { waitFor } from '../support/wait-for.ts'

/*
 * The demo's application on the real pipeline, a quarter of an hour at a time. Time is what the test
 * says: what was just rolled up is moved into the window that it stands for, long ago, and windows
 * of before are repeated as the four weeks before them.
 */

const SOURCE = 'data-engine-x'
const WINDOW_MS = 15 * 60_000
const HOUR_MS = 4 * WINDOW_MS
const DAY_MS = 24 * HOUR_MS
const HISTORY_DAYS = 28
const ROWS_PER_WINDOW = 6_000
/** Seen before anything is judged. */
const USUAL_WINDOWS = 8
const START = Math.floor(Date.now() / DAY_MS) * DAY_MS - 40 * DAY_MS + 8 * HOUR_MS

let pipeline: Pipeline
let client: pg.Client
let now = START
let windows = 0
let realStart = ''

const iso = (time: number) => new Date(time).toISOString()

beforeAll(async () => {
  pipeline = await Pipeline.create()
  await pipeline.startGateway()
  pipeline.startRelay()
  await installHistory(pipeline.dx)
  client = await connectWriter(pipeline.hqDatabase.url)
  // The gateway judges by HQ's own clock, and leaves it to whoever has the lock.
  await waitFor('the gateway not to judge', async () => {
    return (await gatewayLocks.take(client, 'quality')).key !== undefined
  })
  const { rows } = await client.query<{ now: string }>(
    'select date_trunc($1, now())::text as now',
    ['minute'],
  )
  realStart = rows[0]?.now ?? ''
})
afterAll(async () => {
  await client.end()
  await pipeline[Symbol.asyncDispose]()
})

/** Lets the application work, and says what HQ got of it, by dataset. */
async function work(...faults: Fault[]): Promise<Map<string, Profile>> {
  let failure: unknown
  const workload = new Workload({
    url: pipeline.dxDatabase.url,
    seed: ++windows,
    rowsPerSecond: 4_000,
    faults: new Set(faults),
    onFailure: (error) => {
      failure = error
    },
  })
  workload.start()
  await waitFor('the application to have worked', () => {
    if (failure !== undefined) throw failure
    return workload.tally.committedRows >= ROWS_PER_WINDOW
  })
  await workload.stop()
  await pipeline.settled()
  await waitFor('a roll-up of ours', async () => (await rollUp(client)) !== undefined)
  const { rows } = await client.query<{ dataset: string; profile: Profile }>(
    'delete from ingest.minute where minute >= $1::timestamptz returning dataset, profile',
    [realStart],
  )
  const profiles = new Map<string, Profile>()
  for (const { dataset, profile } of rows) {
    profiles.set(
      dataset,
      mergeProfiles([profile, ...[profiles.get(dataset)].flatMap((p) => p ?? [])]),
    )
  }
  return profiles
}

async function pass(...faults: Fault[]): Promise<void> {
  for (const [dataset, profile] of await work(...faults)) {
    await insertMinute(client, SOURCE, dataset, now + WINDOW_MS - 60_000, profile)
  }
  await insertBeat(client, SOURCE, now + WINDOW_MS - 30_000)
  now += WINDOW_MS
  await evaluateQuality(client, now)
}

async function incidents() {
  const { rows } = await client.query<{
    dataset: string
    check: string
    open: boolean
    cause: string
  }>(
    `select dataset, check_name as check, closed_at is null as open,
       evidence -> 'worst' -> 0 ->> 'name' as cause
     from ingest.incident where check_name <> 'lag' order by id`,
  )
  return rows
}

test('four weeks and an hour of the normal workload give no incident', async () => {
  // The ledger of that time, for its heartbeats.
  await client.query(`create table ingest.batch_of_then (like ingest.batch including all);
    alter table ingest.batch attach partition ingest.batch_of_then
      for values from ('${iso(START - DAY_MS)}') to ('${iso(START + 5 * DAY_MS)}')`)
  const usual: Map<string, Profile>[] = []
  while (usual.length < USUAL_WINDOWS) usual.push(await work())
  const hours: { hour: string; dataset: string; profile: Profile }[] = []
  for (let hour = START - HISTORY_DAYS * DAY_MS; hour < START; hour += HOUR_MS) {
    const of = [0, 1, 2, 3].map((quarter) => usual[(hours.length * 5 + quarter * 3) % usual.length])
    for (const dataset of usual[0]?.keys() ?? []) {
      const profile = mergeProfiles(of.flatMap((each) => each?.get(dataset) ?? []))
      hours.push({ hour: iso(hour), dataset, profile })
    }
  }
  await insertHours(client, SOURCE, hours)
  await client.query('delete from ingest.quality_progress')
  await client.query(
    `insert into ingest.quality_progress
       (source, dataset, since, hours_through, judged_through, reported_through)
     select distinct source, dataset, $1::timestamptz, $2::timestamptz, $2::timestamptz, $2::date
     from ingest.quality_hour`,
    [iso(START - HISTORY_DAYS * DAY_MS), iso(START)],
  )
  for (let window = 0; window < 4; window++) await pass()
  expect(await incidents()).toEqual([])
}, 300_000)

test.each([
  ['failing-provider', 'dx_operation_runs_v1', 'status', FAILING_PROVIDER],
  ['null-domains', 'dx_company_entities_v1', 'null_rate.canonical_domain', 'canonical_domain'],
  ['new-event-type', 'dx_operation_events_v1', 'open_set.event_type', NEW_EVENT_TYPE],
  ['stopped-operation', 'dx_operation_runs_v1', 'volume', STOPPED_OPERATION],
] as const)(
  '%s: one incident within two windows, which names the cause, and closes after it',
  async (fault, dataset, check, cause) => {
    const before = (await incidents()).length
    await pass(fault)
    await pass(fault)
    expect((await incidents()).slice(before)).toEqual([{ dataset, check, open: true, cause }])
    await pass()
    await pass()
    expect((await incidents()).slice(before)).toEqual([{ dataset, check, open: false, cause }])
  },
  120_000,
)
