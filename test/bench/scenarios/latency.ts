import type pg from 'pg'
import { COMMITS_PER_S, type LatencyRound, measureLatency } from '../latency-round.ts'
import { measureOf, ratioOf } from '../measure/measure-of.ts'
import { median } from '../measure/median.ts'
import { NATIVE } from '../native/drain-native.ts'
import { NativeReplication } from '../native/native-replication.ts'
import { install } from '../programs/install.ts'
import { averageBodyBytes } from '../programs/outbox.ts'
import { startPipeline } from '../programs/pipeline.ts'
import { settleServers, startServers } from '../programs/servers.ts'
import type { BenchOptions, Measurement, Scenario } from '../scenario.ts'
import { EVENTS_DATASET, emptyEvents } from '../workload/drain-events.ts'

/** Until the pipeline sleeps for the first time, and caches are warm. */
const WARM_UP_S = 2

async function countBatches(hq: pg.ClientBase): Promise<number> {
  const { rows } = await hq.query<{ count: number }>('select count(*)::int from ingest.batch')
  return rows[0]?.count ?? 0
}

async function run(options: BenchOptions): Promise<Measurement> {
  const { seconds, repeat, report, signal } = options
  await using servers = await startServers({ track_commit_timestamp: 'on' })
  await install(servers, [EVENTS_DATASET])
  let rowBytes = 0
  const cyclesMs: number[] = []

  async function measureBoth(tables: {
    readonly dx: string
    readonly hq: string
  }): Promise<LatencyRound> {
    await measureLatency(servers, options, tables, WARM_UP_S)
    return measureLatency(servers, options, tables, seconds)
  }

  async function runOurs(): Promise<LatencyRound> {
    await emptyEvents(servers)
    await settleServers(servers)
    await using pipeline = await startPipeline(servers, options)
    const round = await measureBoth({ dx: 'ops.operation_events', hq: `hq.${EVENTS_DATASET}` })
    pipeline.assertWell()
    rowBytes = Math.round(await averageBodyBytes(servers.dx.client))
    cyclesMs.push(((seconds + WARM_UP_S) * 1000) / (await countBatches(servers.hq.client)))
    return round
  }

  async function runNative(): Promise<LatencyRound> {
    await using native = new NativeReplication(servers, EVENTS_DATASET)
    await native.prepare()
    await settleServers(servers)
    await native.start(signal)
    const round = await measureBoth({ dx: native.table, hq: native.table })
    await native.assertWell()
    return round
  }

  const rounds: { ours: LatencyRound[]; native: LatencyRound[] } = { ours: [], native: [] }
  for (let round = 0; round < repeat; round++) {
    const sides = [
      { name: 'ours', run: runOurs },
      { name: 'native', run: runNative },
    ] as const
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      const measured = await side.run()
      rounds[side.name].push(measured)
      report(
        `${side.name.padEnd(7)} p50 ${measured.p50.toFixed(1)} ms, p99 ${measured.p99.toFixed(1)} ms, max ${measured.max.toFixed(1)} ms`,
      )
    }
  }
  const measure = (name: string, value: (round: LatencyRound) => number) =>
    measureOf({
      name,
      unit: 'ms',
      digits: 2,
      ours: rounds.ours.map(value),
      anchor: { name: NATIVE, values: rounds.native.map(value) },
    })
  const p50 = measure('p50_ms', (round) => round.p50)
  const p99 = measure('p99_ms', (round) => round.p99)
  const worst = (all: readonly LatencyRound[], value: (round: LatencyRound) => number) =>
    Math.max(...all.map(value)).toFixed(1)
  return {
    rows: COMMITS_PER_S * seconds,
    rowBytes,
    postgresql: servers.version,
    measures: [p50, p99],
    notes: [
      `ours against native: p50 ${ratioOf(p50)}, p99 ${ratioOf(p99)}`,
      `${COMMITS_PER_S} commits/s of one event each for ${seconds} s, at random moments of their 5 ms slots`,
      "from the source's commit timestamp, taken before its flush, until a session of HQ sees the row; it looks every 1 ms, on both sides",
      `ours sent a batch every ${median(cyclesMs).toFixed(1)} ms`,
      `slowest row: ours ${worst(rounds.ours, ({ max }) => max)} ms, anchor ${worst(rounds.native, ({ max }) => max)} ms`,
      `the driver was behind its pace by at most: ours ${worst(rounds.ours, (r) => r.worstDelayMs)} ms, anchor ${worst(rounds.native, (r) => r.worstDelayMs)} ms`,
    ],
  }
}

/** How long a single committed event takes until HQ shows it. */
export const latency: Scenario = {
  name: 'latency',
  summary: 'commit until visible in HQ at 200 commits/s, against logical replication',
  size: { seconds: 60 },
  run,
}
