import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { BATCHES_PATH, keyIdOf, parseSigningKey } from '@hq-export/contract'
import { transactAsWriter } from '@hq-export/hq-ingest/db/transact-as-writer.ts'
import { addKey, lockKeys } from '@hq-export/hq-ingest/keys/add-key.ts'
import { createHmacMaterial } from '@hq-export/hq-ingest/keys/key-material.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RawConnection, rawHead } from '../../support/network/raw-connection.ts'
import {
  buildEnvelope,
  buildRow,
  deliver,
  ingestKey,
  post,
  problemOf,
  SECRET,
  send,
  signedRequest,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { keyTerms, MASTER_KEY } from '../../support/programs/stored-keys.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { threadMs } from '../../support/thread-ms.ts'
import { waitFor } from '../../support/wait-for.ts'

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

/**
 * What slow callers without a key do with a connection; each resolves when the gateway holds it.
 */
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
    await transactAsWriter(hq.url, async (client) => {
      await lockKeys(client)
      for (let i = 0; i < 300; i++) {
        const terms = keyTerms({ source: `source-${i}` })
        const material = createHmacMaterial(terms.source, MASTER_KEY)
        await addKey(client, material, terms, { actor: 'test' })
        if (material.kind === 'hmac') own.push(material)
      }
    })
  })

  /** The longest work in which nothing else was done, while `work` was under way. */
  async function longestStallMs(work: () => Promise<unknown>): Promise<number> {
    let isDone = false
    let longestMs = 0
    const watching = (async () => {
      let lastMs = threadMs()
      while (!isDone) {
        await nextTurn()
        longestMs = Math.max(longestMs, threadMs() - lastMs)
        lastMs = threadMs()
      }
    })()
    await work()
    isDone = true
    await watching
    return longestMs
  }

  test('gives way to the others while it is tried: those who name their key are served, and those whose body is small', async () => {
    await using gateway = await startGateway(hq.url, { masterKeys: [MASTER_KEY] })
    const stranger = { secret: `whsec_${randomBytes(32).toString('base64')}` }
    // Signed before the time is taken.
    const large = [1, 2].map(() => signedRequest(Buffer.alloc(8 * MIB, 'x'), stranger))
    const headers = { 'hq-ingest-key': parseSigningKey(SECRET).id }
    const stalls: number[] = []
    const statuses = new Set<number>()
    for (let i = 0; i < 2; i++) {
      stalls.push(
        await longestStallMs(async () => {
          const refused = large.map((request) => fetch(`${gateway.url}${BATCHES_PATH}`, request))
          for (let n = 0; n < 10; n++) {
            await deliver(gateway.url, events(), { headers })
            await deliver(gateway.url, events())
          }
          for (const { status } of await Promise.all(refused)) statuses.add(status)
        }),
      )
    }
    // The first is tried; what comes before that is paid for is told when to come back.
    expect(statuses).toEqual(new Set([401, 503]))
    // The test shares its event loop with the gateway, so what it does itself counts, too.
    expect(Math.min(...stalls)).toBeLessThan(80)
  })

  test('is served without the name of its key, and with it', async () => {
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
    const named = { ...options, headers: { 'hq-ingest-key': last?.id } }
    for (const terms of [options, named, named]) {
      expect((await post(gateway.url, large, terms)).status).toBe(200)
    }
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
