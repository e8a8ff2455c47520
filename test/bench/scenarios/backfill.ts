import {
  compareDrains,
  cpuMeasures,
  drainNotes,
  memoryMeasures,
  rateMeasure,
} from '../drain-comparison.ts'
import { type OurRound, pipelineClocks } from '../drain-ours.ts'
import { type LatencyRound, measureLatency } from '../latency-round.ts'
import { assertCount } from '../measure/assert-count.ts'
import { cpuPerRow, readCpu } from '../measure/cpu-time.ts'
import { measureOf } from '../measure/measure-of.ts'
import { pollUntil } from '../measure/poll-until.ts'
import { install } from '../programs/install.ts'
import { neutralEnvironment, startPipeline } from '../programs/pipeline.ts'
import { Program } from '../programs/program.ts'
import { type BenchServers, settleServers, startServers } from '../programs/servers.ts'
import type { BenchOptions, Measurement, Scenario } from '../scenario.ts'
import {
  drainEvents,
  EVENTS_DATASET,
  type EventsRound,
  emptyEvents,
} from '../workload/drain-events.ts'
import { insertEvents, insertRuns } from '../workload/operation-events.ts'

/** Live changes while the backfill runs. */
const LIVE_COMMITS_PER_S = 50
/** The live changes end before the backfill does, if it is not faster than this. */
const FASTEST_ROWS_PER_S = 50_000
const MIN_LIVE_S = 3
/** Slowest backfill that is waited for. */
const MIN_ROWS_PER_S = 500
const MIN_TIMEOUT_MS = 60_000
const POLL_MS = 25
const ANCHOR = 'drain-append of the same rows, captured'

const RECORD = /* sql */ `
select b.state, (b.progress->>'activeMs')::float8 as active_ms,
       coalesce((b.progress #>> '{passes,0,scanned}')::int, 0) as scanned
from hq_export.backfill b order by b.id desc limit 1`

interface BackfillRow {
  readonly state: string
  readonly active_ms: number
  readonly scanned: number
}

/** How one backfill went, and the live changes made during another one of the same rows. */
interface BackfillRound extends OurRound {
  readonly live: LatencyRound
  /** Whether that one was still under way when the last live change had arrived. */
  readonly isOutlived: boolean
}

/** Rows that were there before anything captured them. */
async function insertUncaptured(
  servers: BenchServers,
  options: BenchOptions,
  rows: number,
): Promise<void> {
  const { client } = servers.dx
  await emptyEvents(servers)
  await client.query("set hq_export.disabled = 'on'")
  await insertEvents(client, rows, options)
  await client.query('reset hq_export.disabled; truncate hq_export.capture_gap')
  await settleServers(servers)
}

/**
 * Backfills the events with new programs: by the relay, as the operator's command asks it to.
 * @param meanwhile runs once the first rows are settled.
 */
async function backfillEvents<T>(
  servers: BenchServers,
  options: BenchOptions,
  rows: number,
  meanwhile: (look: () => Promise<BackfillRow | undefined>) => Promise<T>,
): Promise<{ readonly round: OurRound; readonly found: T }> {
  const { dx } = servers
  const { signal, env } = options
  await using pipeline = await startPipeline(servers, options)
  const { relay, gateway } = pipeline
  const clocks = pipelineClocks(servers, pipeline)
  const before = await readCpu(clocks)
  await using _command = new Program({
    name: 'backfill',
    entry: 'apps/outbox-relay/src/main.ts',
    args: ['backfill', '--dataset', EVENTS_DATASET, '--json'],
    env: { ...neutralEnvironment(env), DX_DATABASE_URL: dx.url },
    profileFolder: undefined,
  })
  const look = async () => (await dx.client.query<BackfillRow>(RECORD)).rows[0]
  function recorded(what: string, is: (row: BackfillRow) => boolean): Promise<BackfillRow> {
    return pollUntil({
      what: `the backfill ${what}`,
      everyMs: POLL_MS,
      timeoutMs: Math.max(MIN_TIMEOUT_MS, (rows / MIN_ROWS_PER_S) * 1000),
      signal,
      probe: async () => {
        pipeline.assertWell()
        const row = await look()
        return row !== undefined && is(row) ? row : undefined
      },
    })
  }
  await recorded('to begin', ({ scanned }) => scanned > 0)
  const found = await meanwhile(look)
  const { active_ms } = await recorded('to be completed', ({ state }) => state === 'completed')
  const round = {
    rowsPerSecond: (rows * 1000) / active_ms,
    cpu: cpuPerRow(before, await readCpu(clocks), rows),
    relayMb: await relay.memory.megabytes(),
    gatewayMb: await gateway.memory.megabytes(),
    sentRows: rows,
  }
  await dx.client.query('truncate hq_export.backfill')
  return { round, found }
}

