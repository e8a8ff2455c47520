import { randomUUID } from 'node:crypto'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import { OngoingWork } from '@hq-export/runtime/ongoing-work.ts'
import { pause } from '@hq-export/runtime/pause.ts'
import type pg from 'pg'
import type { CronTime } from '../../process/cron-time.ts'
import { relayLocks } from '../../session/lead.ts'
import type { ReconcileContext, ReconcileRequest } from '../reconcile-context.ts'
import { proveRepairs } from '../record/prove-repairs.ts'
import { connectRecorder, runRecorded } from '../record/run-recorded.ts'
import { Due } from './due.ts'

/** One relay at a time makes the daily run, should two lead at once. */
const LOCK = 'reconcile'

/** How often the clock is asked. */
const POLL_MS = 15_000
/** After a start: whatever waited while no relay worked is delivered first. */
const MAKE_UP_AFTER_MS = 5 * 60_000
/** After what failed before it began. */
const RETRY_MS = 60_000
/** A run ends before the next one begins, whatever holds it up; what is left is not covered. */
const MAX_SECONDS = 6 * 3_600

/** How a {@link Reconciler} counts time; tests own it. */
export interface ReconcilerTiming {
  readonly now: () => Date
  readonly pollMs: number
  readonly makeUpAfterMs: number
  readonly retryMs: number
}

export const RECONCILER_TIMING: ReconcilerTiming = {
  now: () => new Date(),
  pollMs: POLL_MS,
  makeUpAfterMs: MAKE_UP_AFTER_MS,
  retryMs: RETRY_MS,
}

// Without any run the day begins with the migration that made them possible.
const IS_MISSED = /* sql */ `
select coalesce((select pg_catalog.max(r.finished_at) from hq_export.reconciliation r
    where r.is_whole),
  (select m.run_on at time zone current_setting('TimeZone') from hq_export.migration m
    where m.name = '0024_create_reconciliation'))
  < pg_catalog.clock_timestamp() - interval '24 hours' as due`

const HAS_BEGUN = /* sql */ `
select not exists (select from hq_export.reconciliation r
  where r.kind = 'daily' and r.started_at >= $1::timestamptz) as due`

/** A moment of the schedule that has come, or what an earlier relay missed. */
type Occasion = Date | 'missed'

async function isDue(client: pg.ClientBase, occasion: Occasion): Promise<boolean> {
  const { rows } =
    occasion === 'missed'
      ? await client.query<{ due: boolean }>(IS_MISSED)
      : await client.query<{ due: boolean }>(HAS_BEGUN, [occasion.toISOString()])
  return rows[0]?.due ?? false
}

function dailyRequest(): ReconcileRequest {
  return {
    id: randomUUID(),
    kind: 'daily',
    datasets: null,
    scope: {},
    repair: 'auto',
    rotation: true,
    maxSeconds: MAX_SECONDS,
  }
}

/**
 * The part of a leading relay that reconciles by itself: at the moments of its schedule, and some
 * minutes after its start where none has ended for a day. Stopped, it ends a run under way as
 * undecided.
 */
export class Reconciler extends OngoingWork {
  readonly #context: ReconcileContext
  readonly #time: CronTime
  readonly #timing: ReconcilerTiming

  constructor(
    context: ReconcileContext,
    time: CronTime,
    timing: ReconcilerTiming = RECONCILER_TIMING,
  ) {
    super(context.stopping)
    this.#context = { ...context, stopping: this.stopping }
    this.#time = time
    this.#timing = timing
  }

  protected async run(): Promise<void> {
    const { stopping, log } = this.#context
    const { now, pollMs, makeUpAfterMs, retryMs } = this.#timing
    const due = new Due(this.#time, now())
    const startedAt = performance.now()
    let hasMadeUp = false
    while (!stopping.aborted) {
      await pause(pollMs, stopping)
      const isLate = !hasMadeUp && performance.now() - startedAt >= makeUpAfterMs
      const occasion = due.look(now()) ?? (isLate ? 'missed' : undefined)
      if (occasion === undefined) continue
      hasMadeUp = true
      while (!stopping.aborted) {
        try {
          await this.#reconcile(occasion)
          break
        } catch (error) {
          log.warn(
            { reason: describeError(error) },
            'a reconciliation cannot be recorded now; trying again',
          )
          await pause(retryMs, stopping)
        }
      }
    }
  }

  async #reconcile(occasion: Occasion): Promise<void> {
    const { databaseUrl } = this.#context
    const lost = new AbortController()
    const client = await connectRecorder(databaseUrl, (error) => lost.abort(error))
    try {
      const { key } = await relayLocks.take(client, LOCK)
      if (key === undefined || !(await isDue(client, occasion))) return
      const stopping = AbortSignal.any([this.#context.stopping, lost.signal])
      const context = { ...this.#context, stopping }
      const { id } = await runRecorded(context, dailyRequest())
      if (!stopping.aborted) await proveRepairs(client, context, id)
    } finally {
      await client.end().catch(() => {}) // a lost session is closed already
    }
  }
}
