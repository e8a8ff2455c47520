import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import type pg from 'pg'
import type { Logger } from 'pino'
import type { Admission } from './batch/admit.ts'
import { connectPlain, createPool } from './db/connect.ts'
import { createGateway } from './gateway.ts'
import type { IngestKey } from './ingest-key.ts'
import { type IngestMetrics, NO_METRICS } from './metrics/ingest-metrics.ts'
import { assertMigrated, MigrationStateError } from './migrate.ts'

export interface IngestServerOptions {
  readonly databaseUrl: string
  readonly keys: readonly IngestKey[]
  readonly host: string
  /** 0 asks the system for a free port. */
  readonly port: number
  readonly log: Logger
  readonly metrics?: IngestMetrics
  /** Clock of signatures, milliseconds since the epoch; default the system's. */
  readonly now?: () => number
  readonly maxConnections?: number
  /** From the first look at a body to its last byte. */
  readonly bodyTimeoutMs?: number
  /** How long a stop waits for requests under way before it cuts them off. */
  readonly drainTimeoutMs?: number
  /** Called once if HQ, unreachable at start, turns out to have the wrong migrations. */
  readonly onFailure?: (error: MigrationStateError) => void
}

const DEFAULT_MAX_CONNECTIONS = 8
const DEFAULT_BODY_TIMEOUT_MS = 30_000
const DEFAULT_DRAIN_TIMEOUT_MS = 15_000
const HEADERS_TIMEOUT_MS = 10_000
/** Above the body's own limit, which answers with a problem; this one only cuts. */
const REQUEST_TIMEOUT_MARGIN_MS = 30_000
/** Above the keep-alive of common clients and proxies, so that they close an idle connection before we do. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000
const CONNECTION_CHECK_MS = 1_000
const FIRST_RETRY_MS = 100
const MAX_RETRY_MS = 5_000

/**
 * The gateway as a process part: HTTP server, pool, and the look at HQ's migrations. Start and stop are idempotent
 * and safe after a failed start; a stopped server is not started again.
 */
export class IngestServer {
  readonly #options: IngestServerOptions
  readonly #admission: Admission = { migrated: false, draining: false }
  readonly #stopping = new AbortController()
  /** Sessions with a transaction under way. */
  readonly #busy = new Set<pg.PoolClient>()
  #pool: pg.Pool | undefined
  #server: Server | undefined
  #started: Promise<string> | undefined
  #stopped: Promise<void> | undefined

  constructor(options: IngestServerOptions) {
    this.#options = options
  }

  /** Sessions of HQ; undefined before the start. */
  get pool(): pg.Pool | undefined {
    return this.#pool
  }

  /**
   * Listens, then looks at HQ. Where HQ cannot be reached the server runs all the same, answers 503, and
   * recovers by itself.
   * @returns the base URL.
   * @throws {MigrationStateError} where HQ answers and has other migrations; or the error of listening.
   */
  start(): Promise<string> {
    this.#started ??= this.#start()
    return this.#started
  }

  /** Stops admitting, waits for requests under way, cuts off what is left at the deadline, closes the pool. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #start(): Promise<string> {
    const { databaseUrl, host, log } = this.#options
    const pool = createPool(databaseUrl, this.#options.maxConnections ?? DEFAULT_MAX_CONNECTIONS)
    this.#pool = pool
    pool.on('error', (error: Error & { code?: string }) => {
      log.warn({ code: error.code }, 'an idle session of HQ was lost')
    })
    pool.on('acquire', (client) => this.#busy.add(client))
    pool.on('release', (_error, client) => this.#busy.delete(client))
    try {
      const url = await this.#listen(pool)
      if (!(await this.#lookAtMigrations())) this.#keepLooking()
      log.info({ url, host }, 'listening')
      return url
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async #listen(pool: pg.Pool): Promise<string> {
    const { host, port, keys, log, metrics = NO_METRICS, now = Date.now } = this.#options
    const bodyTimeoutMs = this.#options.bodyTimeoutMs ?? DEFAULT_BODY_TIMEOUT_MS
    const admission = this.#admission
    const gateway = createGateway({ pool, keys, admission, now, bodyTimeoutMs, metrics, log })
    const server = createServer(
      {
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: bodyTimeoutMs + REQUEST_TIMEOUT_MARGIN_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        connectionsCheckingInterval: CONNECTION_CHECK_MS,
      },
      // The gateway shares its process with others in tests and in the demo: no global is replaced.
      getRequestListener(gateway.fetch, { overrideGlobalObjects: false }),
    )
    this.#server = server
    server.listen(port, host)
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no address to listen at')
    const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
    return `http://${name}:${address.port}`
  }

  /** @returns false where HQ could not be asked. */
  async #lookAtMigrations(): Promise<boolean> {
    try {
      const client = await connectPlain(this.#options.databaseUrl)
      try {
        await assertMigrated(client)
      } finally {
        await client.end()
      }
    } catch (error) {
      if (error instanceof MigrationStateError) throw error
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      this.#options.log.warn({ code }, 'HQ cannot be reached, trying again')
      return false
    }
    this.#admission.migrated = true
    return true
  }

  #keepLooking(): void {
    const { log, onFailure } = this.#options
    this.#retryLook().catch((error: unknown) => {
      if (this.#stopping.signal.aborted) return
      log.error({ err: error }, 'the gateway cannot run')
      if (error instanceof MigrationStateError) onFailure?.(error)
    })
  }

  async #retryLook(): Promise<void> {
    const { signal } = this.#stopping
    let waitMs = FIRST_RETRY_MS
    do {
      await delay(waitMs, undefined, { signal })
      waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)
    } while (!(await this.#lookAtMigrations()))
    this.#options.log.info('HQ is there')
  }

  async #stop(): Promise<void> {
    this.#admission.draining = true
    this.#stopping.abort()
    try {
      await this.#closeServer()
    } finally {
      await this.#pool?.end()
    }
  }

  async #closeServer(): Promise<void> {
    const server = this.#server
    if (server?.listening !== true) return
    const { log, drainTimeoutMs = DEFAULT_DRAIN_TIMEOUT_MS } = this.#options
    const closed = once(server, 'close')
    server.close()
    // Idle connections only: one in the middle of a request would see a reset instead of its answer.
    server.closeIdleConnections()
    const deadline = setTimeout(() => {
      log.warn('requests were still under way at the deadline')
      server.closeAllConnections()
      // Drops the connection under the query; PostgreSQL rolls back.
      for (const client of this.#busy) client.end().catch(() => {})
    }, drainTimeoutMs)
    try {
      await closed
    } finally {
      clearTimeout(deadline)
    }
  }
}
