import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { LIMITS, PROBLEMS } from '@hq-export/contract'
import { DEFAULT_GATEWAY_LIMITS } from '@hq-export/hq-ingest/admission/gateway-limits.ts'
import type pg from 'pg'
import { Pool } from 'undici'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { RawConnection, rawHead } from '../../support/network/raw-connection.ts'
import { startSite } from '../../support/programs/gateway-site.ts'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  deliver,
  post,
  problemOf,
  send,
  signedRequest,
  startGateway,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'
import type { TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'

let hq: TestDatabase
let gateway: TestGateway
let client: pg.Client

beforeAll(async () => {
  const site = await startSite()
  hq = site.hq
  gateway = site.gateway
  client = site.client
  return site.stop
})

afterEach(async () => {
  await client.query(`truncate hq.${RUNS}, ingest.batch, ingest.quarantine`)
})

async function written() {
  const { rows } = await client.query<{ rows: number; batches: number; quarantined: number }>(
    `select (select count(*)::int4 from hq.${RUNS}) as rows,
       (select count(*)::int4 from ingest.batch) as batches,
       (select count(*)::int4 from ingest.quarantine) as quarantined`,
  )
  return rows[0]
}

const NOTHING = { rows: 0, batches: 0, quarantined: 0 }

function envelope() {
  return buildEnvelope(RUNS, [buildRow(RUNS)])
}

function signedBytes(text: string): { headers: Record<string, string>; bytes: Uint8Array } {
  const { headers, body } = signedRequest(text)
  return { headers: headers as Record<string, string>, bytes: body as Uint8Array }
}

/** Enough of a head to be asked for a body. */
const JSON_HEAD = { 'content-type': 'application/json', 'webhook-id': 'a' }

test('a body of 1 byte/s is refused with 408 when its time is over', async () => {
  await using impatient = await startGateway(hq.url, { limits: { bodyTimeoutMs: 1_200 } })
  using connection = new RawConnection(impatient.url)
  connection.send(rawHead({ ...JSON_HEAD, 'content-length': 100 }))
  const dripping = setInterval(() => connection.send('x'), 1_000)
  const answer = await connection.closed().finally(() => clearInterval(dripping))
  expect(answer).toMatch(/^HTTP\/1.1 408 /)
  expect(answer).toContain('within 1200 ms')
  expect(answer.toLowerCase()).toContain('retry-after: 1')
})

test('a body that pauses is refused with 408, one that only takes long is not', async () => {
  await using impatient = await startGateway(hq.url, { limits: { bodyIdleTimeoutMs: 2_000 } })
  using paused = new RawConnection(impatient.url)
  paused.send(rawHead({ ...JSON_HEAD, 'content-length': 100 }))
  paused.send('{')

  const { headers, bytes } = signedBytes(JSON.stringify(envelope()))
  using slow = new RawConnection(impatient.url)
  slow.send(rawHead({ ...headers, 'content-length': bytes.length, connection: 'close' }))
  const step = Math.ceil(bytes.length / 22)
  for (let at = 0; at < bytes.length; at += step) {
    slow.send(bytes.subarray(at, at + step))
    await delay(100)
  }
  expect(await slow.closed()).toMatch(/^HTTP\/1.1 200 /)
  expect(await paused.closed()).toMatch(/^HTTP\/1.1 408 [\s\S]*must not pause for 2000 ms/)
})

test('headers that do not arrive in time are refused with 408', async () => {
  await using impatient = await startGateway(hq.url, { limits: { headersTimeoutMs: 200 } })
  using connection = new RawConnection(impatient.url)
  connection.send('POST /v1/batches HTTP/1.1\r\nhost: x\r\n')
  const answer = await connection.closed()
  expect(answer).toMatch(/^HTTP\/1.1 408 /)
  expect(answer).toContain('"code":"body_timeout"')
})

test('413 is visible to undici, whose pool goes on with the next request', async () => {
  const pool = new Pool(gateway.url, { connections: 1 })
  try {
    const { headers, bytes } = signedBytes(' '.repeat(4 * LIMITS.maxWireBytes))
    const path = '/v1/batches'
    const refused = await pool.request({ method: 'POST', path, headers, body: bytes })
    expect(refused.statusCode).toBe(413)
    expect(await refused.body.json()).toMatchObject({ code: 'too_large' })
    const good = signedBytes(JSON.stringify(envelope()))
    const accepted = await pool.request({
      method: 'POST',
      path,
      headers: good.headers,
      body: good.bytes,
    })
    expect(accepted.statusCode).toBe(200)
    await accepted.body.dump()
  } finally {
    await pool.close()
  }
})

test.each([
  { name: 'declared', isChunked: false, connection: 'keep-alive' },
  { name: 'declared, the last on its connection', isChunked: false, connection: 'close' },
  { name: 'chunked', isChunked: true, connection: 'keep-alive' },
  { name: 'chunked, the last on its connection', isChunked: true, connection: 'close' },
])(
  '413 is visible to a raw socket that sends all of a body that is $name',
  async ({ isChunked, connection }) => {
    const piece = ' '.repeat(64 * 1024)
    const pieces = 2 * (LIMITS.maxWireBytes / piece.length)
    const length = isChunked
      ? { 'transfer-encoding': 'chunked' }
      : { 'content-length': pieces * piece.length }
    using raw = new RawConnection(gateway.url)
    raw.send(rawHead({ ...JSON_HEAD, ...length, connection }))
    for (let sent = 0; sent < pieces; sent++) {
      raw.send(isChunked ? `10000\r\n${piece}\r\n` : piece)
    }
    if (isChunked) raw.send('0\r\n\r\n')
    await raw.received(/^HTTP\/1.1 413 [\s\S]*"code":"too_large"/)
    expect(raw.error).toBeUndefined()
  },
)

const SMUGGLED = 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'

test.each([
  {
    name: 'content-length and transfer-encoding',
    head: 'content-length: 4\r\ntransfer-encoding: chunked\r\n',
  },
  {
    name: 'transfer-encoding and content-length',
    head: 'transfer-encoding: chunked\r\ncontent-length: 4\r\n',
  },
  { name: 'two lengths', head: 'content-length: 0\r\ncontent-length: 4\r\n' },
  { name: 'a length that is no number', head: 'content-length: +4\r\n' },
  { name: 'a coding after chunked', head: 'transfer-encoding: chunked, identity\r\n' },
  { name: 'a space before the colon', head: 'content-length : 0\r\n' },
  { name: 'a folded header', head: 'x: a\r\n b\r\ncontent-length: 0\r\n bad\r\n' },
  { name: 'a bare line feed', head: 'x: a\ncontent-length: 0\r\n' },
  { name: 'a NUL', head: 'x: a\0b\r\n' },
])('a request with $name is refused with 400, and nothing behind it is read', async ({ head }) => {
  using connection = new RawConnection(gateway.url)
  connection.send(
    `POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nwebhook-id: a\r\n${head}\r\n0\r\n\r\n${SMUGGLED}`,
  )
  const answer = await connection.closed()
  expect(answer).toMatch(/^HTTP\/1.1 400 /)
  expect(answer).toContain('"code":"malformed_request"')
  expect(answer.toLowerCase()).toContain('connection: close')
  expect(answer).not.toContain('alive')
  expect(await written()).toEqual(NOTHING)
})

test.each([
  { name: 'no host', lines: 'GET /livez HTTP/1.1\r\n' },
  { name: 'two hosts', lines: 'GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\n' },
  { name: 'a host that is none', lines: 'GET /livez HTTP/1.1\r\nhost: a/b@c\r\n' },
  { name: 'a target that is none', lines: 'OPTIONS * HTTP/1.1\r\nhost: x\r\n' },
])('a request with $name is refused with 400', async ({ lines }) => {
  using connection = new RawConnection(gateway.url)
  connection.send(`${lines}\r\n`)
  const answer = await connection.closed()
  expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*"code":"malformed_request"/)
  expect(answer).toContain('x-content-type-options: nosniff')
})

