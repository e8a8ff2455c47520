import { transact } from '@hq-export/runtime/postgres/transact.ts'
import { underSavepoint } from '@hq-export/runtime/postgres/under-savepoint.ts'
import type pg from 'pg'
import type { Binding } from '../binding/binding-schema.ts'
import { readBinding } from '../binding/read-binding.ts'
import { whyNot } from '../reexport/not-replayable-error.ts'
import { hasSqlstate, LOCK_NOT_AVAILABLE } from '../session/sqlstate.ts'
import type { DeadLetter } from './dead-letter.ts'
import { insertDeadLetters } from './insert-dead-letters.ts'
import { replayOne } from './replay-one.ts'

/** What became of rows whose version HQ holds with other content. */
export interface ResentConflicts {
  /**
   * Settled: the entity goes once more, above that version, or there is nothing left to send.
   */
  readonly resent: number
  /** Dead letters. */
  readonly kept: number
}

const NOTE = 'by the relay: HQ held the version with other content'

// A writer that holds the key for longer is not waited for: the whole window would wait with us.
const BOUND_WAIT = /* sql */ `set local lock_timeout = '1s'`

// Was what HQ refused now itself sent by a replay, ours or an operator's?
const IS_SECOND_ATTEMPT = /* sql */ `
select exists (select from hq_export.dead_letter d where d.resent_xid = $1::xid8) as found`

async function isSecondAttempt(client: pg.ClientBase, { row }: DeadLetter): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(IS_SECOND_ATTEMPT, [row.xid])
  return rows[0]?.found ?? false
}

/** One letter in the open transaction: kept, and then settled by a replay if that can be done. */
async function resendOne(
  client: pg.ClientBase,
  letter: DeadLetter,
  binding: Binding | undefined,
): Promise<boolean> {
  const [kept] = await insertDeadLetters(client, [letter])
  if (kept === undefined) throw new Error('a letter was kept')
  // The same capture once more, say in a new life of the server: it was sent again then.
  if (!kept.isOpen) return true
  if (await isSecondAttempt(client, letter)) return false
  try {
    const plan = await underSavepoint(client, () =>
      replayOne(client, kept.id, binding, { note: NOTE }),
    )
    return plan.kind !== 'refused'
  } catch (error) {
    const isBusy = hasSqlstate(error, LOCK_NOT_AVAILABLE)
    if (!isBusy && whyNot(error) === undefined) throw error
    return false
  }
}

/**
 * Sends rows again whose version HQ holds with other content, as after a failover that lost a
 * commit which HQ has: the base of each key rises above that version, and the entity goes once more
 * as it is now, or as deleted where it is gone. Once: what is refused again, or cannot be sent,
 * stays a dead letter with its reason, for an operator.
 *
 * One transaction per row, with the letter as its record: the key is noted, or the row in the
 * outbox, if and only if its letter is settled. No two keys are locked at once, so no writer can
 * deadlock with us.
 */
export async function resendConflicts(
  client: pg.ClientBase,
  letters: readonly DeadLetter[],
): Promise<ResentConflicts> {
  const binding = await readBinding(client)
  let resent = 0
  for (const letter of letters) {
    await transact(client, async () => {
      await client.query(BOUND_WAIT)
      if (await resendOne(client, letter, binding)) resent++
    })
  }
  return { resent, kept: letters.length - resent }
}
