import pg from 'pg'
import type { Binding } from '../binding/binding-schema.ts'
import { readBinding } from '../binding/read-binding.ts'
import { ring } from './insert-export-row.ts'
import { planReplay, type ReplayableLetter, type ReplayPlan } from './plan-replay.ts'
import type { SelectedDeadLetter } from './selection.ts'
import { NotReplayableError, sendAgain } from './send-again.ts'

/** What a replay did, or with `dry_run` would do. */
export interface ReplaySummary {
  readonly dry_run: boolean
  readonly selected: number
  /** Letters whose row is in the outbox again. */
  readonly sent: number
  /** Letters of entities that were deleted since: the delete is a row of its own, so there is nothing to send. */
  readonly gone: number
  /** Letters that stay as they were. */
  readonly not_replayable: readonly {
    readonly id: string
    readonly dataset: string
    readonly reason: string
    /** What stands in the way and what helps; never a value. */
    readonly why: string
  }[]
}

// The relay that refuses the same row at this moment waits for us or we for it, one letter long.
const LOCK = /* sql */ `
select d.id::text as id, d.dataset, d.key, d.reason, d.deleted, d.traceparent, d.body
from hq_export.dead_letter d
where d.id = $1::bigint
for update`

// now() is the start of the transaction, so what it captured is later: should HQ refuse that, the letter opens again.
const RESOLVE = /* sql */ `
update hq_export.dead_letter d
set resolved_at = pg_catalog.now(), resolution = $2, replay_count = d.replay_count + $3
where d.id = $1::bigint`

/** SQLSTATE classes by which PostgreSQL refuses this row or this binding, and not us: data, constraints, syntax and rights, limits. */
const ROW_FAULT_CLASSES = new Set(['21', '22', '23', '42', '54'])

function whyNot(error: unknown): string {
  if (error instanceof NotReplayableError) return error.message
  const code = error instanceof pg.DatabaseError ? error.code : undefined
  if (code === undefined || !ROW_FAULT_CLASSES.has(code.slice(0, 2))) throw error
  // The message may quote a value.
  return `PostgreSQL refuses to project the row: SQLSTATE ${code}; see relay -- doctor`
}

/** One letter, in the open transaction. */
async function replayOne(
  client: pg.ClientBase,
  id: string,
  binding: Binding | undefined,
  isDryRun: boolean,
): Promise<ReplayPlan> {
  const letter = (await client.query<ReplayableLetter>(LOCK, [id])).rows[0]
  if (letter === undefined) return { kind: 'refused', why: 'it is no longer there' }
  const plan = await planReplay(client, letter, binding)
  if (isDryRun || plan.kind === 'refused') return plan
  if (plan.kind === 'gone') {
    await client.query(RESOLVE, [id, 'gone', 0])
    return plan
  }
  await sendAgain(client, plan, letter, binding)
  await client.query(RESOLVE, [id, 'replayed', 1])
  await ring(client)
  return plan
}

/**
 * Sends the rows of dead letters again, each as the source has it now, by way of the outbox: the relay delivers them like any
 * other change, in batches that HQ has not seen.
 *
 * One transaction per letter: the letter is settled if and only if its row is in the outbox, one that cannot be sent stops no other,
 * and no two keys are ever locked at once, so no writer can deadlock with us. Safe to repeat and to interrupt.
 * @param isDryRun only look; what would be sent is counted, and nothing is written.
 */
export async function replayDeadLetters(
  client: pg.ClientBase,
  letters: readonly SelectedDeadLetter[],
  isDryRun: boolean,
): Promise<ReplaySummary> {
  const binding = await readBinding(client)
  const counts = { sent: 0, gone: 0 }
  const notReplayable: ReplaySummary['not_replayable'][number][] = []
  for (const { id, dataset, reason } of letters) {
    await client.query('begin')
    try {
      const plan = await replayOne(client, id, binding, isDryRun)
      await client.query(isDryRun ? 'rollback' : 'commit')
      if (plan.kind === 'refused') notReplayable.push({ id, dataset, reason, why: plan.why })
      else counts[plan.kind === 'gone' ? 'gone' : 'sent']++
    } catch (error) {
      await client.query('rollback')
      notReplayable.push({ id, dataset, reason, why: whyNot(error) })
    }
  }
  return { dry_run: isDryRun, selected: letters.length, ...counts, not_replayable: notReplayable }
}
