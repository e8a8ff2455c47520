import { describeCpu } from '../drain-comparison.ts'
import type { DrainRound } from '../drain-ours.ts'
import { assertCount } from '../measure/assert-count.ts'
import { measureOf } from '../measure/measure-of.ts'
import { install } from '../programs/install.ts'
import { assertWaiting } from '../programs/outbox.ts'
import { settleServers, startServers } from '../programs/servers.ts'
import type { BenchOptions, Measure, Measurement, Scenario } from '../scenario.ts'
import { measureGateway, WARM_UP_BATCHES } from '../stages/gateway-alone.ts'
import { measureHq, readHqTexts } from '../stages/hq-alone.ts'
import { measureRelay } from '../stages/relay-alone.ts'
import { measureSource } from '../stages/source-alone.ts'
import { EVENTS_DATASET, emptyEvents } from '../workload/drain-events.ts'
import { insertEvents, insertRuns } from '../workload/operation-events.ts'
import { IN_FLIGHT } from '../workload/post-batches.ts'
import { packOutbox } from '../workload/wire-batches.ts'

/** Each stage by itself. */
interface StagesRound {
  readonly source: DrainRound
  readonly relay: DrainRound
  readonly gateway: DrainRound
  readonly hq: DrainRound
}

/** What a row costs whom, in us of processor time; each where it does all of its work. */
const COSTS = [
  { name: 'source', of: ({ source }: StagesRound) => source.cpu?.['source server'] },
  { name: 'relay', of: ({ relay }: StagesRound) => relay.cpu?.relay },
  { name: 'gateway', of: ({ gateway }: StagesRound) => gateway.cpu?.gateway },
  { name: 'hq_under_gateway', of: ({ gateway }: StagesRound) => gateway.cpu?.['HQ server'] },
  { name: 'hq', of: ({ hq }: StagesRound) => hq.cpu?.['HQ server'] },
]

/** The values of all rounds; undefined where the system does not tell them. */
function valuesOf(
  rounds: readonly StagesRound[],
  value: (round: StagesRound) => number | undefined,
): number[] | undefined {
  const values = rounds.map(value).filter((found) => found !== undefined)
  return values.length === rounds.length ? values : undefined
}

function stageMeasures(rounds: readonly StagesRound[]): Measure[] {
  const rates = (['source', 'relay', 'gateway', 'hq'] as const).map((stage) =>
    measureOf({
      name: `${stage}_rows_per_s`,
      unit: 'rows/s',
      ours: rounds.map((round) => round[stage].rowsPerSecond),
    }),
  )
  const costs = COSTS.flatMap(({ name, of }) => {
    const ours = valuesOf(rounds, of)
    return ours === undefined
      ? []
      : [measureOf({ name: `${name}_us_per_row`, unit: 'us', digits: 1, ours })]
  })
  return [...rates, ...costs, ...slowestMeasure(costs)]
}

/** What the dearest stage allows with a core of its own, round by round. */
function slowestMeasure(costs: readonly Measure[]): Measure[] {
  const [first] = costs
  if (first === undefined) return []
  const ours = first.ours_rounds.map(
    (_, round) => 1e6 / Math.max(...costs.map(({ ours_rounds }) => ours_rounds[round] ?? 0)),
  )
  return [measureOf({ name: 'slowest_stage_rows_per_s', unit: 'rows/s', ours })]
}

/** Names the stage that the slowest measure is about. */
function describeSlowest(measures: readonly Measure[]): string[] {
  const costs = measures.filter(({ name }) => name.endsWith('_us_per_row'))
  const [dearest] = costs.toSorted((a, b) => b.ours - a.ours)
  if (dearest === undefined) return ['processor time: not known on this system']
  return [
    `slowest_stage_rows_per_s: with a core for each stage, by ${dearest.name}`,
    `HQ applies ${IN_FLIGHT} batches at once and can use more cores than one`,
  ]
}

async function run(options: BenchOptions): Promise<Measurement> {
  const { rows, repeat, report, signal } = options
  await using servers = await startServers()
  const { dx, hq } = servers
  await install(servers, [EVENTS_DATASET])
  await insertRuns(dx.client, rows)
  const resetHq = () =>
    hq.client.query(`truncate hq.${EVENTS_DATASET}, ingest.batch, ingest.quarantine`)
  const assertArrived = () => assertCount(hq.client, `hq.${EVENTS_DATASET}`, rows)
  let rowBytes = 0

  async function measureAll(): Promise<StagesRound> {
    await emptyEvents(servers)
    await insertEvents(dx.client, rows, options)
    rowBytes = Math.round(await assertWaiting(dx.client, rows))
    await settleServers(servers)
    const source = await measureSource(servers, rows, signal)
    const batches = await packOutbox(dx.client, EVENTS_DATASET)
    const texts = await readHqTexts(dx.client)
    await settleServers(servers)
    const relay = await measureRelay(servers, options, rows)
    const gateway = await measureGateway(servers, options, batches, resetHq)
    await assertArrived()
    await resetHq()
    const hqAlone = await measureHq(servers, texts, rows, signal)
    await assertArrived()
    return { source, relay, gateway, hq: hqAlone }
  }

  const rounds: StagesRound[] = []
  for (let round = 0; round < repeat; round++) {
    const measured = await measureAll()
    rounds.push(measured)
    const rates = Object.entries(measured).map(
      ([stage, { rowsPerSecond }]: [string, DrainRound]) => `${stage} ${Math.round(rowsPerSecond)}`,
    )
    report(`rows/s: ${rates.join(', ')}`)
  }
  const measures = stageMeasures(rounds)
  return {
    rows,
    rowBytes,
    postgresql: servers.version,
    measures,
    notes: [
      'us: processor time of the stage itself, all its threads or backends',
      "source: the relay's own reading of the outbox, by a program that drops the rows",
      'relay: read, compressed, signed and posted to a program that answers at once',
      `gateway: ready batches, ${IN_FLIGHT} at once, to one that has seen ${WARM_UP_BATCHES}`,
      "hq_under_gateway: HQ's server meanwhile, with ledger",
      `hq: ready COPY texts of the same rows into HQ's own table, ${IN_FLIGHT} sessions`,
      describeCpu(
        'source alone',
        rounds.map(({ source }) => source),
      ),
      describeCpu(
        'relay alone',
        rounds.map(({ relay }) => relay),
      ),
      describeCpu(
        'gateway alone',
        rounds.map(({ gateway }) => gateway),
      ),
      describeCpu(
        'hq alone',
        rounds.map(({ hq: alone }) => alone),
      ),
      ...describeSlowest(measures),
    ],
  }
}

/** Who of the four is the bottleneck, and by how much, where they do not share two cores. */
export const stages: Scenario = {
  name: 'stages',
  summary: 'source, relay, gateway and HQ each by itself: rows/s, and processor time per event',
  size: { rows: 200_000 },
  run,
}
