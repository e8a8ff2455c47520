import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { keyIdOf, parseSigningKey } from '@hq-export/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHqDatabase, type TestDatabase } from '../support/databases.ts'
import { waitFor } from '../support/wait-for.ts'
import {
  buildEnvelope,
  buildRow,
  deliver,
  ingestKey,
  post,
  problemOf,
  SECRET,
  send,
  startGateway,
} from './ingest-client.ts'
import { RawConnection, rawHead } from './raw-connection.ts'
import { addStoredKey, MASTER_KEY } from './stored-keys.ts'

const EVENTS = 'dx_operation_events_v1'
const MIB = 1024 * 1024
const STRANGERS = 64
const GOOD = 40

let hq: TestDatabase

beforeAll(async () => {
  hq = await createHqDatabase()
})

afterAll(() => hq[Symbol.asyncDispose]())

const HEAD = {
  'content-type': 'application/json',
  'webhook-id': 'a',
  'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
  'webhook-signature': `v1,${randomBytes(32).toString('base64')}`,
}

function events() {
  return buildEnvelope(EVENTS, [buildRow(EVENTS)])
}

/** Statuses of good batches, four at once. */
async function sendGood(url: string): Promise<number[]> {
  const statuses: number[] = []
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let i = 0; i < GOOD / 4; i++) statuses.push((await send(url, events())).status)
    }),
  )
  return statuses
}

const allServed = Array.from({ length: GOOD }, () => 200)

