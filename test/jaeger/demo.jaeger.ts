import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import {
  findTrace,
  findTraces,
  type JaegerSpan,
  type JaegerTrace,
  longestGapMs,
} from './jaeger-trace.ts'
import { type Jaeger, runJaeger } from './run-jaeger.ts'

const DEMO = join(import.meta.dirname, '..', '..', 'apps', 'demo', 'src', 'main.ts')
const SECONDS = '5'
/** Clocks of two processes of one machine, in microseconds. */
const CLOCKS_APART_US = 3_000
/**
 * In most windows something is at work all the time; one that met a collection of garbage may have
 * a longer gap.
 */
const MEDIAN_GAP_MS = 10
const MAX_LINKS_CHECKED = 200

let jaeger: Jaeger
let windows: JaegerTrace[]
let sinceMs: number

function rootOf({ spans }: JaegerTrace): JaegerSpan {
  const [root, ...others] = spans.filter(({ parent }) => parent === undefined)
  if (root === undefined || others.length > 0) throw new Error('a trace has one root')
  return root
}

function only(name: RegExp, spans: readonly JaegerSpan[]): JaegerSpan {
  const found = spans.filter(({ operationName }) => name.test(operationName))
  expect(found, `${name}`).toHaveLength(1)
  return found[0] as JaegerSpan
}

function expectWithin(outer: JaegerSpan, span: JaegerSpan): void {
  const apart = outer.service === span.service ? 0 : CLOCKS_APART_US
  const where = `${span.operationName} in ${outer.operationName} of trace ${outer.traceID}`
  expect(span.startTime, where).toBeGreaterThanOrEqual(outer.startTime - apart)
  // Microseconds were rounded.
  const end = outer.startTime + outer.duration + apart + 2
  expect(span.startTime + span.duration, where).toBeLessThanOrEqual(end)
}

async function resolve(link: { readonly traceID: string; readonly spanID: string }) {
  const trace = await findTrace(jaeger.queryUrl, link.traceID)
  return trace?.spans.find(({ spanID }) => spanID === link.spanID)
}

beforeAll(async () => {
  const { env } = process
  jaeger = await runJaeger(env)
  sinceMs = Date.now()
  const child = spawn(process.execPath, [DEMO, '--seconds', SECONDS, '--rate', '100', '--quiet'], {
    env: {
      PATH: env.PATH,
      HOME: env.HOME,
      OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlpUrl,
      OTEL_BSP_SCHEDULE_DELAY: '200',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [status] = await once(child, 'exit')
  expect(status).toBe(0)
  windows = await waitFor('windows of the relay', async () => {
    const found = await findTraces(jaeger.queryUrl, 'outbox-relay', 'push window', sinceMs)
    return found.length >= 5 && found
  })
})
afterAll(() => jaeger?.[Symbol.asyncDispose]())

test('a window is one trace of both programs, each span below the one that caused it', () => {
  for (const window of windows) {
    const root = rootOf(window)
    expect(root).toMatchObject({ operationName: 'push window', service: 'outbox-relay' })
    const tick = only(/^tick$/, root.children)
    const [page] = root.children.filter(({ operationName }) => operationName === 'read page')
    const ack = only(/^ack$/, root.children)
    const batches = root.children.filter(({ operationName }) => operationName.startsWith('batch '))
    expect(batches.length).toBeGreaterThan(0)
    for (const batch of batches) {
      const send = only(/^send dx_/, batch.children)
      const server = only(/^POST \/v1\/batches$/, send.children)
      expect(server.service).toBe('hq-ingest')
      const processed = only(/^process dx_/, server.children)
      // Few rows are stored at once, if all are news; what then is left has statements of its own.
      const stored = processed.children
        .filter(({ operationName }) => /^(?:store at once|COMMIT)$/.test(operationName))
        .toSorted((a, b) => a.startTime - b.startTime)
        .at(-1)
      if (stored === undefined) throw new Error('nothing has stored the batch')
      for (const span of [send, server, processed, stored]) {
        if (span.parent !== undefined) expectWithin(span.parent, span)
      }
      expect(tick.startTime).toBeLessThanOrEqual(page?.startTime ?? 0)
      expect(page?.startTime).toBeLessThanOrEqual(send.startTime)
      expect(stored.startTime).toBeLessThanOrEqual(ack.startTime + CLOCKS_APART_US)
    }
  }
})

test('its timeline has no gap from tick to ack', () => {
  const gaps = windows.map((window) => longestGapMs(rootOf(window), window.spans))
  const median = gaps.toSorted((a, b) => a - b)[gaps.length >> 1]
  expect(median).toBeLessThan(MEDIAN_GAP_MS)
})

test('every link leads to a span that Jaeger has', async () => {
  const links = windows.flatMap(({ spans }) => spans.flatMap((span) => span.links))
  expect(links.length).toBeGreaterThan(0)
  for (const link of links.slice(0, MAX_LINKS_CHECKED)) {
    expect(await resolve(link), `link to ${link.traceID}`).toMatchObject({
      operationName: 'transaction',
      service: 'data-engine-x',
    })
  }
})

test('from the operation that wrote a row one sees when HQ had it, and in which batch', async () => {
  const operations = await findTraces(jaeger.queryUrl, 'data-engine-x', 'run operation', sinceMs)
  const arrivals = operations.flatMap(({ spans }) =>
    spans.filter(({ operationName }) => operationName.startsWith('deliver dx_')),
  )
  expect(arrivals.length).toBeGreaterThan(10)
  for (const arrival of arrivals.slice(0, MAX_LINKS_CHECKED)) {
    expect(arrival.service).toBe('outbox-relay')
    expect(arrival.parent).toMatchObject({ operationName: 'transaction', service: 'data-engine-x' })
    // Captured inside of the transaction.
    expect(arrival.startTime).toBeGreaterThanOrEqual(
      (arrival.parent?.startTime ?? 0) - CLOCKS_APART_US,
    )
    const [link] = arrival.links
    const send = link === undefined ? undefined : await resolve(link)
    const dataset = arrival.operationName.replace('deliver ', '')
    expect(send).toMatchObject({ operationName: `send ${dataset}`, service: 'outbox-relay' })
    expect(send?.parent?.parent?.operationName).toBe('push window')
  }
})
