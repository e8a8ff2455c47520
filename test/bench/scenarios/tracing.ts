import { describeCpu, memoryMeasures, rateMeasure } from '../drain-comparison.ts'
import { median } from '../measure/median.ts'
import { install } from '../programs/install.ts'
import { startServers } from '../programs/servers.ts'
import { TraceSink } from '../programs/trace-sink.ts'
import {
  type BenchOptions,
  type Measurement,
  type Scenario,
  WrongResultError,
} from '../scenario.ts'
import { drainEvents, EVENTS_DATASET, type EventsRound } from '../workload/drain-events.ts'
import { insertRuns, insertTracedEvents } from '../workload/operation-events.ts'
import { describeCommits } from '../workload/write-in-commits.ts'

/**
 * Rows of one transaction, and so of one trace: a batch then comes from more traces than it may
 * lead to.
 */
const ROWS_PER_TRACE = 10
const ANCHOR = 'ours, tracing off'

/**
 * What part of all traces is sampled, by the application and by the relay; undefined where the
 * programs do not trace.
 */
const MODES = [
  { name: 'off', sampledPercent: undefined },
  { name: '1 %', sampledPercent: 1 },
  { name: '100 %', sampledPercent: 100 },
] as const
type Mode = (typeof MODES)[number]

interface TracedRound extends EventsRound {
  readonly exportedBytes: number
}

function tracingEnv(sink: TraceSink, { sampledPercent }: Mode): Record<string, string> | undefined {
  if (sampledPercent === undefined) return undefined
  return {
    ...sink.env,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: String(sampledPercent / 100),
  }
}

async function run(options: BenchOptions): Promise<Measurement> {
  const { rows, repeat, report } = options
  await using sink = await TraceSink.start()
  await using servers = await startServers()
  await install(servers, [EVENTS_DATASET])
  await insertRuns(servers.dx.client, rows)

  async function drain(mode: Mode): Promise<TracedRound> {
    const { sampledPercent } = mode
    sink.reset()
    const traced = {
      ...options,
      rowsPerCommit: ROWS_PER_TRACE,
      tracingEnv: tracingEnv(sink, mode),
    }
    // Rows carry a context whether the programs trace or not: what is compared is the tracing
    // alone.
    const round = await drainEvents(servers, traced, rows, undefined, (client, count, write) =>
      insertTracedEvents(client, count, write, sampledPercent ?? 100),
    )
    if (sampledPercent === 100 && sink.bytes === 0) throw new WrongResultError('nothing was traced')
    report(`${mode.name.padEnd(6)}${Math.round(round.rowsPerSecond)} rows/s`)
    return { ...round, exportedBytes: sink.bytes }
  }

  const rounds = new Map<Mode, TracedRound[]>(MODES.map((mode) => [mode, []]))
  report('a round that does not count')
  await drain(MODES[0])
  for (let round = 0; round < repeat; round++) {
    // Each mode is first, second and third in turn, so that none always meets the warmer machine.
    const first = round % MODES.length
    const order = [...MODES.slice(first), ...MODES.slice(0, first)]
    for (const mode of order) rounds.get(mode)?.push(await drain(mode))
  }
  const [off = [], some = [], all = []] = MODES.map((mode) => rounds.get(mode))
  return {
    rows,
    rowBytes: off[0]?.rowBytes ?? 0,
    postgresql: servers.version,
    measures: [
      rateMeasure('sampled_1_rows_per_s', some, off, ANCHOR),
      rateMeasure('sampled_100_rows_per_s', all, off, ANCHOR),
      ...memoryMeasures(all, off, ANCHOR),
    ],
    notes: [
      describeCommits({ rowsPerCommit: ROWS_PER_TRACE }),
      'of these transactions 1 % or all carry a sampled trace context; relay and gateway sample 1 % or all of their own',
      ...[off, some, all].map((of, index) => describeCpu(`tracing ${MODES[index]?.name}`, of)),
      `exported at 100 %: ${Math.round(median(all.map(({ exportedBytes }) => exportedBytes)) / 1e6)} MB to a collector that drops it`,
    ],
  }
}

/** What it costs to be seen. */
export const tracing: Scenario = {
  name: 'tracing',
  summary: 'events waiting, with 1 % and all of the traces sampled, against ours with tracing off',
  // 300,000 last five seconds: the first use of the exporter weighs as much then as what is to be
  // measured.
  size: { rows: 1_000_000 },
  run,
}
