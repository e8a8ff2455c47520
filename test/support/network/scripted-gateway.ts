import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { type BatchResult, type Envelope, emptyCounts, FRESHNESS_PATH } from '@hq-export/contract'

/** A POST as it came over the wire. */
export interface ReceivedBatch {
  readonly headers: IncomingHttpHeaders
  /** Body as received. */
  readonly bytes: Buffer
  readonly envelope: Envelope
  readonly atMs: number
}

/** What the gateway does with a POST: answers, or cuts the connection. */
export type ScriptedAnswer =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  | 'reset'

/** Accepts every row of a batch. */
export function acceptAll(batch: ReceivedBatch): ScriptedAnswer {
  const received = batch.envelope.rows.length
  const body: BatchResult = {
    batch: String(batch.headers['webhook-id']),
    status: 'applied',
    counts: { ...emptyCounts(received), inserted: received },
    rows: [],
  }
  return { status: 200, body }
}

function decode(bytes: Buffer, encoding: string | undefined): string {
  if (encoding === 'zstd') return zstdDecompressSync(bytes).toString('utf8')
  if (encoding === 'gzip') return gunzipSync(bytes).toString('utf8')
  return bytes.toString('utf8')
}

/**
 * A real HTTP server that does what a test tells it to: for what our own gateway never does on
 * request.
 */
export class ScriptedGateway implements AsyncDisposable {
  readonly received: ReceivedBatch[] = []
  /** What it says at `/readyz`. */
  isReady = true
  readonly #server: Server
  #answer: (batch: ReceivedBatch) => ScriptedAnswer | Promise<ScriptedAnswer> = acceptAll

  private constructor() {
    this.#server = createServer((request, response) => {
      if (request.method === 'GET') {
        response.writeHead(this.isReady ? 200 : 503).end()
        return
      }
      // As a gateway that is older answers; no batch.
      if (request.url === FRESHNESS_PATH) {
        request.resume()
        response.writeHead(404).end()
        return
      }
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', async () => {
        const bytes = Buffer.concat(chunks)
        const text = decode(bytes, request.headers['content-encoding'])
        const batch: ReceivedBatch = {
          headers: request.headers,
          bytes,
          envelope: JSON.parse(text),
          atMs: performance.now(),
        }
        this.received.push(batch)
        const answer = await this.#answer(batch)
        if (answer === 'reset') {
          request.socket.destroy()
          return
        }
        response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
        response.end(JSON.stringify(answer.body ?? {}))
      })
    })
  }

  static async start(): Promise<ScriptedGateway> {
    const gateway = new ScriptedGateway()
    await new Promise<void>((resolve) => gateway.#server.listen(0, '127.0.0.1', resolve))
    return gateway
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo
    return `http://127.0.0.1:${port}`
  }

  /** Replaces the script. */
  answer(script: (batch: ReceivedBatch) => ScriptedAnswer | Promise<ScriptedAnswer>): void {
    this.#answer = script
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
