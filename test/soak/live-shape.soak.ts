import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DATASETS } from '@hq-export/contract'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { percentile } from '../bench/measure/percentile.ts'
import { expectEqualSides, expectSnapshotsInHq } from '../support/equal-sides.ts'
import { allSettled } from '../support/live-shape/all-settled.ts'
import { fillLiveShape, LARGE_LIVE_SHAPE } from '../support/live-shape/fill-live-shape.ts'
import { installLiveShape } from '../support/live-shape/install-live-shape.ts'
import { writeLiveBinding } from '../support/live-shape/live-databases.ts'
import { insertLiveOrg } from '../support/live-shape/live-rows.ts'
import { castLiveShape, type LiveCast, LiveSystem } from '../support/live-shape/live-system.ts'
import { type Beat, Pulse } from '../support/live-shape/pulse.ts'
import { AppProcess, runApp } from '../support/programs/app-process.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { createEmptyDxDatabase } from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'

const BACKFILL = ['backfill', '--dataset', 'all', '--json']
const BULK_ROWS = 45_000
const PULSES_PER_S = 50
const MAX_P99_MS = 2_000
/**
 * The settle delay is a constant of the rows' own clock; a minute of it shows nothing that a second
 * does not.
 */
const SETTLE_SECONDS = 1
const KILLS = 6
const BACKFILL_TIMEOUT_MS = 600_000

let folder: string
let pipeline: Pipeline
let cast: LiveCast

/** A live database that was there before us, of full size; only then what we install. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hq-export-live-'))
  const dxDatabase = await createEmptyDxDatabase()
  pipeline = await Pipeline.create({ dxDatabase })
  await installLiveShape(pipeline.dx)
  await fillLiveShape(pipeline.dx, LARGE_LIVE_SHAPE)
  cast = await castLiveShape(pipeline.dx)
  await dxMigrations.apply(dxDatabase.url)
  await bind(dxDatabase.url, await writeLiveBinding(join(folder, 'live.json'), SETTLE_SECONDS))
  await pipeline.startGateway()
})

afterEach(async () => {
  await pipeline[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** @returns 99th percentile of the changes sent in this time, in ms. */
function sayLatency(when: string, beats: readonly Beat[], from: number, to: number): number {
  const latencies = beats
    .filter(({ sentAt }) => sentAt >= from && sentAt < to)
    .map(({ sentAt, seenAt }) => seenAt - sentAt)
  const [p50, p99, max] = [50, 99, 100].map((percent) => Math.round(percentile(latencies, percent)))
  say(`${latencies.length} pulses ${when}: p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`)
  return p99 ?? Number.NaN
}

interface Recorded {
  readonly state: string
  readonly scanned: number
  readonly estimated: number
}

async function recorded(): Promise<Recorded> {
  const { rows } = await pipeline.dx.query<Recorded>(
    `select b.state, s.scanned, s.estimated from hq_export.backfill b cross join lateral (
       select sum((p->>'scanned')::int)::int as scanned,
         sum((p->>'estimated')::int)::int as estimated
       from jsonb_array_elements(b.progress->'passes') p) s
     order by b.id desc limit 1`,
  )
  return rows[0] ?? { state: 'none', scanned: 0, estimated: 0 }
}

/**
 * Waits until the checkpoint of a backfill that this program works on or follows has passed this
 * part of it.
 */
async function progressBeyond(part: number, program: AppProcess): Promise<Recorded> {
  return waitFor(
    `a checkpoint beyond ${part} of it`,
    async () => {
      program.assertRunning()
      const now = await recorded()
      if (now.state === 'completed') throw new Error(`it is over before ${part} of it was seen`)
      return now.estimated > 0 && now.scanned > part * now.estimated && now
    },
    BACKFILL_TIMEOUT_MS,
  )
}

async function countHq(relation: string, where = 'true'): Promise<number> {
  const { rows } = await pipeline.hq.query<{ count: number }>(
    `select count(*)::int as count from ${relation} where ${where}`,
  )
  return rows[0]?.count ?? 0
}