test('HTTP/1.0 without a host, as proxies ask for health, is answered', async () => {
  using connection = new RawConnection(gateway.url)
  connection.send('GET /readyz HTTP/1.0\r\n\r\n')
  expect(await connection.closed()).toMatch(/^HTTP\/1.1 200 /)
})

test('no HTTP at all is answered as a problem', async () => {
  using connection = new RawConnection(gateway.url)
  connection.send('\x16\x03\x01\x02\x00\x01\x00')
  expect(await connection.closed()).toMatch(/^HTTP\/1.1 400 [\s\S]*application\/problem\+json/)
})

test('whoever sends no HTTP and never hangs up is cut off', async () => {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  socket.on('error', () => {})
  socket.resume().write('nonsense\r\n\r\n')
  await once(socket, 'end')
  await waitFor('the gateway to be gone', () => {
    if (!socket.destroyed) socket.write('x')
    return socket.destroyed
  })
})

test('headers above the limit are refused with 431', async () => {
  using connection = new RawConnection(gateway.url)
  connection.send(rawHead({ x: 'a'.repeat(20_000) }))
  expect(await connection.closed()).toMatch(/^HTTP\/1.1 431 [\s\S]*"code":"headers_too_large"/)
})

test('a caller that expects 100-continue is asked for its body, and then answered', async () => {
  const { headers, bytes } = signedBytes(JSON.stringify(envelope()))
  using connection = new RawConnection(gateway.url)
  const length = { 'content-length': bytes.length }
  connection.send(rawHead({ ...headers, ...length, expect: '100-continue', connection: 'close' }))
  await connection.received(/^HTTP\/1.1 100 Continue\r\n\r\n/)
  connection.send(bytes)
  expect(await connection.closed()).toMatch(/HTTP\/1.1 200 OK/)
})

