import { randomBytes } from 'node:crypto'
import type { IngestKey, KeyQuota } from '@hq-export/hq-ingest/keys/ingest-key.ts'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { RawConnection, rawHead } from '../../support/network/raw-connection.ts'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  deliver,
  ingestKey,
  post,
  problemOf,
  send,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { countLockWaiters } from '../../support/servers/lock-waiters.ts'
import { waitFor } from '../../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'
const EVENTS = 'dx_operation_events_v1'
const OTHER_SECRET = `whsec_${randomBytes(32).toString('base64')}`
const OTHER = { source: 'other', secret: OTHER_SECRET }

let hq: TestDatabase
let client: pg.Client
let holder: pg.Client

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await hq.connect()
  holder = await hq.connect()
})

afterAll(() => hq[Symbol.asyncDispose]())

afterEach(async () => {
  await holder.query('rollback')
})

function runs(source?: string) {
  return buildEnvelope(RUNS, [buildRow(RUNS)], source === undefined ? {} : { source })
}

function events(source: string) {
  return buildEnvelope(EVENTS, [buildRow(EVENTS)], { source })
}

/** Batches of runs hang in HQ until the test ends. */
async function holdRuns(): Promise<void> {
  await holder.query(`begin; lock table hq.${RUNS} in exclusive mode`)
}

function waitForBlocked(sessions: number): Promise<unknown> {
  return waitFor(
    `${sessions} sessions to hang`,
    async () => (await countLockWaiters(client, 'hq-ingest')) === sessions,
  )
}

/**
 * A 503 for what the gateway cannot take now: never without a time to come back, which differs
 * between callers.
 */
async function expectAtCapacity(response: Response): Promise<void> {
  expect(await problemOf(response)).toMatchObject({ status: 503, code: 'at_capacity' })
  expect(response.headers.get('retry-after')).toMatch(/^[123]$/)
}

function withQuota(key: IngestKey, quota: KeyQuota): IngestKey {
  return Object.assign({}, key, { quota })
}

test('a key past its quota gets 429 with Retry-After and RateLimit until its time has come; another key does not', async () => {
  let nowMs = Date.now()
  await using gateway = await startGateway(hq.url, {
    keys: [withQuota(ingestKey(), { requestsPerMinute: 2 }), ingestKey(OTHER)],
    now: () => nowMs,
  })
  const first = await send(gateway.url, runs())
  expect(first.headers.get('ratelimit-policy')).toBe('"requests";q=2;w=60')
  expect(first.headers.get('ratelimit')).toBe('"requests";r=1;t=30')
  await deliver(gateway.url, runs())

  const batch = runs()
  const refused = await send(gateway.url, batch)
  expect(refused.headers.get('ratelimit')).toBe('"requests";r=0;t=60')
  const retryAfter = Number(refused.headers.get('retry-after'))
  expect(retryAfter).toBeGreaterThanOrEqual(30)
  expect(await problemOf(refused)).toMatchObject({
    status: 429,
    code: 'quota_exceeded',
    'violated-policies': ['requests'],
  })
  const other = await send(gateway.url, events('other'), { secret: OTHER_SECRET })
  expect(other.headers.get('ratelimit')).toBeNull()
  expect((await answerOf(other)).counts.inserted).toBe(1)

  nowMs += retryAfter * 1_000
  const timestamp = Math.floor(nowMs / 1_000)
  expect((await deliver(gateway.url, batch, { timestamp })).counts.inserted).toBe(1)
})

test('a quota of bytes counts what was sent, and a signature that fails costs nobody anything', async () => {
  await using gateway = await startGateway(hq.url, {
    keys: [withQuota(ingestKey(), { bytesPerMinute: 1 })],
  })
  for (let i = 0; i < 3; i++) {
    expect((await send(gateway.url, runs(), { secret: OTHER_SECRET })).status).toBe(401)
  }
  await deliver(gateway.url, runs())
  expect(await problemOf(await send(gateway.url, runs()))).toMatchObject({
    code: 'quota_exceeded',
    'violated-policies': ['bytes'],
  })
})

