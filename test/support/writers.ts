import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { insertCompany } from './reference-rows.ts'
import type { TestDatabase } from './servers/databases.ts'

/**
 * Application sessions that write companies one by one, as fast as they can or with a pause
 * between, until they are stopped or their server goes.
 */
export class Writers implements AsyncDisposable {
  /** Entities whose COMMIT was answered. */
  readonly committed: string[] = []
  readonly #clients: readonly pg.Client[]
  #isOver = false
  #running: Promise<unknown> = Promise.resolve()

  private constructor(clients: readonly pg.Client[]) {
    this.#clients = clients
  }

  static async start(options: {
    readonly database: TestDatabase
    readonly orgId: string
    readonly sessions: number
    /** Run first in every session. */
    readonly prepare?: string
    /** Between two writes of a session; none by default. */
    readonly pauseMs?: number
  }): Promise<Writers> {
    const { database, orgId, sessions, prepare = 'select 1', pauseMs = 0 } = options
    const clients = await Promise.all(Array.from({ length: sessions }, () => database.connect()))
    for (const client of clients) await client.query(prepare)
    const writers = new Writers(clients)
    writers.#running = Promise.all(clients.map((client) => writers.#write(client, orgId, pauseMs)))
    return writers
  }

  async #write(client: pg.Client, orgId: string, pauseMs: number): Promise<void> {
    while (!this.#isOver) {
      if (pauseMs > 0) await delay(pauseMs)
      try {
        this.committed.push(await insertCompany(client, orgId))
      } catch (error) {
        // A server that crashes ends its sessions; nothing else may go wrong with a write.
        const { code } = error as { code?: string }
        const isLost = code === undefined || code.startsWith('57P') || code === 'ECONNRESET'
        if (!isLost) throw error
        return
      }
    }
  }

  /** Backend of the first session. */
  async backendPid(): Promise<number> {
    const pid = (this.#clients[0] as pg.Client & { processID?: number }).processID
    if (pid === undefined) throw new Error('no session')
    return pid
  }

  /** Resolves when every session has been lost. */
  async lost(): Promise<void> {
    await this.#running
  }

  /** Ends after the writes under way. */
  async stop(): Promise<void> {
    this.#isOver = true
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
