import { SCREENS } from '@hq-export/console/screens.ts'
import { assertCount } from '../measure/assert-count.ts'
import { programCpuMs, readCpu, serverCpuMs } from '../measure/cpu-time.ts'
import { measureOf } from '../measure/measure-of.ts'
import { median } from '../measure/median.ts'
import { percentile } from '../measure/percentile.ts'
import { timedRate } from '../measure/timed-rate.ts'
import { OpenTabs, readPage, startConsole } from '../programs/console.ts'
import { install } from '../programs/install.ts'
import { assertWaiting, emptyOutbox } from '../programs/outbox.ts'
import { SOURCE, startGateway } from '../programs/pipeline.ts'
import { startServers } from '../programs/servers.ts'
import type { BenchOptions, Measure, Measurement, Scenario } from '../scenario.ts'
import { fillPast } from '../workload/console-fill.ts'
import { pagesOf } from '../workload/console-past/pages.ts'
import { EVENTS_DATASET } from '../workload/drain-events.ts'
import { insertEvents, insertRuns } from '../workload/operation-events.ts'
import { postBatches } from '../workload/post-batches.ts'
import { packOutbox } from '../workload/wire-batches.ts'

/** Reads of each page; none is answered by what was read for another. */
const READS = 40
const TABS = 10
/** Of a round: long enough that each tab is read again several times meanwhile. */
const EVENTS = 600_000
/** Of rates with and without tabs, in turn; one pair would be noise. */
const PAIRS = 5
/** Tables whose fill needs no entry in the server's log; nothing else here differs by it. */
const SERVER_SETTINGS = { wal_level: 'minimal', max_wal_senders: '0' }

/** @throws unless each screen has an address among these. */
function assertEveryScreen(paths: readonly string[]): void {
  const known = paths.map((path) => path.split('?')[0] ?? '')
  for (const { path } of SCREENS) {
    const pattern = new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`)
    if (!known.some((address) => pattern.test(address)))
      throw new Error(`no address of ${path} is measured`)
  }
}

async function timesOf(url: string, path: string, signal: AbortSignal): Promise<number[]> {
  const times: number[] = []
  for (let read = 0; read < READS; read++) {
    signal.throwIfAborted()
    const separator = path.includes('?') ? '&' : '?'
    const begin = performance.now()
    await readPage(url, `${path}${separator}read=${read}`)
    times.push(performance.now() - begin)
  }
  return times
}

async function run(options: BenchOptions): Promise<Measurement> {
  const { rows, signal, repeat, report } = options
  await using servers = await startServers(SERVER_SETTINGS)
  const { dx, hq } = servers
  await install(servers, [EVENTS_DATASET])
  await insertRuns(dx.client, EVENTS)
  await emptyOutbox(dx.client)
  await insertEvents(dx.client, EVENTS, options)
  const rowBytes = Math.round(await assertWaiting(dx.client, EVENTS))
  const batches = await packOutbox(dx.client, EVENTS_DATASET)
  const filled = await fillPast(servers, rows, report, signal)
  await using console = await startConsole(servers, options)
  const { url, program } = console
  const measures: Measure[] = []
  const halves: string[] = []

  const paths = await pagesOf(servers, filled)
  assertEveryScreen(paths)
  for (const path of paths) {
    const rounds: number[] = []
    const all: number[] = []
    for (let round = 0; round < repeat; round++) {
      const times = await timesOf(url, path, signal)
      all.push(...times)
      rounds.push(percentile(times, 95))
    }
    measures.push(measureOf({ name: `p95_ms ${path}`, unit: 'ms', digits: 1, ours: rounds }))
    halves.push(`${path} ${percentile(all, 50).toFixed(0)}`)
    report(`${path}: p50 ${percentile(all, 50).toFixed(0)}, p95 ${median(rounds).toFixed(0)} ms`)
  }

  await using gateway = await startGateway(servers, options)
  const clocks = {
    console: () => programCpuMs(program.pid),
    gateway: () => programCpuMs(gateway.program.pid),
    HQ: () => serverCpuMs(hq.postmaster),
    source: () => serverCpuMs(dx.postmaster),
  }
  const spent = { alone: new Map<string, number[]>(), beside: new Map<string, number[]>() }
  const rates = { alone: [] as number[], beside: [] as number[] }
  let reads = 0
  const measure = async (kind: 'alone' | 'beside', tabs: readonly string[]): Promise<void> => {
    await hq.client.query(`truncate hq.${EVENTS_DATASET}`)
    await hq.client.query('delete from ingest.batch where source = $1', [SOURCE])
    await hq.client.query('checkpoint')
    const before = await readCpu(clocks)
    const open = new OpenTabs(url, tabs)
    await using _ = open
    const rate = await timedRate(EVENTS, () => postBatches(gateway, batches, signal))
    const after = await readCpu(clocks)
    reads += open.count
    await assertCount(hq.client, `hq.${EVENTS_DATASET}`, EVENTS)
    rates[kind].push(rate)
    for (const [name, ms] of Object.entries(after ?? {}))
      spent[kind].set(name, [...(spent[kind].get(name) ?? []), ms - (before?.[name] ?? 0)])
  }
  const open = Array.from({ length: TABS }, (_, tab) => paths[tab % paths.length] ?? '/')
  await measure('alone', [])
  for (const values of [rates.alone, ...spent.alone.values()]) values.length = 0
  for (let pair = 0; pair < PAIRS * repeat; pair++) {
    // The order changes, so that what grows slower or faster meanwhile favours neither.
    const kinds = pair % 2 === 0 ? (['alone', 'beside'] as const) : (['beside', 'alone'] as const)
    for (const kind of kinds) await measure(kind, kind === 'alone' ? [] : open)
    const [alone, beside] = [rates.alone.at(-1) ?? 0, rates.beside.at(-1) ?? 0]
    report(`${Math.round(beside)} rows/s, without tabs ${Math.round(alone)}`)
  }
  const anchor = { name: 'without tabs', values: rates.alone }
  measures.push(
    measureOf({ name: 'rows_per_s_with_tabs', unit: 'rows/s', ours: rates.beside, anchor }),
  )
  const cpu = [...spent.beside].map(([name, beside]) => {
    const ms = (values: readonly number[] | undefined) => Math.round(median(values ?? [0]))
    return `${name} ${ms(beside)} and ${ms(spent.alone.get(name))}`
  })
  return {
    rows,
    rowBytes,
    postgresql: servers.version,
    measures,
    notes: [
      `${filled.batches} batches in the ledger, ${filled.refused} quarantined rows and as many dead letters, filled in ${filled.seconds.toFixed(0)} s`,
      `each page read ${READS} times, one after the other, none from what was read before`,
      `p50 in ms: ${halves.join(', ')}`,
      `rates: ${EVENTS} events in batches of 2,000 into the gateway alone, with ${TABS} tabs (${open.join(', ')}; ${reads} reads) and without, in turn`,
      `processor time of a round in ms, with tabs and without: ${cpu.join('; ')}`,
      `console: ${(await program.memory.megabytes()).toFixed(0)} MB at most`,
    ],
  }
}

/** Pages over a long past, and what open ones cost the gateway. */
export const consolePages: Scenario = {
  name: 'console',
  summary: 'pages of the console over a full ledger and quarantine, and batches beside open tabs',
  size: { rows: 10_000_000 },
  run,
}
