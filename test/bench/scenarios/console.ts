import { SCREENS } from '@hq-export/console/screens.ts'
import { measureBesideTabs } from '../console-tabs.ts'
import { measureOf } from '../measure/measure-of.ts'
import { median } from '../measure/median.ts'
import { percentile } from '../measure/percentile.ts'
import { readPage, startConsole } from '../programs/console.ts'
import { install } from '../programs/install.ts'
import { assertWaiting, emptyOutbox } from '../programs/outbox.ts'
import { startServers } from '../programs/servers.ts'
import type { BenchOptions, Measure, Measurement, Scenario } from '../scenario.ts'
import { fillPast } from '../workload/console-fill.ts'
import { pagesOf } from '../workload/console-past/pages.ts'
import { EVENTS_DATASET } from '../workload/drain-events.ts'
import { insertEvents, insertRuns } from '../workload/operation-events.ts'
import { packOutbox } from '../workload/wire-batches.ts'

/** Reads of each page; none is answered by what was read for another. */
const READS = 40
const TABS = 10
/** Of a round: long enough that each tab is read again several times meanwhile. */
const EVENTS = 600_000
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
  const { dx } = servers
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

  const open = paths.slice(0, TABS)
  const beside = await measureBesideTabs(servers, options, console, open, batches)
  measures.push(beside.measure)
  return {
    rows,
    rowBytes,
    postgresql: servers.version,
    measures,
    notes: [
      `${filled.batches} batches in the ledger, ${filled.refused} quarantined rows and as many dead letters, filled in ${filled.seconds.toFixed(0)} s`,
      `each page read ${READS} times, one after the other, none from what was read before`,
      `p50 in ms: ${halves.join(', ')}`,
      ...beside.notes,
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
