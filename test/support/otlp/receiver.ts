import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { decodeSpans, type ExportedSpan } from './decode-spans.ts'

/**
 * A real OTLP receiver, HTTP and protobuf as the standard's default has it: keeps every span, and
 * every byte that came.
 */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ExportedSpan[] = []
  readonly #received: Buffer[] = []
  readonly #server = createServer(async (request, response) => {
    const sent = await buffer(request)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
    this.#received.push(body)
    if (request.url === '/v1/traces') this.spans.push(...decodeSpans(body))
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver()
    receiver.#server.listen(0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    return receiver
  }

  /** The standard variables that send a program's traces here, soon. */
  get env(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_BSP_SCHEDULE_DELAY: '50',
    }
  }

  /** True if these words stand anywhere in what was exported. */
  hasReceived(words: string): boolean {
    return this.#received.some((bytes) => bytes.includes(words))
  }

  /** The span of this name, below `parent` where one is given. */
  find(name: string, parent?: ExportedSpan): ExportedSpan | undefined {
    return this.spans.find(
      (span) =>
        span.name === name &&
        (parent === undefined ||
          (span.parentSpanId === parent.spanId && span.traceId === parent.traceId)),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