async function run(options: BenchOptions): Promise<Measurement> {
  const { rows, report } = options
  await using servers = await startServers({ track_commit_timestamp: 'on' })
  const { dx, hq } = servers
  await install(servers, [EVENTS_DATASET])
  await insertRuns(dx.client, rows)
  const tables = { dx: 'ops.operation_events', hq: `hq.${EVENTS_DATASET}` }
  const liveSeconds = Math.max(MIN_LIVE_S, Math.floor(rows / FASTEST_ROWS_PER_S))
  let rowBytes = 0

  async function runOurs(): Promise<BackfillRound> {
    await insertUncaptured(servers, options, rows)
    const { round } = await backfillEvents(servers, options, rows, async () => {})
    await assertCount(hq.client, tables.hq, rows)

    await hq.client.query(`truncate ${tables.hq}, ingest.batch`)
    await settleServers(servers)
    const { found } = await backfillEvents(servers, options, rows, async (look) => {
      const live = await measureLatency(servers, options, tables, liveSeconds, LIVE_COMMITS_PER_S)
      return { live, isOutlived: (await look())?.state === 'running' }
    })
    await assertCount(hq.client, tables.hq, rows + liveSeconds * LIVE_COMMITS_PER_S)
    const { p50, p99, max } = found.live
    report(`live    p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`)
    return { ...round, ...found }
  }
  async function runAnchor(): Promise<EventsRound> {
    const round = await drainEvents(servers, options, rows)
    rowBytes = round.rowBytes
    return round
  }

  const { ours, anchors } = await compareDrains(options, runOurs, runAnchor)
  const live = (name: string, value: (round: LatencyRound) => number) =>
    measureOf({ name, unit: 'ms', digits: 2, ours: ours.map((round) => value(round.live)) })
  return {
    rows,
    rowBytes,
    postgresql: servers.version,
    measures: [
      rateMeasure('rows_per_s', ours, anchors, ANCHOR),
      ...cpuMeasures(ours, anchors, ANCHOR),
      ...memoryMeasures(ours, anchors, ANCHOR),
      live('p50_ms', ({ p50 }) => p50),
      live('p99_ms', ({ p99 }) => p99),
    ],
    notes: [
      'rows_per_s: by the time that the backfill records, from its first read until every row was settled in HQ',
      `p50_ms, p99_ms: of live changes, ${LIVE_COMMITS_PER_S} commits/s of one event each for ${liveSeconds} s, during a second backfill of the same rows`,
      ours.every(({ isOutlived }) => isOutlived)
        ? 'that backfill outlived the live changes: all of them met it'
        : 'that backfill ended before the last live change: not all of them met it',
      ...drainNotes({ ours, anchors }, ANCHOR).filter((note) => note.startsWith('CPU')),
    ],
  }
}

/** A table that was there before us, by the initial load; live changes go on. */
export const backfill: Scenario = {
  name: 'backfill',
  summary:
    'events that were never captured, by the relay beside live changes, against draining them',
  size: { rows: 1_000_000 },
  run,
}