/** What slow callers without a key do with a connection; each resolves when the gateway holds it. */
const KINDS: Readonly<Record<string, (connection: RawConnection) => unknown>> = {
  'a body of a declared length that does not come': (connection) =>
    connection.send(rawHead({ ...HEAD, 'content-length': 8 * MIB })),
  'a body in pieces that does not come': (connection) =>
    connection.send(`${rawHead({ ...HEAD, 'transfer-encoding': 'chunked' })}1\r\n{\r\n`),
  'a body that waits for 100-continue': (connection) => {
    connection.send(rawHead({ ...HEAD, 'content-length': 8 * MIB, expect: '100-continue' }))
    return connection.received(/100 Continue/)
  },
  'headers that do not end': (connection) =>
    connection.send('POST /v1/batches HTTP/1.1\r\nhost: x\r\n'),
  'nothing at all': () => {},
  'a connection that is kept alive': (connection) => {
    connection.send('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    return connection.received(/alive/)
  },
}

describe('64 slow callers without a key take nothing from those who have one', () => {
  test.each(Object.keys(KINDS))('%s', async (kind) => {
    await using gateway = await startGateway(hq.url)
    using strangers = new DisposableStack()
    for (let i = 0; i < STRANGERS; i++) {
      await KINDS[kind]?.(strangers.use(new RawConnection(gateway.url)))
    }
    expect(await sendGood(gateway.url)).toEqual(allServed)
  })

  test.each(Object.keys(KINDS))('where there is room for 8 of them: %s', async (kind) => {
    await using gateway = await startGateway(hq.url, {
      limits: { maxStrangers: 8, maxConnections: 32, maxStrangerBytes: 10 * MIB },
    })
    using strangers = new DisposableStack()
    for (let i = 0; i < STRANGERS; i++) {
      await KINDS[kind]?.(strangers.use(new RawConnection(gateway.url)))
    }
    const statuses = await sendGood(gateway.url)
    // Who is as new as the strangers is told when to come back, at worst; nobody is shut out.
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([])
    await waitFor(
      'a good batch to be served',
      async () => (await send(gateway.url, events())).status === 200,
    )
    expect(await sendGood(gateway.url)).toEqual(allServed)
  })
})

test('a connection over which a key has signed stays, whoever comes', async () => {
  await using gateway = await startGateway(hq.url, { limits: { maxConnections: 8 } })
  await deliver(gateway.url, events())
  using strangers = new DisposableStack()
  const all = Array.from({ length: 40 }, () => strangers.use(new RawConnection(gateway.url)))
  for (const connection of all.slice(0, -8)) await connection.closed().catch(() => {})
  expect(await sendGood(gateway.url)).toEqual(allServed)
})

describe('a body that names no key beside 300 of them', () => {
  const own: { id: string; secret: string }[] = []

  beforeAll(async () => {
    for (let i = 0; i < 300; i++) {
      own.push(await addStoredKey(hq.url, { source: `source-${i}` }))
    }
  })

  /** The longest time in which nothing else was done, while `work` was under way. */
  async function longestStallMs(work: () => Promise<unknown>): Promise<number> {
    let isDone = false
    let longestMs = 0
    const watching = (async () => {
      let lastMs = performance.now()
      while (!isDone) {
        await nextTurn()
        longestMs = Math.max(longestMs, performance.now() - lastMs)
        lastMs = performance.now()
      }
    })()
    await work()
    isDone = true
    await watching
    return longestMs
  }

  test('costs no more than it is told to: what is too large to be tried is refused, the rest gives way, and those who name their key are served', async () => {
    await using gateway = await startGateway(hq.url, { masterKeys: [MASTER_KEY] })
    const large = Buffer.alloc(8 * MIB, 'x')
    const medium = Buffer.alloc(700 * 1024, 'x')
    const stranger = { secret: `whsec_${randomBytes(32).toString('base64')}` }
    expect(await problemOf(await post(gateway.url, large, stranger))).toMatchObject({
      code: 'too_large',
    })
    expect((await post(gateway.url, medium, stranger)).status).toBe(401)

    const stalls: number[] = []
    for (let i = 0; i < 3; i++) {
      stalls.push(
        await longestStallMs(async () => {
          const refused = Array.from({ length: 8 }, () => post(gateway.url, medium, stranger))
          const headers = { 'hq-ingest-key': parseSigningKey(SECRET).id }
          for (let n = 0; n < 10; n++) await deliver(gateway.url, events(), { headers })
          for (const { status } of await Promise.all(refused)) expect([401, 503]).toContain(status)
        }),
      )
    }
    // The test shares its event loop with the gateway, so what it does itself counts, too.
    expect(Math.min(...stalls)).toBeLessThan(100)
  })

  test('is served without the name of its key while it is small, and with it whatever its size', async () => {
    await using gateway = await startGateway(hq.url, {
      masterKeys: [MASTER_KEY],
      keys: [ingestKey()],
    })
    const last = own.at(-1)
    const source = 'source-299'
    const batch = buildEnvelope(EVENTS, [buildRow(EVENTS)], { source })
    await deliver(gateway.url, batch, { secret: last?.secret ?? '' })
    const rows = Array.from({ length: 4 }, () =>
      buildRow(EVENTS, { error_message: 'x'.repeat(MIB) }),
    )
    const large = JSON.stringify(buildEnvelope(EVENTS, rows, { source }))
    const options = { secret: last?.secret ?? '' }
    expect((await post(gateway.url, large, options)).status).toBe(413)
    const named = { ...options, headers: { 'hq-ingest-key': last?.id } }
    expect((await post(gateway.url, large, named)).status).toBe(200)
  })

  test('a name decides nothing: one that is unknown, malformed or another key’s is the same 401, or none', async () => {
    await using gateway = await startGateway(hq.url, { masterKeys: [MASTER_KEY] })
    const refusals = await Promise.all(
      [keyIdOf('nobody'), own[0]?.id].map(async (id) => {
        const answer = await send(gateway.url, events(), { headers: { 'hq-ingest-key': id } })
        const { instance: _, ...problem } = await problemOf(answer)
        return problem
      }),
    )
    expect(refusals[0]).toMatchObject({ status: 401, code: 'unauthorized' })
    expect(refusals[1]).toEqual(refusals[0])
    for (const name of ['', 'x', `${keyIdOf('a')},`, Array(9).fill(keyIdOf('a')).join(' ')]) {
      await deliver(gateway.url, events(), { headers: { 'hq-ingest-key': name } })
    }
  })
})
