import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * A collector that takes every export at once and looks at none of them: what is measured is the
 * programs, not it.
 */
export class TraceSink implements AsyncDisposable {
  /** Exports and bytes that came since {@link reset}. */
  exports = 0
  bytes = 0
  readonly #server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length
    })
    request.on('end', () => {
      this.exports++
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  })

  static async start(): Promise<TraceSink> {
    const sink = new TraceSink()
    sink.#server.listen(0, '127.0.0.1')
    await once(sink.#server, 'listening')
    return sink
  }

  /** The standard variables that send traces here. */
  get env(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo
    return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }
  }

  reset(): void {
    this.exports = 0
    this.bytes = 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
