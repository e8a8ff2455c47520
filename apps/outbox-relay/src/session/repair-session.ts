import type pg from 'pg'
import { connect } from './connect.ts'
import { LED_SESSION } from './lead.ts'

/**
 * Transactions beside the loop, which reads pages on its own session meanwhile: one after the
 * other, on a session that is there only while it is needed, which is hardly ever.
 */
export class RepairSession {
  readonly #databaseUrl: string
  #last: Promise<unknown> = Promise.resolve()

  constructor(databaseUrl: string) {
    this.#databaseUrl = databaseUrl
  }

  /** Runs `work` when all work before it has ended. */
  run<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const result = this.#last.then(() => this.#run(work))
    // Its caller gets the failure; the next one need not.
    this.#last = result.catch(() => {})
    return result
  }

  async #run<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    // A session that is lost fails the statement that waits on it.
    const client = await connect(this.#databaseUrl, 'mend', () => {}, LED_SESSION)
    try {
      return await work(client)
    } finally {
      await client.end()
    }
  }
}
