import { datasetByName, type Finding, isDatasetName } from '@hq-export/contract'
import { recordAudit } from '@hq-export/outbox-relay/audit/record-audit.ts'
import { SNAPSHOTS_DATASET } from '@hq-export/outbox-relay/binding/binding-schema.ts'
import { readReconciliation } from '@hq-export/outbox-relay/reconcile/record/reconciliation-record.ts'
import { repairOf } from '@hq-export/outbox-relay/reconcile/repair/repair-keys.ts'
import { noteKey } from '@hq-export/outbox-relay/reexport/note-key.ts'
import type pg from 'pg'
import { z } from 'zod'
import type { ActionRecord, ItemOutcome } from './action.ts'
import { inSavepoint } from './in-savepoint.ts'

const selectionSchema = z.object({ run: z.uuid() })

/** Keys of one transaction. */
const PIECE = 50

/**
 * Whether the console can send a difference once more: the key is all that is needed, and sending
 * it twice changes nothing. `different` asks for a look at both sides first, and a snapshot for its
 * entity: these are the command's.
 */
export function isSendable({ class: found, repair, dataset }: Finding): boolean {
  if (!isDatasetName(dataset) || dataset === SNAPSHOTS_DATASET || repair === 'sent') return false
  return repairOf({ class: found }, datasetByName(dataset)) === 'send'
}

/**
 * Has the relay's loop send the next keys of a run's findings as the source has them then: what
 * HQ has by now is a duplicate. Items are places in the run's list, from 1.
 */
export async function sendFindings(
  client: pg.PoolClient,
  action: ActionRecord,
): Promise<ItemOutcome[]> {
  const { run } = selectionSchema.parse(action.selection)
  const record = await readReconciliation(client, run)
  const from = Number(action.position)
  const next = (record?.findings ?? [])
    .map((finding, place) => ({ finding, item: place + 1 }))
    .filter(({ finding, item }) => item > from && isSendable(finding))
    .slice(0, PIECE)
  if (next.length === 0) return []
  const attempt = await inSavepoint(client, async () => {
    // Two that note the same keys do so in one order.
    for (const { finding } of next.toSorted((a, b) => (a.finding.key < b.finding.key ? -1 : 1))) {
      const { key, dataset } = finding
      const noted = { key, reason: 'reconciliation', traceparent: null, letter: null } as const
      await noteKey(client, datasetByName(dataset), noted)
    }
    await recordAudit(client, {
      actor: action.actor,
      action: action.kind,
      subject: run,
      detail: { findings: next.map(({ item }) => item), operation: action.id },
    })
  })
  const outcome = 'why' in attempt ? 'failed' : 'done'
  const reason = 'why' in attempt ? attempt.why : null
  return next.map(({ item }) => ({ item: String(item), outcome, reason }))
}
