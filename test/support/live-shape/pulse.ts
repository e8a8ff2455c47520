import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { insertLiveCompany } from './live-rows.ts'

/** How often HQ is looked at. */
const POLL_MS = 2

/**
 * One live change: when its statement was sent and when HQ first showed it, in ms of
 * `performance.now()`.
 */
export interface Beat {
  readonly sentAt: number
  readonly seenAt: number
}

/**
 * Single commits of one company each at a steady rate, and how long each takes until a session of
 * HQ sees it.
 */
export class Pulse implements AsyncDisposable {
  readonly beats: Beat[] = []
  readonly #waiting = new Map<string, number>()
  readonly #running: Promise<unknown>
  #isOver = false

  /** @param orgId a tenant that nobody else writes to. */
  constructor(dx: pg.Client, hq: pg.Client, orgId: string, perSecond: number) {
    this.#running = Promise.all([this.#write(dx, orgId, 1000 / perSecond), this.#look(hq, orgId)])
  }

  async #write(dx: pg.Client, orgId: string, slotMs: number): Promise<void> {
    const beganAt = performance.now()
    for (let n = 0; !this.#isOver; n++) {
      await delay(Math.max(0, beganAt + n * slotMs - performance.now()))
      const entityId = randomUUID()
      // Before the statement and not after its commit: what is measured is never too short.
      this.#waiting.set(entityId, performance.now())
      await insertLiveCompany(dx, orgId, { entity_id: entityId })
    }
  }

  async #look(hq: pg.Client, orgId: string): Promise<void> {
    while (!this.#isOver || this.#waiting.size > 0) {
      const { rows } = await hq.query<{ entity_id: string }>({
        name: 'pulse',
        text: `select entity_id from hq.dx_company_entities_v1
          where org_id = $1 and entity_id = any ($2)`,
        values: [orgId, [...this.#waiting.keys()]],
      })
      const seenAt = performance.now()
      for (const { entity_id } of rows) {
        const sentAt = this.#waiting.get(entity_id)
        if (sentAt !== undefined) this.beats.push({ sentAt, seenAt })
        this.#waiting.delete(entity_id)
      }
      await delay(POLL_MS)
    }
  }

  /** Ends when every change that was made is seen. */
  async stop(): Promise<void> {
    this.#isOver = true
    await this.#running
  }

  /** Gives up on what was not seen. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    this.#waiting.clear()
    await this.#running
  }
}