test('requests above what the gateway takes at once are refused before their body is read', async () => {
  await using gateway = await startGateway(hq.url, { limits: { maxRequests: 1 } })
  await holdRuns()
  const waiting = send(gateway.url, runs())
  await waitForBlocked(1)
  using connection = new RawConnection(gateway.url)
  const head = { 'content-type': 'application/json', 'webhook-id': 'a', 'content-length': 100 }
  connection.send(rawHead(head))
  expect(await connection.received(/at_capacity/)).toMatch(/^HTTP\/1.1 503 /)
  await expectAtCapacity(await send(gateway.url, events('data-engine-x')))
  await holder.query('rollback')
  expect((await answerOf(await waiting)).counts.inserted).toBe(1)
  await deliver(gateway.url, events('data-engine-x'))
})

test('bytes above what the gateway holds at once are refused, and what strangers declare takes none of them', async () => {
  await using gateway = await startGateway(hq.url, { limits: { maxHeldBytes: 20 * 1024 * 1024 } })
  const head = { 'content-type': 'application/json', 'webhook-id': 'a' }
  const length = { 'content-length': 8 * 1024 * 1024 }
  using strangers = new DisposableStack()
  for (let i = 0; i < 8; i++) {
    const connection = strangers.use(new RawConnection(gateway.url))
    // Asked for its body means let in.
    connection.send(rawHead({ ...head, ...length, expect: '100-continue' }))
    await connection.received(/100 Continue/)
  }
  // Compressed, it may become 16 MiB.
  await deliver(gateway.url, runs())
  await using small = await startGateway(hq.url, { limits: { maxHeldBytes: 10 * 1024 * 1024 } })
  await expectAtCapacity(await send(small.url, runs()))
  for (let i = 0; i < 20; i++)
    expect((await post(small.url, JSON.stringify(runs()))).status).toBe(200)
})

test('an exhausted pool is at_capacity, not a database that is away', async () => {
  await using gateway = await startGateway(hq.url, {
    keys: [ingestKey(), ingestKey(OTHER)],
    limits: { maxSessions: 1, maxWaitMs: 500 },
  })
  await deliver(gateway.url, runs())
  await holdRuns()
  const waiting = send(gateway.url, runs())
  await waitForBlocked(1)
  await expectAtCapacity(await send(gateway.url, events('other'), { secret: OTHER_SECRET }))
  // Proven on a session of its own.
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200)
  await holder.query('rollback')
  expect((await answerOf(await waiting)).counts.inserted).toBe(1)
})

test('a key whose batches hang stops no other key', async () => {
  await using gateway = await startGateway(hq.url, {
    keys: [ingestKey(), ingestKey(OTHER)],
    limits: { maxSessions: 4, maxRequestsPerKey: 5 },
  })
  await holdRuns()
  const hanging = Array.from({ length: 5 }, () => send(gateway.url, runs()))
  await waitForBlocked(2)
  await expectAtCapacity(await send(gateway.url, runs()))
  for (let i = 0; i < 5; i++) {
    await deliver(gateway.url, events('other'), { secret: OTHER_SECRET })
  }
  await holder.query('rollback')
  for (const response of await Promise.all(hanging)) expect(response.status).toBe(200)
})

test('three relays at full speed are never shed', async () => {
  const sources = ['a', 'b', 'c']
  await using gateway = await startGateway(hq.url, {
    keys: sources.map((source) => ingestKey({ source, secret: secretOf(source) })),
  })
  const inFlight = sources.flatMap((source) => Array.from({ length: 5 }, () => source))
  const statuses = await Promise.all(
    inFlight.map(async (source) => {
      const seen = new Set<number>()
      for (let i = 0; i < 10; i++) {
        const rows = Array.from({ length: 50 }, () => buildRow(EVENTS))
        const batch = buildEnvelope(EVENTS, rows, { source })
        seen.add((await send(gateway.url, batch, { secret: secretOf(source) })).status)
      }
      return [...seen]
    }),
  )
  expect(new Set(statuses.flat())).toEqual(new Set([200]))
})

function secretOf(source: string): string {
  return `whsec_${Buffer.from(source.repeat(32)).toString('base64')}`
}
