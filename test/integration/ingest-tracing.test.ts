import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { createHqDatabase } from '../support/databases.ts'
import {
  buildEnvelope,
  buildRow,
  deliver,
  envelopeRow,
  send,
  startGateway,
} from './ingest-client.ts'
import { spawnGateway } from './ingest-process.ts'

const RUNS = 'dx_operation_runs_v1'
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER_SPAN = 'b7ad6b7169203331'
const SERVER = 2
const CLIENT = 3
const CONSUMER = 5

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly links?: readonly { readonly traceId: string }[]
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[]
}

/** An OTLP receiver over HTTP and JSON. */
async function receiveSpans(): Promise<{
  readonly endpoint: string
  readonly spans: Span[]
  readonly raw: () => string
}> {
  const spans: Span[] = []
  let raw = ''
  const server = createServer(async (request, response) => {
    const body = await text(request)
    raw += body
    for (const resource of JSON.parse(body).resourceSpans) {
      for (const scope of resource.scopeSpans) spans.push(...scope.spans)
    }
    response.setHeader('content-type', 'application/json')
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    raw: () => raw,
  }
}

function originTraceparent(n: number): string {
  return `00-${n.toString(16).padStart(32, '0')}-${CALLER_SPAN}-01`
}

test('a batch is one trace from the caller to HQ, with links to where its rows come from', async () => {
  await using hq = await createHqDatabase()
  const { endpoint, spans, raw } = await receiveSpans()
  const { child, url } = await spawnGateway(hq.url, {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  })
  const rows = Array.from({ length: 300 }, (_, i) =>
    envelopeRow(buildRow(RUNS, { error_message: 'never on a span' }), {
      traceparent: originTraceparent(i + 1),
    }),
  )
  const headers = { traceparent: `00-${TRACE}-${CALLER_SPAN}-01` }
  expect((await send(url, buildEnvelope(RUNS, rows), { id: 'traced', headers })).status).toBe(200)
  child.kill('SIGTERM')
  await once(child, 'exit')

  const server = spans.find(({ kind }) => kind === SERVER)
  const consumer = spans.find(({ kind }) => kind === CONSUMER)
  const apply = spans.find(({ kind }) => kind === CLIENT)
  expect(server).toMatchObject({
    name: 'POST /v1/batches',
    traceId: TRACE,
    parentSpanId: CALLER_SPAN,
  })
  expect(consumer).toMatchObject({
    name: `process ${RUNS}`,
    traceId: TRACE,
    parentSpanId: server?.spanId,
  })
  expect(apply).toMatchObject({
    name: `apply ${RUNS}`,
    traceId: TRACE,
    parentSpanId: consumer?.spanId,
  })
  expect(consumer?.links).toHaveLength(128)
  const attributes = Object.fromEntries(
    consumer?.attributes.map(({ key, value }) => [key, value]) ?? [],
  )
  expect(attributes).toMatchObject({
    'messaging.batch.message_count': { intValue: 300 },
    'messaging.message.id': { stringValue: 'traced' },
    'hq_export.links.dropped': { intValue: 172 },
  })
  expect(raw()).toContain('hq-ingest')
  expect(raw()).not.toContain('never on a span')

  const client = await hq.connect()
  const ledger = await client.query('select trace_id, span_id from ingest.batch')
  expect(ledger.rows).toEqual([{ trace_id: TRACE, span_id: consumer?.spanId }])
})

test('without tracing the ledger keeps the trace of the caller', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url)
  const headers = { traceparent: `00-${TRACE}-${CALLER_SPAN}-01` }
  await deliver(gateway.url, buildEnvelope(RUNS, [buildRow(RUNS)]), { headers })
  await deliver(gateway.url, buildEnvelope(RUNS, [buildRow(RUNS)]), {
    headers: { traceparent: 'nonsense' },
  })
  const client = await hq.connect()
  const ledger = await client.query(
    'select trace_id, span_id from ingest.batch order by received_at',
  )
  expect(ledger.rows).toEqual([
    { trace_id: TRACE, span_id: CALLER_SPAN },
    { trace_id: null, span_id: null },
  ])
})

test('the log says what happened, and neither a value nor a secret', async () => {
  await using hq = await createHqDatabase()
  const { child, url, log } = await spawnGateway(hq.url, { LOG_LEVEL: 'debug' })
  const good = buildRow(RUNS, { error_message: 'never in the log' })
  const bad = buildRow(RUNS, { status: 'never in the log' })
  await deliver(url, buildEnvelope(RUNS, [good, bad]), { id: 'logged' })
  await send(url, buildEnvelope(RUNS, [good]), {
    headers: { 'webhook-signature': 'v1,never in the log' },
  })
  child.kill('SIGTERM')
  await once(child, 'exit')
  const lines = log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines).toContainEqual(
    expect.objectContaining({
      msg: 'batch',
      batch: 'logged',
      counts: expect.objectContaining({ quarantined: 1 }),
    }),
  )
  expect(lines).toContainEqual(
    expect.objectContaining({
      msg: 'refused',
      code: 'unauthorized',
      reason: expect.stringContaining('signature'),
    }),
  )
  expect(log()).not.toContain('never in the log')
  expect(log()).not.toContain('whsec_')
})
