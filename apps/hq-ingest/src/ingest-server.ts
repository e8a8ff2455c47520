import { once } from 'node:events'
import type { Server } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import { explainConnectError } from '@hq-export/runtime/postgres/explain-connect-error.ts'
import { HiddenRowsError } from '@hq-export/runtime/postgres/hidden-rows-error.ts'
import { MigrationStateError } from '@hq-export/runtime/postgres/migrations.ts'
import { SessionSettingsError } from '@hq-export/runtime/postgres/session.ts'
import type pg from 'pg'
import type { Logger } from 'pino'
import { Admission } from './admission/admission.ts'
import { EventLoopDelay } from './admission/event-loop-delay.ts'
import { DEFAULT_GATEWAY_LIMITS, type GatewayLimits } from './admission/gateway-limits.ts'
import { connectPlain, createComparePool, createPool, createProbePool, HQ } from './db/connect.ts'
import { findForeignCode } from './db/foreign-code.ts'
import { assertSeesAll } from './db/hidden-tables.ts'
import { hqMigrations } from './db/migrations.ts'
import { PeriodicPass } from './db/periodic-pass.ts'
import { examineTables } from './doctor/checks/contract-tables.ts'
import { createGateway } from './gateway.ts'
import { createHttpServer } from './http/http-server.ts'
import { answerUnreadable } from './http/problem-response.ts'
import type { IngestKey } from './keys/ingest-key.ts'
import { KeyRing, type KeyTiming } from './keys/key-ring.ts'
import type { MasterKey } from './keys/master-key.ts'
import { keepLedger } from './ledger/keep-ledger.ts'
import { ContractLocks } from './metrics/contract-locks.ts'
import { type IngestMetrics, NO_METRICS } from './metrics/ingest-metrics.ts'
import { rollUp } from './profile/roll-up.ts'
import { passQuality } from './quality/evaluate/quality-pass.ts'
import { noteReads } from './readers/note-reads.ts'
import { Readiness } from './ready.ts'

export interface IngestServerOptions {
  readonly databaseUrl: string
  /** Keys of the environment; those of the database are added to them. */
  readonly keys: readonly IngestKey[]
  /** Open the secrets of the keys of the database; default none. */
  readonly masterKeys?: readonly MasterKey[]
  readonly keyTiming?: Partial<KeyTiming>
  readonly host: string
  /** 0 asks the system for a free port. */
  readonly port: number
  readonly log: Logger
  readonly metrics?: IngestMetrics
  /** Clock of signatures, milliseconds since the epoch; default the system's. */
  readonly now?: () => number
  /** How long the answer to a batch is kept at least. */
  readonly ledgerDays?: number
  /** Clock of that, milliseconds since the epoch; default HQ's. */
  readonly ledgerNow?: () => number
  /** In place of the defaults. */
  readonly limits?: Partial<GatewayLimits>
  /**
   * How long a stop announces itself before it takes no more: for a proxy to notice. Default none.
   */
  readonly drainDelayMs?: number
  /** How long a stop then waits for requests under way before it cuts them off. */
  readonly drainTimeoutMs?: number
  /**
   * Called once if HQ, unreachable at start, turns out to have the wrong migrations, or settings of
   * ours do not arrive there.
   */
  readonly onFailure?: (error: MigrationStateError | SessionSettingsError) => void
}

/** No retry mends it. */
function isForOperator(error: unknown): error is MigrationStateError | SessionSettingsError {
  return error instanceof MigrationStateError || error instanceof SessionSettingsError
}

const DEFAULT_LEDGER_DAYS = 30
const LEDGER_MS = 60 * 60 * 1000
const LEDGER_RETRY_MS = 60 * 1000
const ROLL_UP_MS = 10_000
const QUALITY_MS = 60_000
/** Between looks at who has read. */
const READERS_MS = 5 * 60_000
const DEFAULT_DRAIN_TIMEOUT_MS = 15_000
const FIRST_RETRY_MS = 100
const MAX_RETRY_MS = 5_000

