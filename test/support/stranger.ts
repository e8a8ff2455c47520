import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { waitFor } from './wait-for.ts'

/** Key by which node-pg-migrate, as it comes, keeps migrations apart. */
export const LIBRARY_LOCK = '7241865325823964'

/** A login without any right, on a database of somebody else, that locks what anybody may lock. */
export class Stranger implements AsyncDisposable {
  readonly pid: number
  readonly #client: pg.Client
  readonly #url: URL
  readonly #admin: pg.Client
  readonly #name: string
  #waiters: pg.Client[] = []

  private constructor(client: pg.Client, pid: number, url: URL, admin: pg.Client, name: string) {
    this.#client = client
    this.pid = pid
    this.#url = url
    this.#admin = admin
    this.#name = name
  }

  /** @param databaseUrl of a superuser. */
  static async connect(databaseUrl: string): Promise<Stranger> {
    const admin = new pg.Client({ connectionString: databaseUrl })
    admin.on('error', () => {}) // a database that is dropped ends its sessions
    await admin.connect()
    const name = `stranger_${randomBytes(4).toString('hex')}`
    await admin.query(`create role ${name} login password 'stranger'`)
    const url = new URL(databaseUrl)
    url.username = name
    url.password = 'stranger'
    const client = new pg.Client({ connectionString: url.href })
    client.on('error', () => {})
    await client.connect()
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    return new Stranger(client, rows[0]?.pid ?? 0, url, admin, name)
  }

  /** Holds session locks on these keys until it ends. */
  async hold(keys: readonly string[]): Promise<void> {
    await this.#client.query('select pg_advisory_lock(key) from unnest($1::bigint[]) key', [keys])
  }

  /** Waits for a lock on this key: whoever lets go of it hands it over. */
  async queueFor(key: string): Promise<void> {
    const waiter = new pg.Client({ connectionString: this.#url.href })
    waiter.on('error', () => {})
    await waiter.connect()
    this.#waiters.push(waiter)
    waiter.query('select pg_advisory_lock($1::bigint)', [key]).catch(() => {})
    await waitFor('the stranger to wait', async () => {
      const { rowCount } = await this.#admin.query(
        `select from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'`,
        [this.#name],
      )
      return rowCount === 1
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.query(
      'select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = $1',
      [this.#name],
    )
    await this.#client.end().catch(() => {})
    await Promise.all(this.#waiters.map((waiter) => waiter.end().catch(() => {})))
    await this.#admin.query(`drop role ${this.#name}`)
    await this.#admin.end()
  }
}