/**
 * Everything that identifies the versions of rows which HQ's tables hold, in one number for each:
 * any write changes it.
 */
async function digestHq(): Promise<Record<string, string>> {
  const digests: Record<string, string> = {}
  for (const { name } of DATASETS) {
    const { rows } = await pipeline.hq.query<{ digest: string }>(
      `select count(*) || '/'
         || coalesce(sum(hashtextextended(concat_ws(' ', ctid, xmin, _dx_batch), 0)), 0) as digest
       from hq.${name}`,
    )
    digests[name] = rows[0]?.digest ?? ''
  }
  return digests
}

/**
 * Both sides are equal but for the tenants that left, nothing was refused, and what was deleted is
 * marked.
 */
async function expectAllArrived(leftIds: readonly string[]): Promise<number> {
  const stayed = `r.org_id <> all ('{${leftIds.join(',')}}'::uuid[])`
  await expectEqualSides(pipeline.dx, pipeline.hq, stayed)
  const snapshots = await expectSnapshotsInHq(pipeline.dx, pipeline.hq, stayed)
  const letters = await pipeline.dx.query(
    'select dataset, reason, detail from hq_export.dead_letter limit 5',
  )
  expect(letters.rows).toEqual([])
  expect(await countHq('ingest.quarantine')).toBe(0)
  const doomed = cast.doomed.map(({ entityId }) => entityId).join(',')
  expect(
    await countHq(
      'hq.dx_company_entities_v1',
      `entity_id = any ('{${doomed}}') and _dx_deleted_at is not null`,
    ),
  ).toBe(cast.doomed.length)
  return snapshots
}

/**
 * The entities of a tenant that left are deleted in HQ, and this many of its runs and events are
 * there for good.
 */
async function expectLeft(
  orgId: string,
  kept: { readonly entities: number; readonly runs: number; readonly events: number },
): Promise<void> {
  const of = `org_id = '${orgId}'`
  let entities = 0
  for (const type of ['company', 'person']) {
    entities += await countHq(`hq.dx_${type}_entities_v1`, `${of} and _dx_deleted_at is not null`)
    expect(await countHq(`hq.dx_${type}_entities_v1`, `${of} and _dx_deleted_at is null`)).toBe(0)
  }
  const runs = await countHq('hq.dx_operation_runs_v1', of)
  const events = await countHq('hq.dx_operation_events_v1', of)
  expect({ entities, runs, events }).toEqual(kept)
}