/**
 * The gateway as a process part: HTTP server, pool, and the look at HQ's migrations. Start and stop
 * are idempotent and safe after a failed start; a stopped server is not started again.
 */
export class IngestServer {
  readonly #options: IngestServerOptions
  readonly #admission: Admission
  readonly #eventLoopDelay = new EventLoopDelay()
  readonly #stopping = new AbortController()
  /** Sessions with a transaction under way. */
  readonly #busy = new Set<pg.PoolClient>()
  readonly #passes: readonly PeriodicPass[]
  readonly #keys: KeyRing
  #pool: pg.Pool | undefined
  #probePool: pg.Pool | undefined
  #comparePool: pg.Pool | undefined
  #server: Server | undefined
  #started: Promise<string> | undefined
  #stopped: Promise<void> | undefined

  constructor(options: IngestServerOptions) {
    this.#options = options
    const { databaseUrl, keys: bootstrap, masterKeys = [], now = Date.now, log } = options
    const timing = options.keyTiming ?? {}
    this.#keys = new KeyRing({ databaseUrl, bootstrap, masterKeys, now, log, timing })
    const ledger = {
      keepDays: options.ledgerDays ?? DEFAULT_LEDGER_DAYS,
      now: options.ledgerNow,
      log,
    }
    this.#passes = [
      new PeriodicPass({
        databaseUrl,
        log,
        periodMs: LEDGER_MS,
        retryMs: LEDGER_RETRY_MS,
        work: (client) => keepLedger(client, ledger),
        failure: 'the ledger could not be kept, trying again',
      }),
      new PeriodicPass({
        databaseUrl,
        log,
        periodMs: ROLL_UP_MS,
        work: async (client) => void (await rollUp(client)),
        failure: 'batches could not be added to their minutes, trying again',
      }),
      new PeriodicPass({
        databaseUrl,
        log,
        periodMs: QUALITY_MS,
        work: (client) => passQuality(client, log),
        failure: 'what came could not be judged, trying again',
      }),
      new PeriodicPass({
        databaseUrl,
        log,
        periodMs: READERS_MS,
        work: noteReads,
        failure: 'reads of HQ could not be noted, trying again',
      }),
    ]
    this.#admission = new Admission(
      { ...DEFAULT_GATEWAY_LIMITS, ...options.limits },
      {
        eventLoopDelayMs: () => this.#eventLoopDelay.medianMs,
        sessionWaiters: () => this.#pool?.waitingCount ?? 0,
      },
    )
  }

  /** Sessions of HQ; undefined before the start. */
  get pool(): pg.Pool | undefined {
    return this.#pool
  }

  /**
   * Listens, then looks at HQ. Where HQ cannot be reached the server runs all the same, answers
   * 503, and recovers by itself.
   * @returns the base URL.
   * @throws {MigrationStateError} where HQ answers and has other migrations; {@link
   * SessionSettingsError} where settings of ours do not arrive; or the error of listening.
   */
  start(): Promise<string> {
    this.#started ??= this.#start()
    return this.#started
  }

  /**
   * Announces its end, stops admitting, waits for requests under way, cuts off what is left at the
   * deadline, closes the pool.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #start(): Promise<string> {
    const { databaseUrl, host, log } = this.#options
    const { maxSessions, maxCompareSessions, maxWaitMs } = this.#admission.limits
    const pool = createPool(databaseUrl, maxSessions, { connectionTimeoutMillis: maxWaitMs })
    const probePool = createProbePool(databaseUrl)
    const comparePool = createComparePool(databaseUrl, maxCompareSessions, maxWaitMs)
    this.#pool = pool
    this.#probePool = probePool
    this.#comparePool = comparePool
    this.#eventLoopDelay.start()
    const readiness = new Readiness(probePool, this.#admission)
    for (const each of [pool, probePool, comparePool]) {
      each.on('error', (error: Error & { code?: string }) => {
        log.warn({ code: error.code }, 'an idle session of HQ was lost')
        readiness.noteFailed(error)
      })
    }
    for (const each of [pool, comparePool]) {
      each.on('acquire', (client) => this.#busy.add(client))
      each.on('release', (_error, client) => this.#busy.delete(client))
    }
    try {
      const url = await this.#listen(pool, comparePool, readiness)
      if (!(await this.#lookAtMigrations())) this.#keepLooking()
      log.info({ url, host }, 'listening')
      return url
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async #listen(pool: pg.Pool, comparePool: pg.Pool, readiness: Readiness): Promise<string> {
    const { host, port, log, metrics = NO_METRICS, now = Date.now } = this.#options
    const keys = this.#keys
    const admission = this.#admission
    const locks = new ContractLocks(metrics, log)
    const gateway = createGateway({
      ...{ pool, comparePool, keys, admission, readiness, metrics, locks, now, log },
    })
    const listener = getRequestListener(gateway.fetch, {
      // The gateway shares its process with others in tests and in the demo: no global is replaced.
      overrideGlobalObjects: false,
      // Of a request without a host, which HTTP/1.0 may be.
      hostname: 'localhost',
      errorHandler: (error) => answerUnreadable(error, log),
    })
    const server = createHttpServer(listener, admission.limits, admission.connections, log)
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
        await hqMigrations.assertApplied(client)
        const found = await findForeignCode(client)
        if (found.length > 0)
          this.#options.log.warn(
            { found },
            'code that is not ours runs in HQ; see ingest -- status',
          )
        const drift = (await examineTables(client)).map((finding) => finding.found)
        if (drift.length > 0) {
          this.#options.log.warn(
            { drift },
            "tables of HQ are not the contract's; see ingest -- doctor",
          )
        }
      } finally {
        await client.end()
      }
      if (this.#pool !== undefined) await assertSeesAll(this.#pool)
      await this.#keys.start()
    } catch (error) {
      if (isForOperator(error)) throw error
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      const reason =
        error instanceof HiddenRowsError ? error.message : explainConnectError(error, HQ)
      this.#options.log.warn({ code, reason }, 'HQ cannot be used, trying again')
      return false
    }
    this.#admission.migrated = true
    for (const pass of this.#passes) pass.start()
    return true
  }

  #keepLooking(): void {
    const { log, onFailure } = this.#options
    this.#retryLook().catch((error: unknown) => {
      if (this.#stopping.signal.aborted) return
      log.error({ reason: describeError(error) }, 'the gateway cannot run')
      if (isForOperator(error)) onFailure?.(error)
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
    this.#stopping.abort()
    try {
      if (this.#server?.listening === true) {
        await this.#leave()
        await this.#close(this.#server)
      }
    } finally {
      this.#admission.phase = 'closed'
      this.#eventLoopDelay.stop()
      await Promise.all([
        this.#keys.stop(),
        ...this.#passes.map((pass) => pass.stop()),
        this.#pool?.end(),
        this.#probePool?.end(),
        this.#comparePool?.end(),
      ])
    }
  }

  /**
   * Says that it goes, and still takes what comes: /readyz turns red, every answer ends its
   * connection. Closing at once would reset requests that are on their way over an idle connection
   * (nodejs/node#60617). That nobody is connected says nothing: a proxy that has not noticed
   * connects anew.
   */
  async #leave(): Promise<void> {
    this.#admission.phase = 'leaving'
    const { drainDelayMs = 0 } = this.#options
    if (drainDelayMs > 0) await delay(drainDelayMs)
  }

  async #close(server: Server): Promise<void> {
    this.#admission.phase = 'closed'
    const { log, drainTimeoutMs = DEFAULT_DRAIN_TIMEOUT_MS } = this.#options
    const closed = once(server, 'close')
    server.close()
    // Idle connections only: one in the middle of a request would see a reset instead of its
    // answer.
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
