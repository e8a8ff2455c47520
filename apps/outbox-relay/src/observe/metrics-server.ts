import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LIVE_PATH, READY_PATH } from '@hq-export/contract'
import { EXPOSITION_CONTENT_TYPE, type Metrics } from '@hq-export/observability/meter.ts'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import type { Service } from '@hq-export/runtime/service.ts'
import type { Logger } from '../process/log.ts'
import type { RelayProgress } from './relay-progress.ts'

const HOST = '127.0.0.1'
const METRICS_PATH = '/metrics'

function answer(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(`${JSON.stringify(body)}\n`)
}

/** Working, or standing by for one that does. */
function isReady({ state }: RelayProgress): boolean {
  return state === 'working' || state === 'standby'
}

/** `/metrics`, `/livez` and `/readyz` of a relay, for the machine it runs on. */
export class PrivateServer implements Service {
  readonly #server: Server
  #started: Promise<string> | undefined
  #stopped: Promise<void> | undefined

  constructor(metrics: Metrics, progress: () => RelayProgress, log: Logger) {
    this.#server = createServer((request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.setHeader('allow', 'GET, HEAD')
        answer(response, 405, { error: 'method not allowed' })
        return
      }
      switch (request.url) {
        case METRICS_PATH:
          metrics.scrape().then(
            (text) => response.setHeader('content-type', EXPOSITION_CONTENT_TYPE).end(text),
            (error: Error) => {
              log.error({ reason: describeError(error) }, 'metrics cannot be collected')
              answer(response, 500, { error: 'metrics cannot be collected' })
            },
          )
          return
        case LIVE_PATH:
          answer(response, 200, { status: 'alive' })
          return
        case READY_PATH: {
          const { state, haltReason } = progress()
          answer(response, isReady(progress()) ? 200 : 503, { state, reason: haltReason })
          return
        }
        default:
          answer(response, 404, {
            error: 'not found',
            paths: [METRICS_PATH, LIVE_PATH, READY_PATH],
          })
      }
    })
  }

  /**
   * Listens on 127.0.0.1.
   * @param port 0 asks the system for a free one.
   * @returns the base URL.
   */
  start(port: number): Promise<string> {
    this.#started ??= this.#start(port)
    return this.#started
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #start(port: number): Promise<string> {
    this.#server.listen(port, HOST)
    await once(this.#server, 'listening')
    return `http://${HOST}:${(this.#server.address() as AddressInfo).port}`
  }

  async #stop(): Promise<void> {
    // Whoever awaits the start gets its fault; a stop only waits.
    await this.#started?.catch(() => {})
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}
