import { once } from 'node:events'
import { DIGESTS_PATH } from '@hq-export/contract'
import { expect, test } from 'vitest'
import { OtlpReceiver } from '../../support/otlp/receiver.ts'
import { question } from '../../support/programs/compare-client.ts'
import {
  buildEnvelope,
  buildRow,
  deliver,
  envelopeRow,
  postTo,
  send,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { spawnGateway } from '../../support/programs/ingest-process.ts'
import { createHqDatabase } from '../../support/servers/databases.ts'

const RUNS = 'dx_operation_runs_v1'
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER_SPAN = 'b7ad6b7169203331'

function originTraceparent(n: number): string {
  return `00-${n.toString(16).padStart(32, '0')}-${CALLER_SPAN}-01`
}

test('a batch is one trace from the caller to HQ, with links to where its rows come from', async () => {
  await using hq = await createHqDatabase()
  await using receiver = await OtlpReceiver.start()
  const { child, url } = await spawnGateway(hq.url, receiver.env)
  const rows = Array.from({ length: 300 }, (_, i) =>
    envelopeRow(buildRow(RUNS, { error_message: 'never on a span' }), {
      traceparent: originTraceparent(i + 1),
    }),
  )
  const headers = { traceparent: `00-${TRACE}-${CALLER_SPAN}-01` }
  expect((await send(url, buildEnvelope(RUNS, rows), { id: 'traced', headers })).status).toBe(200)
  child.kill('SIGTERM')
  await once(child, 'exit')

  const server = receiver.find('POST /v1/batches')
  const consumer = receiver.find(`process ${RUNS}`, server)
  expect(server).toMatchObject({ kind: 'server', traceId: TRACE, parentSpanId: CALLER_SPAN })
  expect(consumer).toMatchObject({ kind: 'consumer', traceId: TRACE })
  expect(receiver.find('apply', consumer)).toMatchObject({ kind: 'internal' })
  expect(consumer?.links).toHaveLength(128)
  expect(consumer?.attributes).toMatchObject({
    'messaging.batch.message_count': 300,
    'messaging.message.id': 'traced',
    'hq_export.links.dropped': 172,
  })
  expect(receiver.hasReceived('hq-ingest')).toBe(true)
  expect(receiver.hasReceived('never on a span')).toBe(false)

  const client = await hq.connect()
  const ledger = await client.query('select trace_id, span_id from ingest.batch')
  expect(ledger.rows).toEqual([{ trace_id: TRACE, span_id: consumer?.spanId }])
})

test('a request that compares is a span of the run that asks', async () => {
  await using hq = await createHqDatabase()
  await using receiver = await OtlpReceiver.start()
  const { child, url } = await spawnGateway(hq.url, receiver.env)
  const headers = { traceparent: `00-${TRACE}-${CALLER_SPAN}-01` }
  const response = await postTo(url, DIGESTS_PATH, question(RUNS), { headers })
  expect(response.status).toBe(200)
  child.kill('SIGTERM')
  await once(child, 'exit')
  const server = receiver.find('POST /v1/digests')
  expect(server).toMatchObject({ kind: 'server', traceId: TRACE, parentSpanId: CALLER_SPAN })
  expect(receiver.find(`digest ${RUNS}`, server)).toMatchObject({
    ...{ kind: 'internal', attributes: { 'hq_export.rows': 0 } },
  })
})

test('a refused request says on its span why, and which step refused it', async () => {
  await using hq = await createHqDatabase()
  await using receiver = await OtlpReceiver.start()
  const { child, url } = await spawnGateway(hq.url, receiver.env)
  const headers = { 'webhook-signature': 'v1,never on a span' }
  await send(url, buildEnvelope(RUNS, [buildRow(RUNS)]), { headers })
  child.kill('SIGTERM')
  await once(child, 'exit')
  const server = receiver.find('POST /v1/batches')
  // The caller's error, not the server's.
  expect(server).toMatchObject({
    status: 'unset',
    attributes: { 'http.response.status_code': 401, 'hq_export.refusal': 'unauthorized' },
  })
  expect(receiver.find('verify', server)).toMatchObject({
    status: 'error',
    attributes: { 'error.type': 'unauthorized' },
  })
  expect(receiver.hasReceived('never on a span')).toBe(false)
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
