import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { HQ } from '@hq-export/hq-ingest/db/connect.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import { DATA_ENGINE_X } from '@hq-export/outbox-relay/session/why-not-connected.ts'
import type { Service } from '@hq-export/runtime/service.ts'
import { Assets } from './assets/assets.ts'
import { Side } from './db/side.ts'
import { createConsoleApp } from './http/console-app.ts'
import type { ConsoleConfig } from './process/config.ts'
import type { Logger } from './process/log.ts'
import { ACTIONS, DOWNLOADS, SCREENS } from './screens.ts'

/** May look at the machinery of HQ, and at no value of a row (migration 0026). */
const CONSOLE_ROLE = 'hq_console'
/** Of each database; and of HQ for pages that show rows. */
const MAX_SESSIONS = 4
const MAX_ROW_SESSIONS = 2
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const MAX_CONNECTIONS = 200
/** For requests under way when it stops. */
const DRAIN_MS = 5_000

/** The console as a part of a process: an HTTP server and its sessions with both databases. */
export class ConsoleServer implements Service {
  readonly #config: ConsoleConfig
  readonly #log: Logger
  readonly #hq: Side
  readonly #hqRows: Side
  readonly #dx: Side
  #server: Server | undefined
  #started: Promise<string> | undefined
  #stopped: Promise<void> | undefined

  constructor(config: ConsoleConfig, log: Logger) {
    this.#config = config
    this.#log = log
    const { hqDatabaseUrl: hqUrl, dxDatabaseUrl: dxUrl } = config
    this.#hq = new Side({ ...HQ, role: CONSOLE_ROLE }, hqUrl, hqMigrations, MAX_SESSIONS)
    this.#hqRows = new Side(HQ, hqUrl, hqMigrations, MAX_ROW_SESSIONS)
    this.#dx = new Side(DATA_ENGINE_X, dxUrl, dxMigrations, MAX_SESSIONS)
  }

  /** Listens, whether the databases are there or not. @returns the address. */
  start(): Promise<string> {
    this.#started ??= this.#start()
    return this.#started
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #start(): Promise<string> {
    const { host, port, hosts, url, access, isReadOnly, environment, jaegerUrl } = this.#config
    const app = createConsoleApp({
      screens: SCREENS,
      downloads: DOWNLOADS,
      actions: ACTIONS,
      assets: await Assets.load(),
      surroundings: {
        ...{ hq: this.#hq, hqRows: this.#hqRows, dx: this.#dx },
        ...{ isReadOnly, environment, jaegerUrl, now: Date.now },
      },
      ...{ access, hosts, url, log: this.#log },
    })
    const server = createServer(
      { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
      getRequestListener(app.fetch, { overrideGlobalObjects: false, hostname: 'localhost' }),
    )
    server.maxConnections = MAX_CONNECTIONS
    this.#server = server
    server.listen(port, host)
    await once(server, 'listening')
    const address = server.address() as AddressInfo
    const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
    return `http://${name}:${address.port}`
  }

  async #stop(): Promise<void> {
    // A start that failed has nothing to close but the sessions.
    await this.#started?.catch(() => {})
    if (this.#server?.listening === true) {
      const closed = once(this.#server, 'close')
      this.#server.close()
      this.#server.closeIdleConnections()
      const deadline = setTimeout(() => this.#server?.closeAllConnections(), DRAIN_MS)
      await closed
      clearTimeout(deadline)
    }
    await Promise.all([this.#hq.end(), this.#hqRows.end(), this.#dx.end()])
  }
}
