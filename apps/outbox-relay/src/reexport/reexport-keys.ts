import type { Dataset } from '@hq-export/contract'
import { isRowFault, isStatementFault } from '@hq-export/runtime/postgres/row-fault.ts'
import { underSavepoint } from '@hq-export/runtime/postgres/under-savepoint.ts'
import type pg from 'pg'
import type { Binding } from '../binding/binding-schema.ts'
import { findRefused } from './find-refused.ts'
import { insertFailedKeys } from './insert-export-row.ts'
import { insertKeys, type SentKey } from './insert-keys.ts'

/**
 * Sends rows of a dataset as their view has them now, in the open transaction. A row that the view
 * cannot compute goes out as a failed capture, and holds up no other.
 * @returns rows that went into the outbox, failed captures included.
 * @throws what says nothing of a row, as a lost connection does.
 */
export async function reexportKeys(
  client: pg.ClientBase,
  binding: Binding | undefined,
  dataset: Dataset,
  keys: readonly SentKey[],
): Promise<number> {
  let sent = 0
  let sqlstate = ''
  const states = new Map<SentKey, string>()
  const refused = await findRefused(keys, async (part) => {
    try {
      sent += await underSavepoint(client, () => insertKeys(client, binding, dataset, part))
      return 'done'
    } catch (error) {
      if (!isRowFault(error)) throw error
      sqlstate = error.code
      if (part[0] !== undefined) states.set(part[0], sqlstate)
      return isStatementFault(error) ? 'statement' : 'row'
    }
  })
  if (refused.length === 0) return sent
  // Those that were not tried any more would have failed as the last one did.
  const failed = refused.map((sent) => ({ ...sent, sqlstate: states.get(sent) ?? sqlstate }))
  await insertFailedKeys(client, dataset.number, failed)
  return sent + failed.length
}
