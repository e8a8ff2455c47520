import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import type pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { tcpUrl } from '../../support/network/tcp-url.ts'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  deliver,
  problemOf,
  send,
  signedRequest,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { spawnGateway } from '../../support/programs/ingest-process.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { countLockWaiters } from '../../support/servers/lock-waiters.ts'
import { waitFor } from '../../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'

function envelope() {
  return buildEnvelope(RUNS, [buildRow(RUNS)])
}

async function rowCount(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ n: number }>(`select count(*)::int4 as n from hq.${RUNS}`)
  return rows[0]?.n ?? -1
}

/** Holds every write to the runs back until the returned function is called. */
async function holdWrites(hq: TestDatabase): Promise<() => Promise<void>> {
  const holder = await hq.connect()
  await holder.query(`begin; lock table hq.${RUNS} in exclusive mode`)
  return async () => {
    await holder.query('rollback')
  }
}

function waitForBlockedGateway(client: pg.Client): Promise<unknown> {
  return waitFor(
    'the gateway to wait for a lock',
    async () => (await countLockWaiters(client, 'hq-ingest')) === 1,
  )
}

/** A TCP door in front of PostgreSQL that can be shut. */
class Door {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly port: number

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  static async build(target: URL): Promise<Door> {
    const server = createServer()
    const door = new Door(server, await freePort())
    await door.open()
    server.on('connection', (socket) => {
      const upstream = connect(Number(target.port), target.hostname)
      for (const end of [socket, upstream]) {
        door.#sockets.add(end)
        end.on('error', () => {})
        end.on('close', () => {
          door.#sockets.delete(end)
          socket.destroy()
          upstream.destroy()
        })
      }
      socket.pipe(upstream).pipe(socket)
    })
    return door
  }

  async shut(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async open(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
  }
}

async function buildDoor(hq: TestDatabase): Promise<{ door: Door; url: string }> {
  const url = tcpUrl(hq.url)
  const door = await Door.build(tcpUrl(hq.url))
  onTestFinished(() => door.shut())
  url.hostname = '127.0.0.1'
  url.port = String(door.port)
  return { door, url: url.href }
}

test('HQ down at start: alive, not ready, 503 with Retry-After, and it recovers by itself', async () => {
  await using hq = await createHqDatabase()
  const { door, url } = await buildDoor(hq)
  await door.shut()
  await using gateway = await startGateway(url)
  expect((await fetch(`${gateway.url}/livez`)).status).toBe(200)
  expect(await problemOf(await fetch(`${gateway.url}/readyz`))).toMatchObject({ status: 503 })
  const refused = await send(gateway.url, envelope())
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await problemOf(refused)).toMatchObject({ status: 503, code: 'database_unavailable' })

  await door.open()
  await waitFor('readiness', async () => (await fetch(`${gateway.url}/readyz`)).status === 200)
  expect((await deliver(gateway.url, envelope())).counts.inserted).toBe(1)
})

test('HQ goes away and comes back: 503 meanwhile, then the same batch is applied once', async () => {
  await using hq = await createHqDatabase()
  const { door, url } = await buildDoor(hq)
  await using gateway = await startGateway(url)
  const batch = envelope()
  await deliver(gateway.url, envelope())
  await door.shut()
  expect(await problemOf(await send(gateway.url, batch))).toMatchObject({
    code: 'database_unavailable',
  })
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503)
  expect((await fetch(`${gateway.url}/livez`)).status).toBe(200)
  await door.open()
  expect((await deliver(gateway.url, batch)).counts.inserted).toBe(1)
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200)
  expect(await rowCount(await hq.connect())).toBe(2)
})

