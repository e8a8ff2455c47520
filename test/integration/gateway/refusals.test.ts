import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { LIMITS } from '@hq-export/contract'
import { IngestServer } from '@hq-export/hq-ingest/ingest-server.ts'
import { createSilentLogger } from '@hq-export/hq-ingest/process/log.ts'
import type pg from 'pg'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { startSite } from '../../support/programs/gateway-site.ts'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  deliver,
  ingestKey,
  post,
  problemOf,
  SECRET,
  type SendOptions,
  SOURCE,
  send,
  signedRequest,
  startGateway,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'
import type { TestDatabase } from '../../support/servers/databases.ts'

const RUNS = 'dx_operation_runs_v1'
const OTHER_SECRET = `whsec_${randomBytes(32).toString('base64')}`

let hq: TestDatabase
let gateway: TestGateway
let client: pg.Client

beforeAll(async () => {
  const site = await startSite({
    keys: [ingestKey(), ingestKey({ source: 'other', secret: OTHER_SECRET })],
  })
  hq = site.hq
  gateway = site.gateway
  client = site.client
  return site.stop
})

afterEach(async () => {
  await client.query(`truncate hq.${RUNS}, ingest.batch, ingest.quarantine`)
})

async function expectNothingWritten(): Promise<void> {
  const { rows } = await client.query(
    `select (select count(*) from hq.${RUNS}) + (select count(*) from ingest.batch)
       + (select count(*) from ingest.quarantine) as n`,
  )
  expect(rows).toEqual([{ n: '0' }])
}

function envelope() {
  return buildEnvelope(RUNS, [buildRow(RUNS)])
}

const nowSeconds = () => Math.floor(Date.now() / 1000)

test.each<{ name: string; options: SendOptions }>([
  { name: 'a missing signature', options: { headers: { 'webhook-signature': undefined } } },
  { name: 'a malformed signature', options: { headers: { 'webhook-signature': 'v1' } } },
  { name: 'a wrong signature', options: { secret: `whsec_${randomBytes(32).toString('base64')}` } },
  {
    name: 'an unknown signature version',
    options: { headers: { 'webhook-signature': 'v9,AAAA' } },
  },
  { name: 'a missing timestamp', options: { headers: { 'webhook-timestamp': undefined } } },
  { name: 'a malformed timestamp', options: { headers: { 'webhook-timestamp': 'now' } } },
  {
    name: 'a timestamp that was not signed',
    options: { headers: { 'webhook-timestamp': String(nowSeconds() - 1) } },
  },
  { name: 'a timestamp of 302 s ago', options: { timestamp: nowSeconds() - 302 } },
  { name: 'a timestamp in 302 s', options: { timestamp: nowSeconds() + 305 } },
  { name: 'another id than the signed one', options: { headers: { 'webhook-id': 'another' } } },
  { name: 'the key of another source', options: { secret: OTHER_SECRET } },
])('$name is refused, always with the same 401, and nothing is written', async ({ options }) => {
  const response = await send(gateway.url, envelope(), options)
  expect(response.status).toBe(401)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(await response.json()).toEqual({
    type: '/problems/unauthorized',
    title: 'The signature was not accepted',
    status: 401,
    code: 'unauthorized',
    instance: expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/),
  })
  await expectNothingWritten()
})

test('a body changed after it was signed is refused', async () => {
  const request = signedRequest(JSON.stringify(envelope()))
  const body = Buffer.from(request.body as Uint8Array)
  body.writeUInt8(body.readUInt8(body.length - 3) ^ 1, body.length - 3)
  const response = await fetch(`${gateway.url}/v1/batches`, {
    ...request,
    body: new Uint8Array(body),
  })
  expect(response.status).toBe(401)
  await expectNothingWritten()
})

