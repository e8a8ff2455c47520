import { HEARTBEAT_DATASET } from '@hq-export/contract'
import { DOORBELL_CHANNEL } from '@hq-export/outbox-relay/doorbell/doorbell.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ExportedSpan } from '../support/otlp/decode-spans.ts'
import { OtlpReceiver } from '../support/otlp/receiver.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertCompany, insertOrg, insertRun } from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'

const COMPANIES = 'dx_company_entities_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'
const RUNS = 'dx_operation_runs_v1'
const ORIGIN_SPAN = '00f067aa0ba902b7'
/** Stands in rows; must stand in no span. */
const PLANTED = 'secret of the row'
const PLANTED_REFUSED = 'secret of a refused row'

let receiver: OtlpReceiver
let pipeline: Pipeline
let orgId: string

beforeAll(async () => {
  receiver = await OtlpReceiver.start()
  pipeline = await Pipeline.create()
  // PostgreSQL's messages may quote values; a rule of HQ's operator surely does.
  await pipeline.hq.query(`
    create function hq.refuse() returns trigger language plpgsql as $$
    begin raise exception 'no %', new.canonical_name using errcode = '23514'; end $$;
    create trigger refuse before insert on hq.${COMPANIES} for each row
    when (new.canonical_name = '${PLANTED_REFUSED}') execute function hq.refuse()`)
  await pipeline.startGateway(undefined, receiver.env)
  pipeline.startRelay({ ...receiver.env, OTEL_SERVICE_NAME: 'relay-of-a-test' })
  orgId = await insertOrg(pipeline.dx)
})
afterAll(async () => {
  await pipeline[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

function traceId(n: number): string {
  return n.toString(16).padStart(32, '0')
}

function traceparent(n: number, flags = '01'): string {
  return `00-${traceId(n)}-${ORIGIN_SPAN}-${flags}`
}

/** Writes in one transaction that carries a trace context, as the application does. */
async function inTrace(context: string, write: () => Promise<unknown>): Promise<void> {
  await pipeline.dx.query('begin')
  await pipeline.dx.query("select set_config('hq_export.traceparent', $1, true)", [context])
  await write()
  await pipeline.dx.query('commit')
}

/** The span that the relay adds to the trace of the operation that wrote rows of a dataset. */
function arrival(n: number, dataset: string): Promise<ExportedSpan> {
  return waitFor(`the arrival of ${dataset} in trace ${n}`, () =>
    receiver.spans.find(
      (span) => span.traceId === traceId(n) && span.name === `deliver ${dataset}`,
    ),
  )
}

async function spanOf(name: string, parent: ExportedSpan): Promise<ExportedSpan> {
  return waitFor(`span ${name} below ${parent.name}`, () => receiver.find(name, parent))
}

function sendOf({ links }: ExportedSpan): Promise<ExportedSpan> {
  return waitFor('the span that an arrival links to', () =>
    receiver.spans.find(
      (span) => span.spanId === links[0]?.spanId && span.traceId === links[0]?.traceId,
    ),
  )
}

function parentOf(child: ExportedSpan): Promise<ExportedSpan> {
  return waitFor(`the parent of ${child.name}`, () =>
    receiver.spans.find(
      ({ spanId, traceId: trace }) => spanId === child.parentSpanId && trace === child.traceId,
    ),
  )
}

function expectInOrder(...spans: readonly ExportedSpan[]): void {
  for (const [i, span] of spans.entries()) {
    const before = spans[i - 1]
    if (before !== undefined) {
      expect(span.startMs, `${span.name} after ${before.name}`).toBeGreaterThanOrEqual(before.endMs)
    }
  }
}

/** Clocks of two processes of one machine. */
const CLOCKS_APART_MS = 3

function expectWithin(outer: ExportedSpan, ...spans: readonly ExportedSpan[]): void {
  for (const span of spans) {
    const apartMs = span.service === outer.service ? 0 : CLOCKS_APART_MS
    const where = `${span.name} in ${outer.name}`
    expect(span.startMs, where).toBeGreaterThanOrEqual(outer.startMs - apartMs)
    expect(span.endMs, where).toBeLessThanOrEqual(outer.endMs + apartMs)
  }
}

test('a row is followed from the transaction that wrote it through both apps, by the standard variables alone', async () => {
  await inTrace(traceparent(1), () =>
    insertCompany(pipeline.dx, orgId, { canonical_name: PLANTED }),
  )
  const arrived = await arrival(1, COMPANIES)
  expect(arrived).toMatchObject({
    service: 'relay-of-a-test',
    kind: 'producer',
    parentSpanId: ORIGIN_SPAN,
    status: 'unset',
    attributes: { 'messaging.destination.name': COMPANIES, 'hq_export.rows': 1 },
  })

  const send = await sendOf(arrived)
  expect(send).toMatchObject({
    name: `send ${COMPANIES}`,
    kind: 'client',
    attributes: {
      'messaging.batch.message_count': 1,
      'hq_export.attempt': 1,
      'hq_export.links.dropped': 0,
      'http.response.status_code': 200,
    },
  })
  const origin = { traceId: traceId(1), spanId: ORIGIN_SPAN, attributes: expect.anything() }
  expect(send.links).toEqual([origin])

  const batch = await parentOf(send)
  expect(batch).toMatchObject({ name: `batch ${COMPANIES}`, kind: 'internal' })
  const window = await parentOf(batch)
  expect(window).toMatchObject({ name: 'push window', kind: 'internal', parentSpanId: '' })
  const tick = await spanOf('tick', window)
  const page = await spanOf('read page', window)
  const ack = await spanOf('ack', window)
  const compress = await spanOf('compress', batch)

  const server = await spanOf('POST /v1/batches', send)
  expect(server).toMatchObject({
    service: 'hq-ingest',
    kind: 'server',
    attributes: { 'http.route': '/v1/batches', 'http.response.status_code': 200 },
  })
  const [body, verify, decompress, decode] = await Promise.all(
    ['read body', 'verify', 'decompress', 'decode'].map((name) => spanOf(name, server)),
  )
  const processed = await spanOf(`process ${COMPANIES}`, server)
  expect(processed).toMatchObject({
    kind: 'consumer',
    links: [origin],
    attributes: { 'messaging.batch.message_count': 1, 'hq_export.rows.inserted': 1 },
  })
  const validate = await spanOf('validate', processed)
  const stored = await spanOf('store at once', processed)
  const insert = await spanOf(`INSERT hq.${COMPANIES}`, stored)
  expect(insert).toMatchObject({
    kind: 'client',
    attributes: {
      'db.system.name': 'postgresql',
      'db.query.text': expect.stringContaining(`insert into hq.${COMPANIES}`),
    },
  })

  if (!body || !verify || !decompress || !decode) throw new Error('the steps of a request')
  expectInOrder(tick, page, batch, ack)
  expectInOrder(compress, send)
  expectInOrder(body, verify, decompress, decode, processed)
  expectInOrder(validate, stored)
  expectWithin(window, tick, page, batch, ack)
  expectWithin(batch, compress, send)
  expectWithin(send, server)
  expectWithin(server, body, verify, decompress, decode, processed)
  expectWithin(processed, validate, stored)
  expectWithin(stored, insert)
  // From the capture, which is before the tick, to HQ's answer.
  expect(arrived.startMs).toBeLessThan(tick.startMs)
  expect(arrived.endMs).toBeGreaterThanOrEqual(server.endMs - CLOCKS_APART_MS)
  expect(arrived.endMs).toBeLessThanOrEqual(send.endMs)
  expect(receiver.spans.some(({ name }) => name.includes('pg.query'))).toBe(false)
})

test('a batch of many rows shows every statement of its transaction', async () => {
  await inTrace(traceparent(40), () =>
    pipeline.dx.query(
      `insert into entities.company_entities (org_id, canonical_name)
       select $1, n from generate_series(1, 100) n`,
      [orgId],
    ),
  )
  const copied = await sendOf(await arrival(40, SNAPSHOTS))
  const processed = await spanOf(`process ${SNAPSHOTS}`, await spanOf('POST /v1/batches', copied))
  const begin = await spanOf('BEGIN', processed)
  const apply = await spanOf('apply', processed)
  const copy = await spanOf(`COPY hq.${SNAPSHOTS}`, apply)
  expect(copy).toMatchObject({ kind: 'client', attributes: { 'db.operation.name': 'COPY' } })
  const ledger = await spanOf('INSERT ingest.batch', processed)
  const commit = await spanOf('COMMIT', processed)
  expectInOrder(begin, apply, ledger, commit)
  expectWithin(processed, begin, apply, ledger, commit)
  expectWithin(apply, copy)
})

test('a sqlcommenter comment carries the trace as the setting does', async () => {
  await pipeline.dx.query(
    `insert into ops.orgs (id, name) values (gen_random_uuid(), 'x'); insert into entities.company_entities (org_id, canonical_name) values ('${orgId}', 'a') /*traceparent='${traceparent(2)}'*/`,
  )
  expect(await arrival(2, COMPANIES)).toMatchObject({ parentSpanId: ORIGIN_SPAN })
})

test('an origin that was not sampled gets no span and no link', async () => {
  await inTrace(traceparent(3, '00'), () => insertRun(pipeline.dx, orgId))
  await inTrace(traceparent(4), () => insertRun(pipeline.dx, orgId))
  await arrival(4, RUNS)
  expect(receiver.spans.filter(({ traceId: id }) => id === traceId(3))).toEqual([])
  const linked = receiver.spans.flatMap(({ links }) => links.map(({ traceId: id }) => id))
  expect(linked).not.toContain(traceId(3))
})

test('a row that HQ refuses fails the arrival in the trace that wrote it, and no value is in any span', async () => {
  await inTrace(traceparent(5), () =>
    insertCompany(pipeline.dx, orgId, { canonical_name: PLANTED_REFUSED }),
  )
  const arrived = await arrival(5, COMPANIES)
  expect(arrived).toMatchObject({
    status: 'error',
    attributes: { 'error.type': 'database_rejected', 'hq_export.rows.refused': 1 },
  })
  const send = await sendOf(arrived)
  expect(send).toMatchObject({ status: 'unset', events: [{ name: 'rows.quarantined' }] })
  await spanOf('keep dead letters', await parentOf(send))
  const server = await spanOf('POST /v1/batches', send)
  const processed = await spanOf(`process ${COMPANIES}`, server)
  expect(processed).toMatchObject({
    status: 'unset',
    attributes: { 'hq_export.rows.quarantined': 1 },
  })
  const insert = await spanOf(`INSERT hq.${COMPANIES}`, await spanOf('apply', processed))
  expect(insert).toMatchObject({ status: 'error', attributes: { 'error.type': '23514' } })

  for (const text of [PLANTED, PLANTED_REFUSED, pipeline.secret, orgId]) {
    expect(receiver.hasReceived(text), text).toBe(false)
  }
  expect(receiver.hasReceived('hq-ingest')).toBe(true)
})

test('a relay at rest emits nothing', async () => {
  await pipeline.settled()
  const restMs = Date.now()
  // Each ring makes it look into the outbox and find nothing.
  for (let ring = 0; ring < 20; ring++) {
    await pipeline.dx.query("select pg_notify($1, '')", [DOORBELL_CHANNEL])
  }
  await inTrace(traceparent(6), () => insertRun(pipeline.dx, orgId))
  const window = await parentOf(await parentOf(await sendOf(await arrival(6, RUNS))))
  await waitFor('the window to end', () => receiver.find('ack', window))
  const written = [window.traceId, traceId(6)]
  // What falls due by time may do so meanwhile: a heartbeat, which is a row and has a window, and a
  // look at the keys that changed.
  const dueByTime = [`send ${HEARTBEAT_DATASET}`, 'follow']
  const isDueByTime = (trace: string) =>
    receiver.spans.some((span) => span.traceId === trace && dueByTime.includes(span.name))
  const since = () => receiver.spans.filter(({ startMs }) => startMs > restMs)
  const others = () =>
    since().filter(({ traceId: id }) => !written.includes(id) && !isDueByTime(id))
  await waitFor('what was written', () =>
    written.every((id) => since().some(({ traceId: trace }) => trace === id)),
  )
  // One of what falls due by time is known for it by a span that may come after others.
  await waitFor('no other trace', () => others().length === 0).catch((cause: unknown) => {
    throw new Error(`${others().map(({ name }) => name)}`, { cause })
  })
})

test('300 traces in one batch are 128 links and 128 arrivals, and the rest is counted', async () => {
  await using quiet = await OtlpReceiver.start()
  await using other = await Pipeline.create()
  const org = await insertOrg(other.dx)
  for (let n = 1; n <= 300; n++) {
    await other.dx.query('begin')
    await other.dx.query("select set_config('hq_export.traceparent', $1, true)", [traceparent(n)])
    await insertRun(other.dx, org)
    await other.dx.query('commit')
  }
  await other.startGateway(undefined, quiet.env)
  other.startRelay(quiet.env)
  await other.settled()
  const send = await waitFor('the attempt', () => quiet.find(`send ${RUNS}`))
  const server = await waitFor('the request', () => quiet.find('POST /v1/batches', send))
  const processed = await waitFor('the batch', () => quiet.find(`process ${RUNS}`, server))
  for (const span of [send, processed]) {
    expect(span.links).toHaveLength(128)
    expect(span.attributes).toMatchObject({
      'messaging.batch.message_count': 300,
      'hq_export.links.dropped': 172,
    })
  }
  // Ends after the arrivals, and so it is exported with or after them.
  await waitFor('the end of the window', () =>
    quiet.spans.some(({ name, traceId: trace }) => name === 'ack' && trace === send.traceId),
  )
  const arrivals = quiet.spans.filter(({ name }) => name === `deliver ${RUNS}`)
  expect(new Set(arrivals.map(({ traceId: id }) => id)).size).toBe(128)
})
