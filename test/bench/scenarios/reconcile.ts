import { waitUntilDrained } from '../drain.ts'
import type { ReconcileOutcome, ReconcileTask } from '../drivers/reconcile.ts'
import { type LatencyRound, measureLatency } from '../latency-round.ts'
import { programCpuMs, readCpu, serverCpuMs } from '../measure/cpu-time.ts'
import { measureOf, ratioOf } from '../measure/measure-of.ts'
import { median } from '../measure/median.ts'
import { PeakMemory } from '../measure/peak-memory.ts'
import { install } from '../programs/install.ts'
import { averageBodyBytes, isAcked, markEnd } from '../programs/outbox.ts'
import { type RunningGateway, SOURCE, startGateway, startRelay } from '../programs/pipeline.ts'
import { runDriver } from '../programs/run-driver.ts'
import { type BenchServer, type BenchServers, startServers } from '../programs/servers.ts'
import {
  type BenchOptions,
  type Measurement,
  type Scenario,
  WrongResultError,
} from '../scenario.ts'
import {
  eventKeys,
  fillBothSides,
  insertMoreEvents,
  type Md5Tool,
  md5Checksum,
} from '../workload/both-sides.ts'
import { EVENTS_DATASET } from '../workload/drain-events.ts'
import { insertRuns } from '../workload/operation-events.ts'

/** The part of the rows that are written between two comparisons, and compared by their keys. */
const CHANGED_PART = 100
/** Live changes, without a reconciliation and beside one. */
const LIVE_COMMITS_PER_S = 50
const LIVE_S = 10
/** Comparisons by key follow each other for so long, as in a relay, which goes on. */
const FOLLOW_S = 5
/** Slowest pass that is waited for. */
const MIN_ROWS_PER_S = 10_000
const MIN_TIMEOUT_S = 60
const ANCHOR = 'count and md5 of the text of every row, as data-diff 0.11.1 takes it'
const TABLES = { dx: 'ops.operation_events', hq: `hq.${EVENTS_DATASET}` }

/** Processor time by program, in ms. */
interface Cost {
  readonly source: number
  readonly hq: number
  readonly gateway: number
  /** Of the program that compares. */
  readonly relay: number
}

type SideMs = Readonly<Record<'source' | 'hq', number>>

interface ReconcileRound {
  readonly full: Cost
  readonly fullSeconds: number
  readonly follow: Cost
  readonly anchorMs: SideMs
  /** The same as reladiff takes it, which spends less on the form of a time. */
  readonly reladiffMs: SideMs
  readonly live: LatencyRound
  readonly liveAlone: LatencyRound
  readonly peakMb: number
  readonly gatewayMb: number
  readonly relayMb: number
}

const totalOf = ({ source, hq, gateway, relay }: Cost): number => source + hq + gateway + relay

function perPass({ source, hq, gateway, relay }: Cost, passes: number): Cost {
  return {
    source: source / passes,
    hq: hq / passes,
    gateway: gateway / passes,
    relay: relay / passes,
  }
}

/** Processor time of one server for one statement, in ms. */
async function statementCpuMs({ client, postmaster }: BenchServer, sql: string): Promise<number> {
  const before = await serverCpuMs(postmaster)
  await client.query(sql)
  return (await serverCpuMs(postmaster)) - before
}

async function run(options: BenchOptions): Promise<Measurement> {
  const { rows, repeat, report, signal } = options
  const changed = Math.ceil(rows / CHANGED_PART)
  const timeoutS = Math.max(MIN_TIMEOUT_S, rows / MIN_ROWS_PER_S)
  await using servers = await startServers({ track_commit_timestamp: 'on' })
  const { dx, hq } = servers
  await install(servers, [EVENTS_DATASET])
  await insertRuns(dx.client, rows + changed * repeat)
  const began = performance.now()
  await fillBothSides(servers, options)
  const filling = (performance.now() - began) / 1_000
  report(
    `${rows} rows on both sides after ${filling.toFixed(1)} s, ${Math.round(rows / filling)} rows/s`,
  )
  await using gateway = await startGateway(servers, options)
  await using relay = await startRelay(servers, options, gateway)
  const rounds: ReconcileRound[] = []

  /** Compares by a new program; @throws {WrongResultError} where it is not equal. */
  async function compare(
    task: Partial<ReconcileTask> = {},
  ): Promise<{ readonly cost: Cost; readonly outcome: ReconcileOutcome }> {
    const clocks = {
      source: () => serverCpuMs(dx.postmaster),
      hq: () => serverCpuMs(hq.postmaster),
      gateway: () => programCpuMs(gateway.program.pid),
    }
    const before = await readCpu(clocks)
    const outcome = await runDriver<ReconcileOutcome>(
      'reconcile.ts',
      taskOf(servers, gateway, { seconds: timeoutS, ...task }),
      signal,
    )
    const after = await readCpu(clocks)
    const spent = (name: keyof typeof clocks): number =>
      (after?.[name] ?? Number.NaN) - (before?.[name] ?? Number.NaN)
    if (outcome.state !== 'equal') throw new WrongResultError(`it came to ${outcome.state}`)
    const cost = {
      source: spent('source'),
      hq: spent('hq'),
      gateway: spent('gateway'),
      relay: outcome.cpuMs,
    }
    return { cost, outcome }
  }

  async function change(round: number): Promise<string> {
    const first = rows + 1 + round * changed
    await insertMoreEvents(dx.client, first, changed)
    const end = await markEnd(dx.client)
    await waitUntilDrained({
      what: 'the relay',
      rows: changed,
      signal,
      arrived: async () => ((await isAcked(dx.client, end)) ? changed : undefined),
      assertWell: () => relay.program.assertWell(),
    })
    return eventKeys(first, changed)
  }

  const md5Ms = async (tool: Md5Tool): Promise<SideMs> => ({
    source: await statementCpuMs(dx, md5Checksum(tool, `hq_export.${EVENTS_DATASET}`)),
    hq: await statementCpuMs(hq, md5Checksum(tool, TABLES.hq)),
  })

  const measureLive = () => measureLatency(servers, options, TABLES, LIVE_S, LIVE_COMMITS_PER_S)

  for (let round = 0; round < repeat; round++) {
    using memory = new PeakMemory(gateway.program.pid)
    using relayMemory = new PeakMemory(relay.program.pid)
    const full = await compare()
    if (full.outcome.rows < rows) throw new WrongResultError(`${full.outcome.rows} were compared`)
    const anchorMs = await md5Ms('data-diff')
    const reladiffMs = await md5Ms('reladiff')
    const keys = await change(round)
    const follow = await compare({ keys, repeatSeconds: FOLLOW_S })
    const followCost = perPass(follow.cost, follow.outcome.passes)
    const liveAlone = await measureLive()
    const [live, beside] = await Promise.all([measureLive(), compare({ repeatSeconds: LIVE_S })])
    rounds.push({
      full: full.cost,
      fullSeconds: full.outcome.seconds,
      follow: followCost,
      anchorMs,
      reladiffMs,
      live,
      liveAlone,
      peakMb: Math.max(full.outcome.peakMb, follow.outcome.peakMb, beside.outcome.peakMb),
      gatewayMb: await memory.megabytes(),
      relayMb: await relayMemory.megabytes(),
    })
    report(
      `full ${JSON.stringify(full.cost)} in ${full.outcome.seconds.toFixed(1)} s, ` +
        `follow ${JSON.stringify(followCost)}, the mean of ${follow.outcome.passes} passes, ` +
        `anchor ${JSON.stringify(anchorMs)}, reladiff ${JSON.stringify(reladiffMs)}, ` +
        `${beside.outcome.passes} passes beside live changes`,
    )
  }
  return {
    rows,
    rowBytes: Math.round(await averageBodyBytes(dx.client)),
    postgresql: servers.version,
    ...resultOf(rows, rounds),
  }
}

