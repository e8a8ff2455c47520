import { installReferenceSchema } from '@hq-export/demo/databases/install-reference-schema.ts'
import {
  ALONE,
  type CaptureRound,
  type CaptureSide,
  captureClocks,
  captureMeasures,
  describeCapture,
  TOGETHER,
} from '../capture-rounds.ts'
import { catchUp } from '../catch-up.ts'
import type { MixResult, MixTask } from '../drivers/write-mix.ts'
import { assertCount } from '../measure/assert-count.ts'
import { cpuPerRow, readCpu } from '../measure/cpu-time.ts'
import { ratioOf } from '../measure/measure-of.ts'
import { median } from '../measure/median.ts'
import { NATIVE } from '../native/drain-native.ts'
import { MixReplication } from '../native/mix-replication.ts'
import { install } from '../programs/install.ts'
import { averageBodyBytes, emptyOutbox } from '../programs/outbox.ts'
import { type Pipeline, startPipeline } from '../programs/pipeline.ts'
import { runDriver } from '../programs/run-driver.ts'
import { openSession, settleServers, startServers } from '../programs/servers.ts'
import type { BenchOptions, Measurement, Scenario } from '../scenario.ts'
import { fillCompanies } from '../workload/company-entities.ts'
import { EVENTS_PER_RUN, insertRuns } from '../workload/operation-events.ts'

const DATASETS = [
  'dx_operation_events_v1',
  'dx_company_entities_v1',
  'dx_entity_snapshots_v1',
] as const
const CLIENT_COUNTS = [8, 32] as const
type ClientCount = (typeof CLIENT_COUNTS)[number]
/** Every fifth commit updates a company. */
const COMMITS_PER_EVENT = 1.25
const COMPANIES = 10_000
const RUNS = 200_000
/**
 * Of writing that nobody measures, before relay and gateway are: in their first seconds they compile
 * what they run for days.
 */
const WARM_UP_S = 15
const UNBOUND_DATABASE = 'data_engine_x_unbound'

function describeDelays(ms: readonly number[]): string {
  return `${Math.round(Math.max(...ms))} ms at most, median ${Math.round(median(ms))} ms`
}

