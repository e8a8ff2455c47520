import { SCREENS } from '@hq-export/console/screens.ts'
import { request } from 'undici'
import { assertCount } from '../measure/assert-count.ts'
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
import { FILLED_SOURCE, fillPast } from '../workload/console-fill.ts'
import { EVENTS_DATASET } from '../workload/drain-events.ts'
import { insertEvents, insertRuns } from '../workload/operation-events.ts'
import { postBatches } from '../workload/post-batches.ts'
import { packOutbox } from '../workload/wire-batches.ts'

/** Reads of each page; none is answered by what was read for another. */
const READS = 40
const TABS = 10
const EVENTS = 200_000
/** Of rates with and without tabs, in turn; one pair would be noise. */
const PAIRS = 5

/** Addresses of screens that take a parameter of the filled rows. */
const SAMPLES: Readonly<Record<string, string>> = {
  dataset: 'dx_company_entities_v1',
  source: FILLED_SOURCE,
  code: 'invalid_value',
}

/** Pages whose address needs no row that is not there. */
function pages(): string[] {
  const filled = SCREENS.map(({ path }) =>
    path.replace(/:(\w+)/g, (_, name) => SAMPLES[name] ?? '1'),
  )
  return filled.map((path) => path.replace('/batches/filled/1', '/batches/filled/batch%201'))
}

/** Links of the refused groups lead to lists, and those to rows: the longest ones. */
async function linksFrom(url: string, path: string, pattern: RegExp): Promise<string[]> {
  const [link] = pattern.exec(await readPage(url, path)) ?? []
  return link === undefined ? [] : [link.slice('href="'.length, -1).replaceAll('&amp;', '&')]
}

/** False where a page needs a row that was not filled, such as a run of a reconciliation. */
async function isThere(url: string, path: string): Promise<boolean> {
  const { statusCode, body } = await request(`${url}${path}`)
  await body.dump()
  if (statusCode !== 200 && statusCode !== 404)
    throw new Error(`the console answered ${statusCode} to ${path}`)
  return statusCode === 200
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
  await using servers = await startServers()
  const { dx, hq } = servers
  await install(servers, [EVENTS_DATASET])
  await insertRuns(dx.client, EVENTS)
  await emptyOutbox(dx.client)
  await insertEvents(dx.client, EVENTS, options)
  const rowBytes = Math.round(await assertWaiting(dx.client, EVENTS))
  const batches = await packOutbox(dx.client, EVENTS_DATASET)
  const filled = await fillPast(servers, rows, report, signal)
  await using console = await startConsole(servers, options)
  const { url } = console
  const measures: Measure[] = []

  const known: string[] = []
  for (const path of pages()) if (await isThere(url, path)) known.push(path)
  known.push(...(await linksFrom(url, '/refused', /href="\/refused\?[^"]*group=[^"]*"/)))
  for (const path of known) {
    const rounds: number[] = []
    for (let round = 0; round < repeat; round++) {
      rounds.push(percentile(await timesOf(url, path, signal), 95))
    }
    measures.push(measureOf({ name: `p95_ms ${path}`, unit: 'ms', digits: 1, ours: rounds }))
    report(`${path}: p95 ${median(rounds).toFixed(0)} ms`)
  }

  await using gateway = await startGateway(servers, options)
  const rate = async (tabs: readonly string[]): Promise<number> => {
    await hq.client.query(`truncate hq.${EVENTS_DATASET}`)
    await hq.client.query('delete from ingest.batch where source = $1', [SOURCE])
    await hq.client.query('checkpoint')
    await using _ = new OpenTabs(url, tabs)
    const found = await timedRate(EVENTS, () => postBatches(gateway, batches, signal))
    await assertCount(hq.client, `hq.${EVENTS_DATASET}`, EVENTS)
    return found
  }
  const open = Array.from({ length: TABS }, (_, tab) => known[tab % known.length] ?? '/')
  await rate([])
  const alone: number[] = []
  const beside: number[] = []
  for (let pair = 0; pair < PAIRS * repeat; pair++) {
    alone.push(await rate([]))
    beside.push(await rate(open))
    report(
      `${Math.round(beside.at(-1) ?? 0)} rows/s, without tabs ${Math.round(alone.at(-1) ?? 0)}`,
    )
  }
  const anchor = { name: 'without tabs', values: alone }
  measures.push(measureOf({ name: 'rows_per_s_with_tabs', unit: 'rows/s', ours: beside, anchor }))
  return {
    rows,
    rowBytes,
    postgresql: servers.version,
    measures,
    notes: [
      `${filled.batches} batches in the ledger, ${filled.refused} quarantined rows, ${filled.letters} dead letters`,
      `each page read ${READS} times, one after the other, none from what was read before`,
      `rates: ${EVENTS} events in batches of 2,000 into the gateway alone, with ${TABS} tabs (${open.join(', ')}) and without, in turn`,
      `console: ${(await console.program.memory.megabytes()).toFixed(0)} MB at most`,
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
