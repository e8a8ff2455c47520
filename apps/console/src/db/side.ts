import { UnreadableRecordError } from '@hq-export/runtime/parse-record.ts'
import {
  explainConnectError,
  explainDatabaseError,
  type NamedDatabase,
} from '@hq-export/runtime/postgres/explain-connect-error.ts'
import type { Migrations } from '@hq-export/runtime/postgres/migrations.ts'
import {
  confirmSettings,
  READING_SETTINGS,
  type SessionSettings,
  sessionConfig,
} from '@hq-export/runtime/postgres/session.ts'
import pg from 'pg'
import { whyUnreachable } from './why-unreachable.ts'

/** What a look at one of the two databases came to. */
export type Reading<T> =
  | { readonly state: 'read'; readonly value: T }
  /** No URL is set for it. */
  | { readonly state: 'not connected'; readonly reason: string }
  /** It cannot be asked now; the console asks again by itself. */
  | { readonly state: 'unreachable'; readonly reason: string }
  /** It took longer than a page may. */
  | { readonly state: 'too slow'; readonly reason: string }
  /** It holds a record that this release does not read. */
  | { readonly state: 'unreadable'; readonly reason: string }

/** For a session to be free, or to be opened. */
const CONNECT_TIMEOUT_MS = 2_000
/** Of one statement of a page. */
export const PAGE_TIMEOUT_MS = 3_000
/** Beyond it the server is gone, or cut off: it would have answered that it is too slow. */
const ANSWER_TIMEOUT_MS = PAGE_TIMEOUT_MS + 2_000
const QUERY_CANCELED = '57014'
const LOCK_NOT_AVAILABLE = '55P03'
/**
 * What a statement of ours takes out of JSON is no number, no list or no object: not our
 * parameters, which are read before it.
 */
const UNREADABLE_CODES: readonly unknown[] = ['22023', '22P02', '22003']
const IN_MILLISECONDS = `${PAGE_TIMEOUT_MS / 1_000}s`

const READ_SETTINGS: SessionSettings = {
  ...READING_SETTINGS,
  default_transaction_isolation: 'read committed',
  // Pages are looked at; what changes something has a session of its own.
  default_transaction_read_only: 'on',
  statement_timeout: IN_MILLISECONDS,
  lock_timeout: '1s',
  idle_in_transaction_session_timeout: '10s',
  // A page gives way to those that work.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
}

/** One of the two databases, as pages read it. */
export class Side {
  readonly database: NamedDatabase
  readonly #pool: pg.Pool | undefined

  /**
   * @param url undefined: not connected.
   * @param migrations that it must have.
   * @param maxSessions that the console may hold at once, whoever looks.
   */
  constructor(
    database: NamedDatabase,
    url: string | undefined,
    migrations: Migrations,
    maxSessions: number,
  ) {
    this.database = database
    if (url === undefined) return
    const settings = { ...READ_SETTINGS, role: database.role }
    this.#pool = new pg.Pool({
      ...sessionConfig(url, 'hq-export console', settings),
      max: maxSessions,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      keepAlive: true,
      onConnect: async (client) => {
        await confirmSettings(client, settings, CONNECT_TIMEOUT_MS)
        await migrations.assertApplied(client)
      },
    })
    // The query that a lost session breaks reports it.
    this.#pool.on('error', () => {})
  }

  /** Such as HQ. */
  get name(): string {
    return this.database.name
  }

  get isConnected(): boolean {
    return this.#pool !== undefined
  }

  /**
   * Reads for a page, on one session that can change nothing.
   * @returns the value, or why there is none.
   * @throws what is a defect of ours: an error that neither the database's state nor its absence
   * explains.
   */
  async read<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<Reading<T>> {
    const { name, variable } = this.database
    if (this.#pool === undefined)
      return { state: 'not connected', reason: `${name} is not connected: set ${variable}` }
    let client: pg.PoolClient
    try {
      client = await this.#pool.connect()
    } catch (error) {
      return this.#whyNot(error, explainConnectError(error, this.database))
    }
    try {
      const value = await work(client)
      client.release()
      return { state: 'read', value }
    } catch (error) {
      // Whatever state it is in: the next page gets a new one.
      client.release(true)
      return this.#whyNot(error, explainDatabaseError(error, this.database))
    }
  }

  #whyNot(error: unknown, explained: string | undefined): Reading<never> {
    const { name } = this.database
    const { code } = error as { code?: unknown }
    if (code === QUERY_CANCELED)
      return {
        state: 'too slow',
        reason: `${name} took longer than ${IN_MILLISECONDS}; narrow the filter, or try again`,
      }
    if (code === LOCK_NOT_AVAILABLE)
      return {
        state: 'too slow',
        reason: `somebody holds a table of ${name} locked, such as a migration; try again`,
      }
    if (error instanceof UnreadableRecordError)
      return { state: 'unreadable', reason: error.message }
    if (UNREADABLE_CODES.includes(code))
      return {
        state: 'unreadable',
        reason: `${name} holds a record in a form that this release does not read (SQLSTATE ${code}): a newer release has written it, or a hand. Run that release here, too`,
      }
    const reason = whyUnreachable(error, name, explained)
    if (reason === undefined) throw error
    return { state: 'unreachable', reason }
  }

  async end(): Promise<void> {
    await this.#pool?.end()
  }
}