test.each([
  { name: 'too large', status: 413, head: { 'content-length': LIMITS.maxWireBytes + 1 } },
  { name: 'no JSON', status: 415, head: { 'content-type': 'text/plain', 'content-length': 9 } },
  { name: 'without an id', status: 400, head: { 'webhook-id': '', 'content-length': 9 } },
])(
  'a caller that expects 100-continue for a body that is $name is refused before it sends it',
  async ({ status, head }) => {
    using connection = new RawConnection(gateway.url)
    connection.send(rawHead({ ...JSON_HEAD, ...head, expect: '100-continue' }))
    const answer = await connection.closed()
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer.toLowerCase()).toContain('connection: close')
  },
)

test('a row nested deeper than 32 costs itself alone; up to it an unknown column is kept', async () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const rows = [buildRow(RUNS, { extra: '@1' }), buildRow(RUNS, { extra: '@2' })]
  const text = JSON.stringify(buildEnvelope(RUNS, rows))
    .replace('"@1"', nested(LIMITS.maxRowDepth))
    .replace('"@2"', nested(LIMITS.maxRowDepth - 1))
  const answer = await answerOf(await post(gateway.url, text))
  expect(answer.counts).toMatchObject({ inserted: 1, quarantined: 1 })
  expect(answer.rows).toMatchObject([
    { index: 0, code: 'invalid_value', detail: 'a row must not be nested deeper than 32' },
  ])
})

test('a body with more objects and arrays than the limit is refused with 413', async () => {
  const text = JSON.stringify(buildEnvelope(RUNS, [buildRow(RUNS, { extra: '@' })]))
  const body = text.replace('"@"', `[${'[],'.repeat(LIMITS.maxContainers)}1]`)
  expect(await problemOf(await post(gateway.url, body))).toMatchObject({ status: 413 })
})

test('/v1/limits tells every limit that is enforced', async () => {
  const limits = { maxRequests: 3, bodyTimeoutMs: 1_234 }
  await using limited = await startGateway(hq.url, { limits })
  expect(await (await fetch(`${limited.url}/v1/limits`)).json()).toEqual({
    ...LIMITS,
    timestampToleranceSeconds: 300,
    ...DEFAULT_GATEWAY_LIMITS,
    ...limits,
    maxActivePerKey: 6,
  })
})

test('every 200 says in its headers how many rows HQ holds and how many it refused', async () => {
  const rows = [buildRow(RUNS), buildRow(RUNS), buildRow(RUNS, { status: 'unknown' })]
  const batch = buildEnvelope(RUNS, rows)
  for (const attempt of [1, 2]) {
    const { headers } = await send(gateway.url, batch)
    expect([headers.get('hq-ingest-accepted'), headers.get('hq-ingest-rejected')]).toEqual([
      '2',
      '1',
    ])
    expect(headers.get('idempotent-replayed')).toBe(attempt === 1 ? null : 'true')
  }
})

