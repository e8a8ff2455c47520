import { describeError } from '@hq-export/runtime/describe-error.ts'
import type pg from 'pg'
import type { Logger } from '../process/log.ts'
import { endsSession } from './ends-session.ts'
import { reexportNoted } from './reexport-noted.ts'

/** Keys of one transaction. */
const MAX_KEYS = 1_000
/** Look again, beside a loop that is never idle. */
const POLL_MS = 1_000
/** Look again after a fault. */
const FAULT_PAUSE_MS = 2_000

const HAS_KEYS = /* sql */ `select exists (select from hq_export.reexport) as found`

/**
 * Sends keys that were noted in `hq_export.reexport`, a step at a time beside the relay's loop. All
 * that it knows stands in the database, so a new one goes on where this one ended.
 */
export class Reexporter {
  readonly #client: pg.ClientBase
  readonly #log: Logger
  #lookAt = 0
  #isFaulty = false
  #isPending = false

  constructor(client: pg.ClientBase, log: Logger) {
    this.#client = client
    this.#log = log
  }

  /** How long nothing needs to be done, unless the bell rings: more may be there after a step. */
  get waitMs(): number {
    return this.#isPending ? Math.max(0, this.#lookAt - performance.now()) : Infinity
  }

  /**
   * One step, if it is time for one.
   * @param isIdle nothing else is to be done: look whatever the time.
   * @returns true if keys were taken.
   */
  async step(isIdle: boolean): Promise<boolean> {
    if (performance.now() < this.#lookAt && (!isIdle || this.#isFaulty)) return false
    this.#isFaulty = false
    this.#isPending = true
    try {
      const { rows } = await this.#client.query<{ found: boolean }>({
        name: 'reexport-has-keys',
        text: HAS_KEYS,
      })
      const count = rows[0]?.found ? await reexportNoted(this.#client, MAX_KEYS) : 0
      this.#isPending = count > 0
      this.#lookAt = count > 0 ? 0 : performance.now() + POLL_MS
      return count > 0
    } catch (error) {
      if (endsSession(error)) throw error
      this.#isFaulty = true
      this.#lookAt = performance.now() + FAULT_PAUSE_MS
      this.#log.error(
        { code: (error as { code?: string }).code, reason: describeError(error) },
        'rows cannot be sent again; trying again. See: npm run relay -- doctor',
      )
      return false
    }
  }
}