test('a session of HQ that is ended in the middle of a batch: 503, nothing of it stays, and it can be sent again', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url)
  const client = await hq.connect()
  const release = await holdWrites(hq)
  const batch = envelope()
  const waiting = send(gateway.url, batch)
  await waitForBlockedGateway(client)
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'hq-ingest' and datname = current_database()`,
  )
  const refused = await waiting
  expect(refused.headers.get('retry-after')).toBe('1')
  const problem = await problemOf(refused)
  expect(problem).toMatchObject({ status: 503, code: 'database_unavailable' })
  expect(JSON.stringify(problem)).not.toContain('terminat')
  await release()
  expect(await rowCount(client)).toBe(0)
  // Its idle sessions were ended, too, and it may not have heard of each yet.
  const answered = await waitFor('the batch to be taken', async () => {
    const response = await send(gateway.url, batch)
    if (response.status === 200) return response
    expect(await problemOf(response)).toMatchObject({ code: 'database_unavailable' })
    return undefined
  })
  expect((await answerOf(answered)).counts.inserted).toBe(1)
})

test('a table that the writer may not write is an outage, never the fault of a row', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url)
  const client = await hq.connect()
  await client.query(`alter table hq.${RUNS} owner to current_user`)
  expect(await problemOf(await send(gateway.url, envelope()))).toMatchObject({
    code: 'database_unavailable',
  })
  await client.query(`alter table hq.${RUNS} owner to hq_ingest_writer`)
  expect((await deliver(gateway.url, envelope())).counts.inserted).toBe(1)
})

test('a stop lets the batch under way finish and closes its connection', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url)
  const client = await hq.connect()
  const release = await holdWrites(hq)
  const waiting = send(gateway.url, envelope())
  await waitForBlockedGateway(client)
  const stopped = gateway.server.stop()
  await expect(send(gateway.url, envelope())).rejects.toThrow()
  await release()
  const response = await waiting
  expect(response.headers.get('connection')).toBe('close')
  expect((await answerOf(response)).counts.inserted).toBe(1)
  await stopped
})

test('a request that reaches a stopping gateway is refused with 503', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url)
  const { body, headers } = signedRequest(JSON.stringify(envelope()))
  const bytes = Buffer.from(body as Uint8Array)
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  const lines = Object.entries(headers as Record<string, string>).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.write(
    `POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes.length}\r\n${lines.join('')}`,
  )
  // Answered after the gateway has read the first half of the other request.
  await fetch(`${gateway.url}/livez`)
  const stopped = gateway.server.stop()
  socket.write('\r\n')
  socket.write(bytes)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  expect(answer).toMatch(/^HTTP\/1.1 503 /)
  expect(answer).toContain('"code":"draining"')
  expect(answer.toLowerCase()).toContain('connection: close')
  expect(answer.toLowerCase()).toContain('retry-after: 1')
  await stopped
})

test('a stop cuts off at its deadline what does not end, and nothing of it stays', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url, { drainTimeoutMs: 50 })
  const client = await hq.connect()
  const release = await holdWrites(hq)
  const waiting = send(gateway.url, envelope()).then(
    () => 'answered',
    () => 'cut off',
  )
  await waitForBlockedGateway(client)
  await gateway.server.stop()
  expect(await waiting).toBe('cut off')
  await release()
  await waitFor('the session to end', async () => {
    const { rowCount: sessions } = await client.query(
      `select from pg_stat_activity where application_name = 'hq-ingest'
         and datname = current_database()`,
    )
    return sessions === 0
  })
  expect(await rowCount(client)).toBe(0)
})

test('killed between COMMIT and answer: the batch sent again is answered from the ledger', async () => {
  await using hq = await createHqDatabase()
  const { child, url } = await spawnGateway(hq.url)
  const batch = envelope()
  const id = randomUUID()

  // A caller that never reads: the kill comes when HQ has the commit, whatever the gateway had time
  // to say.
  const { body, headers } = signedRequest(JSON.stringify(batch), { id })
  const bytes = Buffer.from(body as Uint8Array)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.pause()
  socket.on('error', () => {})
  const lines = Object.entries(headers as Record<string, string>).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.write(
    `POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes.length}\r\n${lines.join('')}\r\n`,
  )
  socket.write(bytes)
  const client = await hq.connect()
  await waitFor('the commit', async () => (await rowCount(client)) === 1)
  child.kill('SIGKILL')
  await once(child, 'exit')
  socket.destroy()

  await using second = await startGateway(hq.url)
  const replayed = await send(second.url, batch, { id })
  expect(replayed.headers.get('idempotent-replayed')).toBe('true')
  expect((await answerOf(replayed)).counts.inserted).toBe(1)
  const recut = await deliver(second.url, batch, { id: randomUUID() })
  expect(recut.counts).toMatchObject({ inserted: 0, duplicate: 1 })
  expect(await rowCount(client)).toBe(1)
})

test('killed before COMMIT: nothing of the batch stays', async () => {
  await using hq = await createHqDatabase()
  const { child, url } = await spawnGateway(hq.url)
  const client = await hq.connect()
  const release = await holdWrites(hq)
  const waiting = send(url, envelope()).catch(() => 'gone')
  await waitForBlockedGateway(client)
  child.kill('SIGKILL')
  expect(await waiting).toBe('gone')
  await release()
  await waitFor('the session to end', async () => {
    const { rowCount: sessions } = await client.query(
      `select from pg_stat_activity where application_name = 'hq-ingest'
         and datname = current_database()`,
    )
    return sessions === 0
  })
  expect(await rowCount(client)).toBe(0)
  expect((await client.query('select from ingest.batch')).rowCount).toBe(0)
})

test('SIGTERM ends the process with status 0', async () => {
  await using hq = await createHqDatabase()
  const { child, url } = await spawnGateway(hq.url)
  await deliver(url, envelope())
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
})
