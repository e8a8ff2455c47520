import { assertCount } from './measure/assert-count.ts'
import { programCpuMs, readCpu, serverCpuMs } from './measure/cpu-time.ts'
import { measureOf } from './measure/measure-of.ts'
import { median } from './measure/median.ts'
import { timedRate } from './measure/timed-rate.ts'
import { OpenTabs, type RunningConsole } from './programs/console.ts'
import { SOURCE, startGateway } from './programs/pipeline.ts'
import type { BenchServers } from './programs/servers.ts'
import type { BenchOptions, Measure } from './scenario.ts'
import { EVENTS_DATASET } from './workload/drain-events.ts'
import { postBatches } from './workload/post-batches.ts'
import type { WireBatch } from './workload/wire-batches.ts'

/** Of rates with and without tabs, in turn; one pair would be noise. */
const PAIRS = 5

interface Round {
  readonly rate: number
  /** Milliseconds of processor time by program. */
  readonly spent: Readonly<Record<string, number>>
  /** Pages that were read meanwhile. */
  readonly reads: number
}

function spentOn(name: string, rounds: readonly Round[]): number {
  return Math.round(median(rounds.map(({ spent }) => spent[name] ?? 0)))
}

/** How fast batches are while tabs are open on these pages, and while none is, in turn. */
export async function measureBesideTabs(
  servers: BenchServers,
  options: BenchOptions,
  { url, program }: RunningConsole,
  paths: readonly string[],
  batches: readonly WireBatch[],
): Promise<{ readonly measure: Measure; readonly notes: readonly string[] }> {
  const { hq, dx } = servers
  const { signal, repeat, report } = options
  const rows = batches.reduce((sum, { rowCount }) => sum + rowCount, 0)
  await using gateway = await startGateway(servers, options)
  const clocks = {
    console: () => programCpuMs(program.pid),
    gateway: () => programCpuMs(gateway.program.pid),
    'HQ server': () => serverCpuMs(hq.postmaster),
    'source server': () => serverCpuMs(dx.postmaster),
  }

  async function round(tabs: readonly string[]): Promise<Round> {
    await hq.client.query(`truncate hq.${EVENTS_DATASET}`)
    await hq.client.query('delete from ingest.batch where source = $1', [SOURCE])
    await hq.client.query('checkpoint')
    await using open = new OpenTabs(url, tabs)
    const before = await readCpu(clocks)
    const rate = await timedRate(rows, () => postBatches(gateway, batches, signal))
    const after = await readCpu(clocks)
    const reads = open.count
    await assertCount(hq.client, `hq.${EVENTS_DATASET}`, rows)
    const spent = Object.entries(after ?? {}).map(([name, ms]) => [
      name,
      ms - (before?.[name] ?? 0),
    ])
    return { rate, reads, spent: Object.fromEntries(spent) }
  }

  // Connections, plans and pages that each side would begin with.
  await round(paths)
  const alone: Round[] = []
  const beside: Round[] = []
  for (let pair = 0; pair < PAIRS * repeat; pair++) {
    // The order changes, so that what grows slower or faster meanwhile favours neither.
    for (const hasTabs of pair % 2 === 0 ? [false, true] : [true, false]) {
      if (hasTabs) beside.push(await round(paths))
      else alone.push(await round([]))
    }
    const [without, open] = [alone.at(-1)?.rate ?? 0, beside.at(-1)?.rate ?? 0]
    report(`${Math.round(open)} rows/s, without tabs ${Math.round(without)}`)
  }
  const reads = beside.reduce((sum, { reads }) => sum + reads, 0)
  const cpu = Object.keys(clocks).map(
    (name) => `${name} ${spentOn(name, beside)} and ${spentOn(name, alone)}`,
  )
  return {
    measure: measureOf({
      ...{ name: 'rows_per_s_with_tabs', unit: 'rows/s', ours: beside.map(({ rate }) => rate) },
      anchor: { name: 'without tabs', values: alone.map(({ rate }) => rate) },
    }),
    notes: [
      `rates: ${rows} events in batches of 2,000 into the gateway alone, with ${paths.length} tabs (${paths.join(', ')}; ${reads} reads) and without, in turn`,
      `processor time of a round in ms, with tabs and without: ${cpu.join('; ')}`,
    ],
  }
}
