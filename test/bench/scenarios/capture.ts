import { installReferenceSchema } from '@hq-export/demo/databases/install-reference-schema.ts'
import {
  type CaptureRound,
  type CaptureSide,
  captureClocks,
  commitRate,
  describeCapture,
} from '../capture-rounds.ts'
import { catchUp } from '../catch-up.ts'
import type { MixResult, MixTask } from '../drivers/write-mix.ts'
import { assertCount } from '../measure/assert-count.ts'
import { cpuPerRow, readCpu } from '../measure/cpu-time.ts'
import { median } from '../measure/median.ts'
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
/** Rounds of each side and number of clients, for every `--repeat`. */
const ROUNDS = 3
const UNBOUND_DATABASE = 'data_engine_x_unbound'

async function run(options: BenchOptions): Promise<Measurement> {
  const { seconds, signal, report } = options
  await using servers = await startServers()
  const { dx, hq } = servers
  await install(servers, DATASETS)
  await dx.client.query(`create database ${UNBOUND_DATABASE}`)
  const unboundUrl = new URL(dx.url)
  unboundUrl.pathname = UNBOUND_DATABASE
  await using unbound = await openSession(unboundUrl.href)
  await installReferenceSchema(unbound.client)
  for (const client of [dx.client, unbound.client]) {
    await insertRuns(client, RUNS * EVENTS_PER_RUN)
    await fillCompanies(client, COMPANIES)
  }
  await emptyOutbox(dx.client)
  await settleServers(servers)

  const behindMs: number[] = []
  const nextEvents = new Map<string, number>()
  const rounds: CaptureRound[] = []

  async function write(
    side: CaptureSide,
    clients: ClientCount,
    pipeline?: Pipeline,
  ): Promise<void> {
    const url = side === 'anchor' ? unbound.url : dx.url
    const firstEvent = nextEvents.get(url) ?? 0
    const task: MixTask = { url, clients, seconds, firstEvent, companies: COMPANIES }
    const clocks = captureClocks(servers, pipeline)
    const before = await readCpu(clocks)
    const result = await runDriver<MixResult>('write-mix.ts', task, signal)
    const all = result.nextEvent - firstEvent
    const cpu = cpuPerRow(before, await readCpu(clocks), all * COMMITS_PER_EVENT)
    nextEvents.set(url, result.nextEvent)
    const perSecond = result.commits / result.seconds
    rounds.push({ side, clients, commits: result.commits, perSecond, cpu })
    report(`${side.padEnd(7)} ${clients} clients: ${Math.round(perSecond)} commits/s`)
    // So that the next one has the machine to itself.
    if (pipeline !== undefined) behindMs.push(await catchUp(dx.client, pipeline, signal))
  }

  for (const clients of CLIENT_COUNTS) await write('capture alone', clients)
  await using pipeline = await startPipeline(servers, options)
  behindMs.push(await catchUp(dx.client, pipeline, signal))
  for (const clients of CLIENT_COUNTS) {
    for (let round = 0; round < ROUNDS * options.repeat; round++) {
      const order = round % 2 === 0 ? (['ours', 'anchor'] as const) : (['anchor', 'ours'] as const)
      for (const side of order) await write(side, clients, pipeline)
    }
  }

  await assertCount(dx.client, 'hq_export.dead_letter', 0)
  await assertCount(hq.client, 'hq.dx_operation_events_v1', nextEvents.get(dx.url) ?? 0)
  return {
    rows: Math.max(...rounds.filter(({ side }) => side === 'ours').map(({ commits }) => commits)),
    rowBytes: Math.round(await averageBodyBytes(dx.client)),
    postgresql: servers.version,
    measures: CLIENT_COUNTS.map((clients) => ({
      name: `commits_${clients}_per_s`,
      unit: 'commits/s',
      ours: commitRate(rounds, 'ours', clients),
      anchor: commitRate(rounds, 'anchor', clients),
      anchor_name: 'no capture, same tables',
    })),
    notes: [
      `${ROUNDS * options.repeat} rounds of ${seconds} s a side and number of clients, in turn, medians; rows: the most commits of one round`,
      'each commit is one statement: four inserts of an event, then one optimistic update of a company (which yields two rows)',
      'ours: capture bound, relay and gateway deliver meanwhile; anchor: they are idle. Driver, both servers and both programs share the machine',
      ...CLIENT_COUNTS.flatMap((clients) => describeCapture(rounds, clients)),
      `after a round ours had delivered everything within ${Math.round(Math.max(...behindMs))} ms, median ${Math.round(median(behindMs))} ms`,
    ],
  }
}

/** What capture and delivery take from the application. */
export const capture: Scenario = {
  name: 'capture',
  summary: 'commits at 8 and 32 clients with capture and delivery, against none',
  size: { seconds: 10 },
  run,
}