test('handling=strict: a bad row refuses all, nothing is applied or quarantined, and the id stays free', async () => {
  const good = buildRow(RUNS)
  const batch = buildEnvelope(RUNS, [good, buildRow(RUNS, { status: 'unknown' })])
  const strict = { headers: { prefer: 'respond-async, handling=strict' } }
  const refused = await send(gateway.url, batch, { id: 'free', ...strict })
  expect(refused.headers.get('hq-ingest-rejected')).toBeNull()
  expect(await problemOf(refused)).toMatchObject({
    status: 422,
    code: 'rows_refused',
    errors: [{ pointer: '/rows/1/row/status', code: 'invalid_value', detail: expect.any(String) }],
  })
  expect(await written()).toEqual(NOTHING)
  const taken = await send(gateway.url, buildEnvelope(RUNS, [good]), { id: 'free', ...strict })
  expect(taken.headers.get('preference-applied')).toBe('handling=strict')
  expect((await answerOf(taken)).counts.inserted).toBe(1)
})

test('handling=strict: a row that only HQ finds at fault refuses all, too', async () => {
  const companies = 'dx_company_entities_v1'
  const stored = buildRow(companies, { record_version: '1' })
  await deliver(gateway.url, buildEnvelope(companies, [stored]))
  const fresh = buildRow(companies)
  const batch = buildEnvelope(companies, [fresh, { ...stored, canonical_name: 'another' }])
  const headers = { prefer: 'handling="strict"; x=1' }
  const refused = await problemOf(await send(gateway.url, batch, { headers }))
  expect(refused.errors).toMatchObject([{ code: 'version_conflict' }])
  const { rowCount } = await client.query(`select from hq.${companies} where entity_id = $1`, [
    fresh.entity_id,
  ])
  expect(rowCount).toBe(0)
})

test.each([
  'handling=lenient',
  'handling=lenient, handling=strict',
  'wait=10',
  'nohandling=strict',
])('Prefer: %s is lenient, and nothing is said to be applied', async (prefer) => {
  const batch = buildEnvelope(RUNS, [buildRow(RUNS, { status: 'unknown' })])
  const response = await send(gateway.url, batch, { headers: { prefer } })
  expect(response.headers.get('preference-applied')).toBeNull()
  expect((await answerOf(response)).status).toBe('partial')
})

test('a batch that had been taken leniently is not said to be strict when it is asked for again', async () => {
  const batch = buildEnvelope(RUNS, [buildRow(RUNS, { status: 'unknown' })])
  await deliver(gateway.url, batch)
  const again = await send(gateway.url, batch, { headers: { prefer: 'handling=strict' } })
  expect(again.headers.get('idempotent-replayed')).toBe('true')
  expect(again.headers.get('preference-applied')).toBeNull()
})

test('no answer tells what runs here, or may be kept, framed or sniffed', async () => {
  const malformed = new RawConnection(gateway.url)
  malformed.send('nonsense\r\n\r\n')
  const paths = [
    '/livez',
    '/readyz',
    '/v1/limits',
    '/openapi.json',
    '/problems',
    '/nowhere',
    '/v1/batches',
  ]
  const answers = await Promise.all(
    paths.map(async (path) => {
      const response = await fetch(`${gateway.url}${path}`)
      return [...response.headers].map(([name, value]) => `${name}: ${value}\n`).join('')
    }),
  )
  for (const text of [...answers, (await malformed.closed()).toLowerCase()]) {
    expect(text).toContain('x-content-type-options: nosniff')
    expect(text).toContain("content-security-policy: default-src 'none'")
    expect(text).toContain('cache-control: no-store')
    expect(text).not.toMatch(/^(?:server|x-powered-by):/m)
    expect(text).not.toMatch(/node|hono|pg|\.ts:\d/)
  }
})

test('every problem has a page, the list has all of them, and an unknown one is 404', async () => {
  const list = (await (await fetch(`${gateway.url}/problems`)).json()) as { type: string }[]
  expect(list).toHaveLength(Object.keys(PROBLEMS).length)
  for (const problem of list) {
    expect(await (await fetch(new URL(problem.type, gateway.url))).json()).toEqual(problem)
  }
  expect((await fetch(`${gateway.url}/problems/nothing`)).status).toBe(404)
  expect((await fetch(`${gateway.url}/problems/nothing`, { method: 'POST' })).status).toBe(405)
})

test('a problem names its occurrence, and the trace where the caller sent one', async () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, 'content-type': 'text/plain' }
  const [first, second] = await Promise.all(
    [1, 2].map(async () => problemOf(await send(gateway.url, envelope(), { headers }))),
  )
  expect(first?.['trace-id']).toBe(traceId)
  expect(first?.instance).not.toBe(second?.instance)
})
