import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { HQ } from '@hq-export/hq-ingest/db/connect.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import { DATA_ENGINE_X } from '@hq-export/outbox-relay/session/why-not-connected.ts'
import { PROGRAM_VERSION } from '@hq-export/runtime/cli/program-version.ts'
import type { Service } from '@hq-export/runtime/service.ts'
import { ActionRunner } from './actions/action-runner.ts'
import { Assets } from './assets/assets.ts'
import { ChangingSide } from './db/changing-side.ts'
import { Side } from './db/side.ts'
import { dxDoctor, hqDoctor } from './doctor/doctors.ts'
import { createConsoleApp } from './http/console-app.ts'
import { createHttpServer } from './http/http-server.ts'
import type { ConsoleConfig } from './process/config.ts'
import type { Logger } from './process/log.ts'
import { ACTIONS, DOWNLOADS, SCREENS } from './screens.ts'

/** May look at the machinery of HQ, and at no value of a row (migration 0026). */
const CONSOLE_ROLE = 'hq_console'
/** Of each database; and of HQ for pages that show rows. */
const MAX_SESSIONS = 4
const MAX_ROW_SESSIONS = 2
/** For requests under way when it stops. */
const DRAIN_MS = 5_000

/** The console as a part of a process: an HTTP server and its sessions with both databases. */
export class ConsoleServer implements Service {
  readonly #config: ConsoleConfig
  readonly #log: Logger
  readonly #hq: Side
  readonly #hqRows: Side
  readonly #dx: Side
  readonly #changing: Readonly<Record<'hq' | 'dx', ChangingSide>>
  readonly #runners: Readonly<Record<'hq' | 'dx', ActionRunner>>
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
    const changing = { hq: ChangingSide.ofHq(hqUrl), dx: ChangingSide.ofSource(dxUrl) }
    this.#changing = changing
    this.#runners = {
      hq: new ActionRunner({ name: 'hq', reading: this.#hq, changing: changing.hq }, log),
      dx: new ActionRunner({ name: 'dx', reading: this.#dx, changing: changing.dx }, log),
    }
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
    const assets = await Assets.load()
    const app = createConsoleApp({
      screens: SCREENS,
      downloads: DOWNLOADS,
      actions: ACTIONS,
      assets,
      surroundings: {
        ...{ hq: this.#hq, hqRows: this.#hqRows, dx: this.#dx },
        ...{ isReadOnly, environment, jaegerUrl, now: Date.now },
        changes: {
          ...this.#changing,
          wake: (side) => this.#runners[side].wake(),
          masterKey: this.#config.masterKey,
        },
        doctors: {
          hq: hqDoctor(this.#config.hqDatabaseUrl),
          dx: dxDoctor(this.#config.dxDatabaseUrl),
        },
        running: {
          version: PROGRAM_VERSION,
          startedAt: new Date().toISOString(),
          assets: assets.folder,
          settings: this.#config.shown,
        },
      },
      ...{ access, hosts, url, log: this.#log },
    })
    const server = createHttpServer(app)
    this.#server = server
    server.listen(port, host)
    await once(server, 'listening')
    // A console that may change nothing leaves what others began to others.
    if (!isReadOnly && access.kind !== 'open')
      for (const runner of Object.values(this.#runners)) runner.start()
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
    await Promise.all(Object.values(this.#runners).map((runner) => runner.stop()))
    const sides = [this.#hq, this.#hqRows, this.#dx, ...Object.values(this.#changing)]
    await Promise.all(sides.map((side) => side.end()))
  }
}
