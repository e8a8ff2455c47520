import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { recordAudit } from '../audit/record-audit.ts'
import type { Binding } from '../binding/binding-schema.ts'
import { readBinding } from '../binding/read-binding.ts'
import { whyNot } from '../reexport/not-replayable-error.ts'
import { replayOne } from './replay-one.ts'
import type { ReplayPlan } from './replay-plan.ts'
import type { SelectedDeadLetter } from './selection.ts'

/** What a replay did, or with `dry_run` would do. */
export interface ReplaySummary {
  readonly dry_run: boolean
  readonly selected: number
  /** Letters whose row is in the outbox again, or whose entity the relay's loop puts there. */
  readonly sent: number
  /**
   * Letters of entities that were deleted since: the delete is a row of its own, so there is
   * nothing to send.
   */
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

/** Who replays letters. */
export interface Replaying {
  /** Undefined for the login role. */
  readonly by?: string | undefined
  /** Action of the console that it belongs to. */
  readonly operation?: string | undefined
}

/**
 * Sends the row of one letter again and settles the letter, as an operator wants it, in the open
 * transaction, with its entry in the audit. @returns what was done.
 */
export async function replayLetter(
  client: pg.ClientBase,
  id: string,
  binding: Binding | undefined,
  { by, operation }: Replaying,
): Promise<ReplayPlan> {
  const plan = await replayOne(client, id, binding)
  if (plan.kind !== 'refused') {
    await recordAudit(client, {
      actor: by,
      action: 'dead_letter.replay',
      subject: 'hq_export.dead_letter',
      detail: { ids: [id], sent: plan.kind, operation },
    })
  }
  return plan
}

/**
 * Sends the rows of dead letters again, each as the source has it, by way of the outbox: the relay
 * delivers them like any other change, in batches that HQ has not seen.
 *
 * One transaction per letter: the letter is settled if and only if its row is in the outbox or its
 * key is noted, one that cannot be sent stops no other, and no two keys are ever locked at once, so
 * no writer can deadlock with us. Safe to repeat and to interrupt.
 * @param isDryRun only look; what would be sent is counted, and nothing is written.
 */
export async function replayDeadLetters(
  client: pg.ClientBase,
  letters: readonly SelectedDeadLetter[],
  isDryRun: boolean,
  replaying: Replaying = {},
): Promise<ReplaySummary> {
  const binding = await readBinding(client)
  const counts = { sent: 0, gone: 0 }
  const notReplayable: ReplaySummary['not_replayable'][number][] = []
  for (const { id, dataset, reason } of letters) {
    try {
      const work = () =>
        isDryRun
          ? replayOne(client, id, binding, { isDryRun })
          : replayLetter(client, id, binding, replaying)
      const plan = await transact(client, work, { isKept: () => !isDryRun })
      if (plan.kind === 'refused') notReplayable.push({ id, dataset, reason, why: plan.why })
      else counts[plan.kind === 'gone' ? 'gone' : 'sent']++
    } catch (error) {
      const why = whyNot(error)
      if (why === undefined) throw error
      notReplayable.push({ id, dataset, reason, why })
    }
  }
  return { dry_run: isDryRun, selected: letters.length, ...counts, not_replayable: notReplayable }
}
