import { createPool, HQ } from '@hq-export/hq-ingest/db/connect.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { createSessionPool } from '@hq-export/outbox-relay/session/connect.ts'
import { SEES_ALL } from '@hq-export/outbox-relay/session/hidden-tables.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import { DATA_ENGINE_X } from '@hq-export/outbox-relay/session/why-not-connected.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import type { NamedDatabase } from '@hq-export/runtime/postgres/explain-connect-error.ts'
import type { Migrations } from '@hq-export/runtime/postgres/migrations.ts'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'

/** One for the job under way, one for whoever begins another. */
const MAX_SESSIONS = 2
const CONNECT_TIMEOUT_MS = 5_000

/** One of the two databases, as what changes something works with it: the role of its commands. */
export class ChangingSide {
  readonly database: NamedDatabase
  readonly #pool: pg.Pool | undefined
  readonly #migrations: Migrations
  /** Sessions whose database has this build's migrations. */
  readonly #known = new WeakSet<pg.PoolClient>()

  private constructor(database: NamedDatabase, pool: pg.Pool | undefined, migrations: Migrations) {
    this.database = database
    this.#pool = pool
    this.#migrations = migrations
    // The query that a lost session breaks reports it.
    pool?.on('error', () => {})
  }

  /** @param url undefined: not connected. */
  static ofHq(url: string | undefined): ChangingSide {
    const timeouts = { connectionTimeoutMillis: CONNECT_TIMEOUT_MS }
    const pool = url === undefined ? undefined : createPool(url, MAX_SESSIONS, timeouts)
    return new ChangingSide(HQ, pool, hqMigrations)
  }

  /** @param url undefined: not connected. */
  static ofSource(url: string | undefined): ChangingSide {
    // A writer of the application that holds a key is not waited for.
    const settings = { ...SEES_ALL, statement_timeout: '30s', lock_timeout: '1s' }
    const pool =
      url === undefined ? undefined : createSessionPool(url, 'console', MAX_SESSIONS, settings)
    return new ChangingSide(DATA_ENGINE_X, pool, dxMigrations)
  }

  get isConnected(): boolean {
    return this.#pool !== undefined
  }

  /**
   * Runs `work` in one transaction, READ COMMITTED; returns after COMMIT.
   * @throws what `work` throws, or the error of the session; then nothing was written, unless the
   * session was lost while it committed.
   */
  async transact<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    if (this.#pool === undefined) throw new OperatorError(`${this.database.name} is not connected`)
    const client = await this.#pool.connect()
    try {
      if (!this.#known.has(client)) await this.#migrations.assertApplied(client)
      this.#known.add(client)
      const result = await transact(client, () => work(client))
      client.release()
      return result
    } catch (error) {
      // Whatever state it is in: the next one gets a new session.
      client.release(true)
      throw error
    }
  }

  async end(): Promise<void> {
    await this.#pool?.end()
  }
}