function taskOf(
  { dx }: BenchServers,
  { url, secret }: RunningGateway,
  task: Partial<ReconcileTask> & { readonly seconds: number },
): ReconcileTask {
  return {
    databaseUrl: dx.url,
    ingestUrl: url,
    secret,
    source: SOURCE,
    dataset: EVENTS_DATASET,
    keys: null,
    repeatSeconds: 0,
    ...task,
  }
}

function resultOf(
  rows: number,
  rounds: readonly ReconcileRound[],
): Pick<Measurement, 'measures' | 'notes'> {
  const rate = (side: 'source' | 'hq') =>
    measureOf({
      name: `${side}_rows_per_s`,
      unit: 'rows/s of a core',
      ours: rounds.map(({ full }) => (rows * 1000) / full[side]),
      anchor: {
        name: ANCHOR,
        values: rounds.map(({ anchorMs }) => (rows * 1000) / anchorMs[side]),
      },
    })
  const source = rate('source')
  const hq = rate('hq')
  const reladiff = (side: 'source' | 'hq'): string =>
    `${median(rounds.map(({ full, reladiffMs }) => reladiffMs[side] / full[side])).toFixed(2)}x`
  const alone = 'the same changes without a reconciliation'
  const live = (name: string, value: (round: LatencyRound) => number) =>
    measureOf({
      name,
      unit: 'ms',
      digits: 1,
      ours: rounds.map((round) => value(round.live)),
      anchor: { name: alone, values: rounds.map((round) => value(round.liveAlone)) },
    })
  const plain = (
    name: string,
    unit: string,
    digits: number,
    value: (r: ReconcileRound) => number,
  ) => measureOf({ name, unit, digits, ours: rounds.map(value) })
  return {
    measures: [
      source,
      hq,
      plain('rows_per_s', 'rows/s', 0, ({ fullSeconds }) => rows / fullSeconds),
      plain('cpu_us_per_row', 'us', 2, ({ full }) => (totalOf(full) * 1000) / rows),
      plain('follow_ratio', 'x', 3, ({ follow, full }) => totalOf(follow) / totalOf(full)),
      live('live_p50_ms', ({ p50 }) => p50),
      live('live_p99_ms', ({ p99 }) => p99),
      plain('peak_mb', 'MB', 0, ({ peakMb }) => peakMb),
      plain('gateway_peak_mb', 'MB', 0, ({ gatewayMb }) => gatewayMb),
      plain('relay_peak_mb', 'MB', 0, ({ relayMb }) => relayMb),
    ],
    notes: [
      `source against ${ANCHOR}: ${ratioOf(source)}; HQ: ${ratioOf(hq)}`,
      `against the same as reladiff takes it, source: ${reladiff('source')}, HQ: ${reladiff('hq')}`,
      'rates of a core: rows by the processor time of that server during one pass, waiting left out; rows_per_s: by the clock, from start to verdict',
      `follow_ratio: processor time of both servers, gateway and comparing program for 1/${CHANGED_PART} of the rows by their keys, the mean of passes for ${FOLLOW_S} s on one session, as in a relay, against that of the whole in a new one`,
      `live: ${LIVE_COMMITS_PER_S} commits/s of one event each for ${LIVE_S} s, while one pass follows the other`,
      'peak_mb: of the program that compares; relay_peak_mb: of the relay that delivers beside it',
    ],
  }
}

/** Both sides hold the same events: a comparison of all, and one of what has changed. */
export const reconcile: Scenario = {
  name: 'reconcile',
  summary: 'a reconciliation of events beside live changes, against md5 of every row; then by keys',
  size: { rows: 1_000_000 },
  run,
}
