import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { insertDeadLetters } from '../dead-letter/insert-dead-letters.ts'
import type { DeliveryContext } from '../delivery/delivery-context.ts'
import type { Logger } from '../log.ts'
import { hasRunningBackfill, nextBackfill } from './backfill-record.ts'
import { connectBackfill } from './backfill-session.ts'
import { tryExecutionLock } from './execution-lock.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { type BackfillEnd, runBackfill } from './run-backfill.ts'

/** How often a relay without a backfill looks for one, and one that failed to work on it tries again. */
const LOOK_MS = 1_000
/** How long one waits that HQ refused: only an operator can mend it. As for live batches. */
const HALT_PAUSE_MS = 15_000

/** What executes backfills. */
export interface BackfillerContext {
  readonly databaseUrl: string
  readonly delivery: Omit<DeliveryContext, 'keepDeadLetters' | 'onHalt'>
  readonly log: Logger
  /** Ends the work at its checkpoint. */
  readonly stopping: AbortSignal
  /** The last one to execute; all of them where it is not said. */
  readonly lastId?: string
}

/**
 * Executes recorded backfills, oldest first, on a session of its own, until none is left or `stopping` is aborted.
 * @returns undefined where another process executes them already; else how the last one ended.
 */
export async function executeBackfills(
  context: BackfillerContext,
): Promise<BackfillEnd | 'none' | undefined> {
  const { databaseUrl, delivery, log, lastId } = context
  const lost = new AbortController()
  const stopping = AbortSignal.any([context.stopping, lost.signal])
  const client = await connectBackfill(databaseUrl, (error) => lost.abort(error))
  const inTurn = oneAtATime()
  let end: BackfillEnd | 'none' = 'none'
  try {
    if (!(await tryExecutionLock(client))) return undefined
    while (!stopping.aborted) {
      const record = await nextBackfill(client)
      if (record === undefined) break
      const facts = { backfill: record.id, dataset: record.selection.dataset ?? 'all' }
      log.info(facts, 'working on a backfill')
      end = await runBackfill(
        {
          client,
          inTurn,
          stopping,
          delivery: {
            ...delivery,
            // A run takes note of it by itself; live changes have nothing to do with it.
            onHalt: () => {},
            keepDeadLetters: (letters) => inTurn(() => insertDeadLetters(client, letters)),
          },
        },
        record,
      )
      log.info({ ...facts, end }, 'the work on a backfill has ended')
      if (record.id === lastId || end === 'halted') break
    }
    if (lost.signal.aborted) throw lost.signal.reason
    return end
  } finally {
    await client.end().catch(() => {}) // a lost session is closed already
  }
}

/** The part of a leading relay that executes backfills beside the push of live changes. */
export class Backfiller {
  readonly #context: BackfillerContext
  readonly #leader: pg.ClientBase
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined

  /** @param leader session that looks for backfills; idle otherwise. */
  constructor(context: BackfillerContext, leader: pg.ClientBase) {
    this.#context = {
      ...context,
      stopping: AbortSignal.any([context.stopping, this.#stopping.signal]),
    }
    this.#leader = leader
  }

  /** Begins; a second call changes nothing. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Ends at the checkpoint; what HQ has not answered yet is sent again later. Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** Never rejects: live changes go on whatever becomes of a backfill. */
  async #run(): Promise<void> {
    const { stopping, log } = this.#context
    while (!stopping.aborted) {
      let pauseMs = LOOK_MS
      try {
        if (await hasRunningBackfill(this.#leader)) {
          const end = await executeBackfills(this.#context)
          if (end === 'halted') pauseMs = HALT_PAUSE_MS
        }
      } catch (error) {
        const { code, message } = error as { code?: string; message?: string }
        if (!stopping.aborted) {
          log.warn({ code, reason: message }, 'a backfill cannot go on now; trying again')
        }
      }
      await delay(pauseMs, undefined, { signal: stopping }).catch(() => {})
    }
  }
}
