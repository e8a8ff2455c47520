import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exchange } from '@hq-export/outbox-relay/http/exchange.ts'
import { Pool } from '@hq-export/outbox-relay/http/pool.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'

let server: Server
let pool: Pool
let answer: RequestListener
let asked: string[]
const never = new AbortController().signal

beforeEach(async () => {
  asked = []
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  pool = new Pool(`http://127.0.0.1:${port}`, { connections: 1 })
})

afterEach(async () => {
  await pool.destroy()
  server.closeAllConnections()
  server.close()
})

test('an answer that comes in pieces is read whole, also a character in two of them', async () => {
  const [head, tail] = [Buffer.from([0xe2, 0x82]), Buffer.from([0xac])]
  answer = (_request, response) => {
    response.writeHead(503, { 'retry-after': '7' })
    response.write(head, () => response.end(tail))
  }
  const read = await exchange(pool, { method: 'GET', path: '/a', signal: never })
  expect(read).toEqual({ status: 503, text: '€', retryAfter: '7' })
})

test('an answer without a body is an empty text', async () => {
  answer = (_request, response) => response.writeHead(204).end()
  const read = await exchange(pool, { method: 'GET', path: '/a', signal: never })
  expect(read).toEqual({ status: 204, text: '', retryAfter: undefined })
})

test('of an answer that breaks off the status is known', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': 10 })
    response.write('12345', () => response.destroy())
  }
  const known: number[] = []
  const reading = exchange(pool, { method: 'GET', path: '/a', signal: never }, (status) =>
    known.push(status),
  )
  await expect(reading).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' })
  expect(known).toEqual([200])
})

test('an answer that does not end is not read to its end', async () => {
  let sent = 0
  answer = (_request, response) => {
    const piece = Buffer.alloc(1024 * 1024)
    const more = () => {
      if (response.destroyed || sent > 64) return
      sent++
      response.write(piece, more)
    }
    more()
  }
  const reading = exchange(pool, { method: 'GET', path: '/a', signal: never })
  await expect(reading).rejects.toMatchObject({ code: 'UND_ERR_RES_EXCEEDED_MAX_SIZE' })
  expect(sent).toBeLessThan(64)
})

test('a signal cuts off what is under way, and its connection', async () => {
  const aborting = new AbortController()
  const reason = new Error('enough')
  const closed = new Promise((resolve) => {
    answer = (request) => {
      request.socket.once('close', resolve)
      aborting.abort(reason)
    }
  })
  const reading = exchange(pool, { method: 'GET', path: '/a', signal: aborting.signal })
  await expect(reading).rejects.toBe(reason)
  await closed
})

test('a signal ends what waits for a connection at once, and it is never sent', async () => {
  const aborting = new AbortController()
  const reason = new Error('enough')
  let finish = () => {}
  const arrived = new Promise<void>((resolve) => {
    answer = (_request, response) => {
      finish = () => response.end('first')
      resolve()
    }
  })
  const first = exchange(pool, { method: 'GET', path: '/first', signal: never })
  await arrived
  const second = exchange(pool, { method: 'GET', path: '/second', signal: aborting.signal })
  aborting.abort(reason)
  await expect(second).rejects.toBe(reason)
  finish()
  expect((await first).text).toBe('first')
  answer = (_request, response) => response.end('third')
  const third = await exchange(pool, { method: 'GET', path: '/third', signal: never })
  expect(third.text).toBe('third')
  expect(asked).toEqual(['GET /first', 'GET /third'])
})

test('nothing is asked of a signal that was aborted before', async () => {
  const reading = exchange(pool, { method: 'GET', path: '/a', signal: AbortSignal.abort() })
  await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
  expect(asked).toEqual([])
})

test('a pool that is closed, or a server that is not there, is an error', async () => {
  server.close()
  await once(server, 'close')
  const refused = exchange(pool, { method: 'GET', path: '/a', signal: never })
  await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await pool.close()
  const closed = exchange(pool, { method: 'GET', path: '/a', signal: never })
  await expect(closed).rejects.toMatchObject({ name: 'ClientDestroyedError' })
})