test('an unsigned body is refused before it is decompressed or parsed', async () => {
  const bomb = zstdCompressSync(Buffer.alloc(LIMITS.maxDecodedBytes + 1))
  const response = await post(gateway.url, bomb, {
    encoding: 'zstd',
    headers: { 'webhook-signature': 'v1,AAAA' },
  })
  expect(response.status).toBe(401)
})

test.each<{ name: string; id: string | undefined }>([
  { name: 'missing', id: undefined },
  { name: 'empty', id: '' },
  { name: 'with a dot', id: 'a.b' },
  { name: 'too long', id: 'a'.repeat(129) },
])('a webhook-id that is $name is refused with 400', async ({ id }) => {
  const response = await send(gateway.url, envelope(), { headers: { 'webhook-id': id } })
  expect(await problemOf(response)).toMatchObject({ status: 400, code: 'invalid_webhook_id' })
  await expectNothingWritten()
})

test.each([
  { header: 'webhook-id', code: 'invalid_webhook_id' },
  { header: 'webhook-timestamp', code: 'malformed_request' },
  { header: 'webhook-signature', code: 'malformed_request' },
])('a repeated $header is refused with 400', async ({ header, code }) => {
  const { headers, body } = signedRequest(JSON.stringify(envelope()))
  const given = Object.entries(headers as Record<string, string>)
  const lines = given.flatMap(([name, value]) =>
    name === header
      ? [
          [name, value],
          [name, value],
        ]
      : [[name, value]],
  )
  const bytes = Buffer.from(body as Uint8Array)
  const answer = await rawRequest(
    `POST /v1/batches HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${bytes.length}\r\n` +
      `${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    bytes,
  )
  expect(answer).toMatch(/^HTTP\/1.1 400 /)
  expect(answer).toContain(`"code":"${code}"`)
  await expectNothingWritten()
})

async function rawRequest(head: string, body: Buffer): Promise<string> {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.write(head)
  socket.write(body)
  await once(socket, 'close')
  return answer
}

test.each<{ name: string; body: string | Buffer }>([
  { name: 'no JSON', body: '{' },
  { name: 'empty', body: '' },
  { name: 'not UTF-8', body: Buffer.from([0x7b, 0xff, 0x7d]) },
  {
    name: 'with a byte order mark',
    body: `\uFEFF${JSON.stringify(buildEnvelope(RUNS, [buildRow(RUNS)]))}`,
  },
  { name: 'no object', body: '[]' },
  { name: 'null', body: 'null' },
  { name: 'without rows', body: JSON.stringify({ ...buildEnvelope(RUNS, []), rows: undefined }) },
  { name: 'with no row in it', body: JSON.stringify(buildEnvelope(RUNS, [])) },
  {
    name: 'with a row that is no object',
    body: JSON.stringify({ ...buildEnvelope(RUNS, []), rows: [1] }),
  },
  {
    name: 'with an xid beyond 64 bits',
    body: JSON.stringify(
      buildEnvelope(RUNS, [
        { row: {}, xid: '18446744073709551616', captured_at: '2026-01-01T00:00:00Z' },
      ]),
    ),
  },
  {
    name: 'captured on 30 February',
    body: JSON.stringify(
      buildEnvelope(RUNS, [{ row: {}, xid: '1', captured_at: '2026-02-30T00:00:00Z' }]),
    ),
  },
])('a signed body that is $name is refused with 400', async ({ body }) => {
  const response = await post(gateway.url, body)
  const problem = await problemOf(response)
  expect(problem).toMatchObject({ status: 400, code: 'invalid_envelope' })
  await expectNothingWritten()
})

test.each([
  { encoding: 'zstd', body: Buffer.from('not zstd') },
  { encoding: 'gzip', body: gzipSync('{"truncated": true}').subarray(0, 12) },
  {
    encoding: 'zstd',
    body: zstdCompressSync(JSON.stringify({ truncated: 'x'.repeat(5000) })).subarray(0, 12),
  },
])('a corrupt $encoding body is refused with 400', async ({ encoding, body }) => {
  expect(await problemOf(await post(gateway.url, body, { encoding }))).toMatchObject({
    status: 400,
    code: 'invalid_envelope',
  })
})

test.each([undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonx'])(
  'content-type %s is refused with 415',
  async (type) => {
    const response = await send(gateway.url, envelope(), { headers: { 'content-type': type } })
    expect(response.headers.get('accept-post')).toBe('application/json')
    expect(await problemOf(response)).toMatchObject({ status: 415, code: 'unsupported_media_type' })
    await expectNothingWritten()
  },
)

test('content-type may carry parameters and any case', async () => {
  const headers = { 'content-type': 'Application/JSON; charset=utf-8' }
  expect((await send(gateway.url, envelope(), { headers })).status).toBe(200)
})

test.each(['br', 'deflate', 'gzip, zstd', 'zstd, zstd'])(
  'content-encoding %s is refused with 415',
  async (encoding) => {
    const response = await send(gateway.url, envelope(), { encoding })
    expect(response.headers.get('accept-encoding')).toBe('zstd, gzip')
    expect(await problemOf(response)).toMatchObject({ status: 415, code: 'unsupported_encoding' })
    await expectNothingWritten()
  },
)

test.each<{ name: string; options: SendOptions }>([
  { name: 'nothing', options: { encode: (body) => body, encoding: undefined as never } },
  { name: 'identity', options: { encode: (body) => body, encoding: 'identity' } },
  { name: 'gzip', options: { encode: (body) => gzipSync(body), encoding: 'gzip' } },
  { name: 'GZIP', options: { encode: (body) => gzipSync(body), encoding: 'GZIP' } },
  { name: 'zstd', options: { encode: (body) => zstdCompressSync(body), encoding: 'zstd' } },
])('a body with content-encoding $name is accepted', async ({ options }) => {
  const answer = await answerOf(await send(gateway.url, envelope(), options))
  expect(answer.counts.inserted).toBe(1)
})

test('the same id with the same content in another encoding is the same batch', async () => {
  const batch = envelope()
  await deliver(gateway.url, batch, { id: 'once' })
  const again = await send(gateway.url, batch, {
    id: 'once',
    encode: (body) => gzipSync(body),
    encoding: 'gzip',
  })
  expect(again.headers.get('idempotent-replayed')).toBe('true')
})

test('a body above the limit on the wire is refused with 413, declared or not', async () => {
  const body = Buffer.alloc(LIMITS.maxWireBytes + 1, ' ')
  const declared = await post(gateway.url, body)
  expect(await problemOf(declared)).toMatchObject({ status: 413, code: 'too_large' })

  const { headers } = signedRequest(body)
  const chunks = new ReadableStream({
    start(controller) {
      for (let at = 0; at < body.length; at += 65_536)
        controller.enqueue(new Uint8Array(body.subarray(at, at + 65_536)))
      controller.close()
    },
  })
  const request = { method: 'POST', headers, body: chunks, duplex: 'half' } as RequestInit
  const chunked = await fetch(`${gateway.url}/v1/batches`, request)
  expect(await problemOf(chunked)).toMatchObject({ status: 413, code: 'too_large' })
})

test.each([
  { encoding: 'zstd', encode: zstdCompressSync },
  { encoding: 'gzip', encode: gzipSync },
])(
  'a $encoding body that grows above the limit is refused with 413',
  async ({ encoding, encode }) => {
    const response = await post(gateway.url, Buffer.alloc(LIMITS.maxDecodedBytes + 1, ' '), {
      encoding,
      encode: (body) => encode(body),
    })
    expect(await problemOf(response)).toMatchObject({ status: 413, code: 'too_large' })
  },
)

test('more rows than the limit are refused with 413, the largest number is not', async () => {
  const rows = Array.from({ length: LIMITS.maxRows + 1 }, () => ({
    row: {},
    xid: '1',
    captured_at: '2026-01-01T00:00:00Z',
  }))
  expect(await problemOf(await send(gateway.url, buildEnvelope(RUNS, rows)))).toMatchObject({
    status: 413,
    code: 'too_large',
  })
  expect((await deliver(gateway.url, buildEnvelope(RUNS, rows.slice(1)))).counts).toMatchObject({
    received: LIMITS.maxRows,
    quarantined: LIMITS.maxRows,
  })
})

test.each([
  { name: 'an unknown dataset', change: { dataset: 'dx_invoices_v1' } },
  { name: 'an unknown schema version', change: { schema_version: 'v2' } },
  { name: 'a name of Object.prototype', change: { dataset: 'constructor' } },
])('$name is refused with 422', async ({ change }) => {
  expect(await problemOf(await send(gateway.url, { ...envelope(), ...change }))).toMatchObject({
    status: 422,
    code: 'unknown_dataset',
  })
  await expectNothingWritten()
})

test.each([
  { method: 'GET', path: '/v1/batches', allow: 'POST' },
  { method: 'PUT', path: '/v1/batches', allow: 'POST' },
  { method: 'POST', path: '/livez', allow: 'GET, HEAD' },
  { method: 'DELETE', path: '/readyz', allow: 'GET, HEAD' },
])('$method $path is refused with 405 and the allowed methods', async ({ method, path, allow }) => {
  const response = await fetch(`${gateway.url}${path}`, { method })
  expect(response.headers.get('allow')).toBe(allow)
  expect(await problemOf(response)).toMatchObject({ status: 405, code: 'method_not_allowed' })
})

test('an unknown path is refused with 404', async () => {
  for (const path of ['/', '/v1', '/v1/batches/', '/v1/batches/1']) {
    expect(await problemOf(await fetch(`${gateway.url}${path}`))).toMatchObject({
      status: 404,
      code: 'not_found',
    })
  }
})

test('the type of a problem resolves at the gateway', async () => {
  const { type } = await problemOf(await fetch(`${gateway.url}/nowhere`))
  const page = await fetch(new URL(type, gateway.url))
  expect(await page.json()).toMatchObject({
    type,
    code: 'not_found',
    status: 404,
    reaction: 'halt',
    title: 'Nothing at this path',
    advice: expect.stringContaining('no row is at fault'),
  })
})

test('a batch sent twice is applied once and answered the same', async () => {
  const batch = buildEnvelope(RUNS, [buildRow(RUNS), buildRow(RUNS, { status: 'unknown' })])
  const first = await send(gateway.url, batch)
  expect(first.headers.get('idempotent-replayed')).toBeNull()
  const second = await send(gateway.url, batch)
  expect(second.headers.get('idempotent-replayed')).toBe('true')
  expect(await second.text()).toBe(await first.text())
  const { rows } = await client.query(
    `select (select count(*)::int4 from hq.${RUNS}) as rows,
       (select count(*)::int4 from ingest.batch) as batches,
       (select count(*)::int4 from ingest.quarantine) as quarantined`,
  )
  expect(rows).toEqual([{ rows: 1, batches: 1, quarantined: 1 }])
})

test('the same id with other content is refused with 422 and the first stays', async () => {
  await deliver(gateway.url, envelope(), { id: 'taken' })
  const response = await send(gateway.url, envelope(), { id: 'taken' })
  expect(await problemOf(response)).toMatchObject({ status: 422, code: 'webhook_id_reused' })
  const { rows } = await client.query(`select count(*)::int4 as n from hq.${RUNS}`)
  expect(rows).toEqual([{ n: 1 }])
})

test('two sources may use the same id', async () => {
  const mine = envelope()
  const theirs = { ...envelope(), source: 'other' }
  await deliver(gateway.url, mine, { id: 'shared' })
  expect(
    (await deliver(gateway.url, theirs, { id: 'shared', secret: OTHER_SECRET })).counts.inserted,
  ).toBe(1)
})

test('the same id in flight is refused with 409, and exactly one of twenty is applied', async () => {
  const batch = buildEnvelope(
    RUNS,
    Array.from({ length: 500 }, () => buildRow(RUNS)),
  )
  const responses = await Promise.all(Array.from({ length: 20 }, () => send(gateway.url, batch)))
  const fresh = responses.filter(
    (r) => r.status === 200 && r.headers.get('idempotent-replayed') === null,
  )
  expect(fresh).toHaveLength(1)
  for (const response of responses) {
    if (response.status === 200) {
      expect((await answerOf(response)).counts.inserted).toBe(500)
    } else {
      expect(response.headers.get('retry-after')).toBe('1')
      expect(await problemOf(response)).toMatchObject({ status: 409, code: 'in_flight' })
    }
  }
})

test('the official Standard Webhooks library signs a batch that we accept', async () => {
  const body = JSON.stringify(envelope())
  const id = randomUUID()
  const timestamp = new Date()
  const signature = new Webhook(SECRET).sign(id, timestamp, body)
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(timestamp.getTime() / 1000)),
    'webhook-signature': signature,
  }
  const response = await fetch(`${gateway.url}/v1/batches`, { method: 'POST', headers, body })
  expect((await answerOf(response)).counts.inserted).toBe(1)
})

test('every key of a source is tried, so that keys can overlap while they rotate', async () => {
  await using rotating = await startGateway(hq.url, {
    keys: [ingestKey({ secret: OTHER_SECRET }), ingestKey()],
  })
  await deliver(rotating.url, envelope(), { secret: SECRET })
  await deliver(rotating.url, envelope(), { secret: OTHER_SECRET })
  const { rows } = await client.query(
    'select distinct key_id from ingest.batch where source = $1',
    [SOURCE],
  )
  expect(rows).toHaveLength(2)
})

test('the replay window is measured on the injected clock', async () => {
  await using later = await startGateway(hq.url, { now: () => Date.now() + 400_000 })
  expect((await send(later.url, envelope())).status).toBe(401)
  expect((await send(later.url, envelope(), { timestamp: nowSeconds() + 400 })).status).toBe(200)
})

test.each([-1, 1])(
  'a timestamp 300 s off (%i) is believed, one 301 s off is refused',
  async (way) => {
    const seconds = 1_767_225_600
    await using fixed = await startGateway(hq.url, { now: () => seconds * 1000 })
    const off = (by: number) => send(fixed.url, envelope(), { timestamp: seconds + way * by })
    expect((await off(300)).status).toBe(200)
    expect((await off(301)).status).toBe(401)
  },
)

test('a body that does not arrive in time is refused with 408', async () => {
  await using impatient = await startGateway(hq.url, { limits: { bodyTimeoutMs: 50 } })
  const { hostname, port } = new URL(impatient.url)
  const socket = connect(Number(port), hostname)
  socket.write(
    'POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nwebhook-id: a\r\ncontent-length: 10\r\n\r\n{',
  )
  let answer = ''
  for await (const chunk of socket) answer += chunk
  expect(answer).toMatch(/^HTTP\/1.1 408 /)
  expect(answer).toContain('"code":"body_timeout"')
})

test('a caller that goes away in the middle of its body leaves nothing behind', async () => {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  socket.write(
    'POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nwebhook-id: a\r\ncontent-length: 10\r\n\r\n{',
    () => socket.destroy(),
  )
  await once(socket, 'close')
  expect((await send(gateway.url, envelope())).status).toBe(200)
})

test('a server that cannot listen fails its start and can still be stopped', async () => {
  const server = new IngestServer({
    databaseUrl: hq.url,
    keys: [ingestKey()],
    host: '127.0.0.1',
    port: Number(new URL(gateway.url).port),
    log: createSilentLogger(),
  })
  await expect(server.start()).rejects.toThrow('EADDRINUSE')
  await server.stop()
  await server.stop()
})
