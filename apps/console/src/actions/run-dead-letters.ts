import { readBinding } from '@hq-export/outbox-relay/binding/read-binding.ts'
import { discardDeadLetters } from '@hq-export/outbox-relay/dead-letter/discard-dead-letters.ts'
import { replayLetter } from '@hq-export/outbox-relay/dead-letter/replay-dead-letters.ts'
import type pg from 'pg'
import type { ActionRecord, ItemOutcome } from './action.ts'
import { inSavepoint } from './in-savepoint.ts'
import { refusedRows, refusedSelectionSchema } from './refused-selection.ts'

const DISCARDED_AT_ONCE = 100

async function nextIds(
  client: pg.PoolClient,
  action: ActionRecord,
  limit: number,
): Promise<string[]> {
  const { from, text, values } = refusedRows('dx', refusedSelectionSchema.parse(action.selection))
  const { rows } = await client.query<{ id: string }>(
    `select d.id::text as id from ${from}
     where ${text} and d.id > $${values.push(action.position)}::bigint
       and d.id <= $${values.push(action.through)}::bigint
     order by d.id limit $${values.push(limit)}`,
    values,
  )
  return rows.map(({ id }) => id)
}

/**
 * Sends the row of the next letter once more, as the source has it. One in a transaction, as the
 * command does: no two keys are ever locked at once.
 */
export async function replayNextLetter(
  client: pg.PoolClient,
  action: ActionRecord,
): Promise<ItemOutcome[]> {
  const [item] = await nextIds(client, action, 1)
  if (item === undefined) return []
  const replaying = { by: action.actor, operation: action.id }
  const attempt = await inSavepoint(client, async () =>
    replayLetter(client, item, await readBinding(client), replaying),
  )
  if ('why' in attempt) return [{ item, outcome: 'failed', reason: attempt.why }]
  const { value: plan } = attempt
  if (plan.kind === 'refused') return [{ item, outcome: 'failed', reason: plan.why }]
  const reason = plan.kind === 'gone' ? 'deleted in the source since: nothing to send' : null
  return [{ item, outcome: 'done', reason }]
}

/** Gives the next letters of an action up. */
export async function discardLetters(
  client: pg.PoolClient,
  action: ActionRecord,
): Promise<ItemOutcome[]> {
  const ids = await nextIds(client, action, DISCARDED_AT_ONCE)
  const discarding = { by: action.actor, note: action.reason ?? undefined, operation: action.id }
  const discarded = new Set(await discardDeadLetters(client, ids, discarding))
  return ids.map((item) =>
    discarded.has(item)
      ? { item, outcome: 'done', reason: null }
      : { item, outcome: 'failed', reason: 'it was discarded before' },
  )
}