test('a live system of full size arrives as a whole while it works on, its changes within two seconds, and twice changes nothing', async () => {
  const relay = pipeline.startRelay()
  const pulseOrgId = await insertLiveOrg(pipeline.dx)
  await using system = await LiveSystem.start(pipeline.dxDatabase, cast)
  await using pulse = new Pulse(
    await pipeline.dxDatabase.connect(),
    await pipeline.hqDatabase.connect(),
    pulseOrgId,
    PULSES_PER_S,
  )
  const beganAt = performance.now()
  await using command = new AppProcess('outbox-relay', BACKFILL, pipeline.relayEnv)
  let endedAt = Number.NaN
  const over = command.exited().then(() => {
    endedAt = performance.now()
  })
  await progressBeyond(0.05, command)
  await system.deleteSome()
  const leaverRuns = await system.deleteLeaver()
  const { scanned } = await progressBeyond(0.5, command)
  const bulkAt = performance.now()
  await system.bulkIngest(BULK_ROWS)
  await over
  expect(command.exitCode).toBe(0)
  relay.assertRunning()
  await system.stop()
  await pulse.stop()
  await allSettled(pipeline)

  const { counts } = JSON.parse(command.lines.at(-1) ?? '')
  const seconds = (endedAt - beganAt) / 1000
  say(`backfill: ${JSON.stringify(counts)} in ${seconds.toFixed(1)} s`)
  say(`live writes: ${JSON.stringify(system.counts)}, the bulk from ${scanned} scanned rows on`)
  const calm = sayLatency('beside the backfill', pulse.beats, beganAt, bulkAt)
  const behindBulk = sayLatency(
    'beside the backfill and behind the bulk',
    pulse.beats,
    bulkAt,
    endedAt,
  )

  const snapshots = await expectAllArrived([cast.leaverId])
  await expectLeft(cast.leaverId, { entities: 2_000, runs: leaverRuns, events: leaverRuns })
  for (const { name } of DATASETS) say(`hq.${name}: ${await countHq(`hq.${name}`)} rows`)
  say(`${snapshots} snapshots shown by the source`)

  // Also a tenant that was there long before us, once everything of it is in HQ.
  const [orgId] = cast.orgIds
  if (orgId === undefined) throw new Error('tenants')
  const of = `org_id = '${orgId}'`
  const kept = {
    entities:
      (await countHq('hq.dx_company_entities_v1', of)) +
      (await countHq('hq.dx_person_entities_v1', of)),
    runs: await countHq('hq.dx_operation_runs_v1', of),
    events: await countHq('hq.dx_operation_events_v1', of),
  }
  await pipeline.dx.query(`begin; delete from ops.operation_runs where ${of};
    delete from ops.orgs where id = '${orgId}'; commit`)
  await allSettled(pipeline)
  await expectLeft(orgId, kept)
  await expectAllArrived([cast.leaverId, orgId])
  say(`a tenant left: ${JSON.stringify(kept)}`)

  const before = await digestHq()
  const again = await runApp('outbox-relay', BACKFILL, pipeline.relayEnv)
  expect(again.exitCode).toBe(0)
  expect(await digestHq()).toEqual(before)
  const repeated = JSON.parse(again.stdout)
  expect(repeated.counts.duplicate).toBe(repeated.counts.received)
  say(`again: ${JSON.stringify(repeated.counts)} in ${repeated.active_s} s`)
  expect(calm).toBeLessThan(MAX_P99_MS)
  expect(behindBulk).toBeLessThan(MAX_P99_MS)
})

test('I1, I3: a relay that is killed again and again in the midst of a backfill of full size loses and doubles nothing', async () => {
  let relay = pipeline.startRelay()
  const command = new AppProcess(
    'outbox-relay',
    ['backfill', '--dataset', 'all'],
    pipeline.relayEnv,
  )
  await using system = await LiveSystem.start(pipeline.dxDatabase, cast)
  await progressBeyond(0, relay)
  // It would execute the backfill by itself while no relay leads.
  await command.kill()
  const killedAt: number[] = []
  for (let kill = 1; kill <= KILLS; kill++) {
    const { scanned, estimated } = await progressBeyond((0.9 * kill) / KILLS, relay)
    await relay.kill()
    killedAt.push(Math.round((100 * scanned) / estimated))
    if (kill === 2) await system.deleteSome()
    if (kill === 3) await system.bulkIngest(BULK_ROWS / 3)
    if (kill === 4) await system.deleteLeaver()
    relay = pipeline.startRelay()
  }
  await waitFor(
    'the end of the backfill',
    async () => (await recorded()).state === 'completed',
    BACKFILL_TIMEOUT_MS,
  )
  relay.assertRunning()
  await system.stop()
  await allSettled(pipeline)
  const snapshots = await expectAllArrived([cast.leaverId])
  const { scanned } = await recorded()
  say(`relay killed ${KILLS} times, at ${killedAt.join(', ')} %; ${scanned} rows scanned`)
  say(`live writes: ${JSON.stringify(system.counts)}; ${snapshots} snapshots shown by the source`)
  // What HQ holds now is what a backfill without a kill would leave.
  const before = await digestHq()
  expect(await runApp('outbox-relay', BACKFILL, pipeline.relayEnv)).toMatchObject({
    exitCode: 0,
  })
  expect(await digestHq()).toEqual(before)
})