async function run(options: BenchOptions): Promise<Measurement> {
  const { seconds, repeat, signal, report } = options
  await using servers = await startServers()
  const { dx, hq } = servers
  await install(servers, DATASETS)
  await dx.client.query(`create database ${UNBOUND_DATABASE}`)
  const unboundUrl = new URL(dx.url)
  unboundUrl.pathname = UNBOUND_DATABASE
  await using unbound = await openSession(unboundUrl.href)
  await installReferenceSchema(unbound.client)
  await using native = await MixReplication.create(servers, COMPANIES)
  for (const client of [dx.client, unbound.client]) await fillCompanies(client, COMPANIES)
  for (const { client } of [dx, unbound, native.source]) {
    await insertRuns(client, RUNS * EVENTS_PER_RUN)
  }
  await emptyOutbox(dx.client)
  await settleServers(servers)

  const behindMs: number[] = []
  const nativeBehindMs: number[] = []
  const nextEvents = new Map<string, number>()
  const rounds: CaptureRound[] = []
  const urls: Readonly<Record<CaptureSide, string>> = {
    ours: dx.url,
    'capture alone': dx.url,
    'no capture': unbound.url,
    'no capture, alone': unbound.url,
    native: native.source.url,
  }

  /** Writes for so long. @returns with the number of events, those of the driver's start too. */
  async function drive(
    side: CaptureSide,
    clients: ClientCount,
    forSeconds: number,
  ): Promise<MixResult & { readonly events: number }> {
    const url = urls[side]
    const firstEvent = nextEvents.get(url) ?? 0
    const task: MixTask = { url, clients, seconds: forSeconds, firstEvent, companies: COMPANIES }
    const result = await runDriver<MixResult>('write-mix.ts', task, signal)
    nextEvents.set(url, result.nextEvent)
    return { ...result, events: result.nextEvent - firstEvent }
  }

  async function write(
    side: CaptureSide,
    clients: ClientCount,
    pipeline?: Pipeline,
  ): Promise<void> {
    const clocks = captureClocks(servers, pipeline)
    if (side === 'native') await native.start(signal)
    const before = await readCpu(clocks)
    const result = await drive(side, clients, seconds)
    const cpu = cpuPerRow(before, await readCpu(clocks), result.events * COMMITS_PER_EVENT)
    const perSecond = result.commits / result.seconds
    rounds.push({ side, clients, commits: result.commits, perSecond, cpu })
    report(`${side.padEnd(17)} ${clients} clients: ${Math.round(perSecond)} commits/s`)
    // So that the next one has the machine to itself.
    if (side === 'native') nativeBehindMs.push(await native.stop(signal))
    if (side === 'ours' && pipeline !== undefined)
      behindMs.push(await catchUp(dx.client, pipeline, signal))
  }

  /** Every side in turn; each is first, second and third as often. */
  async function writeAll(sides: readonly CaptureSide[], pipeline?: Pipeline): Promise<void> {
    for (const clients of CLIENT_COUNTS) {
      for (let round = 0; round < repeat; round++) {
        const first = round % sides.length
        const order = [...sides.slice(first), ...sides.slice(0, first)]
        for (const side of order) await write(side, clients, pipeline)
      }
    }
  }

  await writeAll(ALONE)
  await using pipeline = await startPipeline(servers, options)
  // What was captured while nobody delivered.
  await catchUp(dx.client, pipeline, signal)
  report(`${WARM_UP_S} s of writing that are not measured`)
  await drive('ours', CLIENT_COUNTS[0], WARM_UP_S)
  await catchUp(dx.client, pipeline, signal)
  await writeAll(TOGETHER, pipeline)

  await assertCount(dx.client, 'hq_export.dead_letter', 0)
  await assertCount(hq.client, 'hq.dx_operation_events_v1', nextEvents.get(dx.url) ?? 0)
  await assertCount(
    native.target.client,
    'ops.operation_events',
    nextEvents.get(native.source.url) ?? 0,
  )
  return {
    rows: Math.max(...rounds.filter(({ side }) => side === 'ours').map(({ commits }) => commits)),
    rowBytes: Math.round(await averageBodyBytes(dx.client)),
    postgresql: servers.version,
    measures: CLIENT_COUNTS.flatMap((clients) => captureMeasures(rounds, clients)),
    notes: [
      `${repeat} rounds of ${seconds} s a side and number of clients, in turn, medians`,
      'rows: the most commits of a round of ours',
      'each commit is one statement: four inserts of an event, then one optimistic update of a company (which yields two rows)',
      'driver, both servers and both programs share the machine',
      `relay and gateway have delivered for ${WARM_UP_S} s before they are measured`,
      'ours: capture bound, relay and gateway deliver meanwhile; no capture, native: they are idle',
      `native: ${NATIVE} of both tables into HQ's server, in place of ours`,
      'alone: no relay, no gateway; what capture costs where they and HQ are elsewhere',
      ...CLIENT_COUNTS.flatMap((clients) => describeCapture(rounds, clients)),
      ...CLIENT_COUNTS.map((clients) => {
        const [none, native, alone] = captureMeasures(rounds, clients).map(ratioOf)
        const together = `${none} of no capture's, ${native} of native's`
        return `${clients} clients, commits/s: ours ${together}; alone ${alone} of no capture's`
      }),
      `behind after a round: ours ${describeDelays(behindMs)}, native ${describeDelays(nativeBehindMs)}`,
    ],
  }
}

/** What capture and delivery take from the application. */
export const capture: Scenario = {
  name: 'capture',
  summary: 'commits at 8 and 32 clients: capture, alone and with delivery, against none and native',
  size: { seconds: 10 },
  run,
}
