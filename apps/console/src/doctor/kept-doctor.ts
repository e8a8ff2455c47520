import { setTimeout as delay } from 'node:timers/promises'
import type { NamedFinding } from '@hq-export/runtime/doctor/finding.ts'
import {
  explainConnectError,
  type NamedDatabase,
} from '@hq-export/runtime/postgres/explain-connect-error.ts'
import type { Reading } from '../db/side.ts'
import { whyUnreachable } from '../db/why-unreachable.ts'

/** What a doctor found. */
export interface Examination {
  readonly findings: readonly NamedFinding[]
  /** When it had looked at everything. */
  readonly at: string
}

/** How long a page waits for an examination that is under way; the next page finds it. */
const WAIT_MS = 700
/** An examination costs what some hundred pages cost. */
const KEEP_MS = 30_000

/** One examination at a time, shown to everybody who asks within half a minute. */
export class KeptDoctor {
  readonly #database: NamedDatabase
  readonly #examine: (() => Promise<readonly NamedFinding[]>) | undefined
  readonly #now: () => number
  #underWay: Promise<Examination> | undefined
  #kept: { readonly examination: Examination; readonly until: number } | undefined

  /**
   * @param examine undefined where the database is not connected.
   * @param now milliseconds since the epoch.
   */
  constructor(
    database: NamedDatabase,
    examine: (() => Promise<readonly NamedFinding[]>) | undefined,
    now: () => number = Date.now,
  ) {
    this.#database = database
    this.#examine = examine
    this.#now = now
  }

  /**
   * What was found, looked up anew where that is too long ago; the page waits for that a moment,
   * and has what was found before until then.
   * @throws what is a defect of ours.
   */
  async read(): Promise<Reading<Examination>> {
    const { name, variable } = this.#database
    const examine = this.#examine
    if (examine === undefined)
      return { state: 'not connected', reason: `${name} is not connected: set ${variable}` }
    const kept = this.#kept
    if (kept !== undefined && kept.until > this.#now())
      return { state: 'read', value: kept.examination }
    this.#underWay ??= this.#look(examine)
    const waiting = new AbortController()
    try {
      const found = await Promise.race([
        this.#underWay,
        delay(WAIT_MS, undefined, { signal: waiting.signal }),
      ])
      const shown = found ?? kept?.examination
      if (shown !== undefined) return { state: 'read', value: shown }
      const reason = `${name} is still being examined; this page shows what is found when it is`
      return { state: 'too slow', reason }
    } catch (error) {
      const reason = whyUnreachable(error, name, explainConnectError(error, this.#database))
      if (reason === undefined) throw error
      return { state: 'unreachable', reason }
    } finally {
      waiting.abort()
    }
  }

  async #look(examine: () => Promise<readonly NamedFinding[]>): Promise<Examination> {
    try {
      const findings = await examine()
      const examination = { findings, at: new Date(this.#now()).toISOString() }
      this.#kept = { examination, until: this.#now() + KEEP_MS }
      return examination
    } finally {
      this.#underWay = undefined
    }
  }
}
