import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { zstdDecompressSync } from 'node:zlib'
import { type BatchResult, emptyCounts, WEBHOOK_ID } from '@hq-export/contract'

/*
 * In place of the gateway: answers every batch at once that all of it was inserted, whatever it
 * holds. Says its port on the first line; ends when it is told to.
 */

const ROW = Buffer.from('{"row":')

function countRows(body: Buffer): number {
  let count = 0
  for (let at = body.indexOf(ROW); at !== -1; at = body.indexOf(ROW, at + ROW.length)) count++
  return count
}

async function accept(request: IncomingMessage): Promise<BatchResult> {
  const wire = await buffer(request)
  const body = request.headers['content-encoding'] === 'zstd' ? zstdDecompressSync(wire) : wire
  const received = countRows(body)
  return {
    batch: String(request.headers[WEBHOOK_ID]),
    status: 'applied',
    counts: { ...emptyCounts(received), inserted: received },
    rows: [],
  }
}

const server = createServer(async (request, response) => {
  const answer = request.method === 'POST' ? await accept(request) : {}
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
