import { describeError } from '@hq-export/runtime/describe-error.ts'
import { OngoingWork } from '@hq-export/runtime/ongoing-work.ts'
import { pause } from '@hq-export/runtime/pause.ts'
import type pg from 'pg'
import type { RunOnSession, Settlement } from '../acknowledge/acknowledge-outcome.ts'
import { HALT_PAUSE_MS } from '../delivery/attempt.ts'
import type { DeliveryContext } from '../delivery/delivery-context.ts'
import type { Logger } from '../process/log.ts'
import { STRANGERS_NOTICE } from '../session/lead.ts'
import { hasRunningBackfill, nextBackfill } from './backfill-record.ts'
import { connectBackfill } from './backfill-session.ts'
import { releaseExecutionLock, tryExecutionLock } from './execution-lock.ts'
import { createSerializer } from './one-at-a-time.ts'
import { type BackfillEnd, runBackfill } from './run-backfill.ts'

/**
 * How often a relay without a backfill looks for one, and one that failed to work on it tries
 * again.
 */
const POLL_MS = 1_000

/** What executes backfills. */
export interface BackfillerContext {
  readonly databaseUrl: string
  readonly delivery: Omit<DeliveryContext, 'onHalt'>
  readonly onAccepted: Settlement['onAccepted']
  readonly log: Logger
  /** Ends the work at its checkpoint. */
  readonly stopping: AbortSignal
  /** The last one to execute; all of them where it is not said. */
  readonly lastId?: string
}

/**
 * Executes recorded backfills, oldest first, until none is left or `stopping` is aborted.
 * @returns undefined where another process executes them already; else how the last one ended.
 */
async function executeOn(
  client: pg.ClientBase,
  { delivery, onAccepted, log, lastId, stopping }: BackfillerContext,
): Promise<BackfillEnd | 'none' | undefined> {
  const { key, strangers } = await tryExecutionLock(client)
  if (strangers.length > 0) log.warn({ pids: strangers }, STRANGERS_NOTICE)
  if (key === undefined) return undefined
  const serialize = createSerializer()
  const run: RunOnSession = (work) => serialize(() => work(client))
  // Views show every row above the delete of its key, and as a whole: no race to mend.
  const settlement = { run, transact: run, mayRace: false, log, onAccepted }
  let end: BackfillEnd | 'none' = 'none'
  while (!stopping.aborted) {
    const record = await nextBackfill(client)
    if (record === undefined) break
    const facts = { backfill: record.id, dataset: record.selection.dataset ?? 'all' }
    log.info(facts, 'working on a backfill')
    end = await runBackfill({ client, serialize, stopping, delivery, settlement }, record)
    log.info({ ...facts, end }, 'the work on a backfill has ended')
    if (record.id === lastId || end === 'halted') break
  }
  await releaseExecutionLock(client, key)
  return end
}

/**
 * Opens a session for backfills, works with it, and closes it. `stopping` ends when the session is
 * lost, too.
 */
async function withSession<T>(
  context: BackfillerContext,
  work: (client: pg.ClientBase, context: BackfillerContext) => Promise<T>,
): Promise<T> {
  const lost = new AbortController()
  const client = await connectBackfill(context.databaseUrl, (error) => lost.abort(error))
  try {
    const stopping = AbortSignal.any([context.stopping, lost.signal])
    const result = await work(client, { ...context, stopping })
    if (lost.signal.aborted) throw lost.signal.reason
    return result
  } finally {
    await client.end().catch(() => {}) // a lost session is closed already
  }
}

/**
 * Executes recorded backfills once, on a session of its own.
 * @returns undefined where another process executes them already; else how the last one ended.
 */
export function executeBackfills(
  context: BackfillerContext,
): Promise<BackfillEnd | 'none' | undefined> {
  return withSession(context, executeOn)
}

/**
 * Looks for backfills and executes them until `stopping`. @returns how long to wait where HQ
 * refused one.
 */
async function lookAndExecute(client: pg.ClientBase, context: BackfillerContext): Promise<number> {
  const { stopping } = context
  while (!stopping.aborted) {
    if (await hasRunningBackfill(client)) {
      if ((await executeOn(client, context)) === 'halted') return HALT_PAUSE_MS
    }
    await pause(POLL_MS, stopping)
  }
  return 0
}

/**
 * The part of a leading relay that executes backfills beside the push of live changes. Stopped, it
 * ends at the checkpoint; what HQ has not answered yet is sent again later.
 */
export class Backfiller extends OngoingWork {
  readonly #context: BackfillerContext

  constructor(context: BackfillerContext) {
    super(context.stopping)
    this.#context = { ...context, stopping: this.stopping }
  }

  protected async run(): Promise<void> {
    const { stopping, log } = this.#context
    while (!stopping.aborted) {
      let pauseMs = POLL_MS
      try {
        pauseMs = await withSession(this.#context, lookAndExecute)
      } catch (error) {
        const { code } = error as { code?: string }
        if (!stopping.aborted) {
          log.warn(
            { code, reason: describeError(error) },
            'a backfill cannot go on now; trying again',
          )
        }
      }
      await pause(pauseMs, stopping)
    }
  }
}
