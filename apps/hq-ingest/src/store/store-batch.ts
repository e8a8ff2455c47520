import type { BatchResult } from '@hq-export/contract'
import type pg from 'pg'
import { applyRows } from '../apply/apply-rows.ts'
import { transact } from '../db/transact.ts'
import type { DecodedBatch } from '../decode/decode.ts'
import type { BatchHead } from '../http/read-head.ts'
import { addMissingPartition } from '../ledger/add-missing-partition.ts'
import { Refusal } from '../refusal/refusal.ts'
import type { ValidatedRows } from '../validate/validate.ts'
import { answerOf } from './answer.ts'
import { claimBatch, type LedgerEntry, MissingPartitionError, recordBatch } from './ledger.ts'
import { quarantineRows } from './quarantine-rows.ts'
import { rowsRefused } from './rows-refused.ts'
import { fromStored } from './stored-answer.ts'

/** The answer to a batch, and whether an earlier delivery had earned it. */
export interface StoredBatch {
  readonly answer: BatchResult
  readonly replayed: boolean
}

function keyAt({ accepted, refused }: ValidatedRows): (index: number) => string | null {
  const keys = new Map([...accepted, ...refused].map(({ index, key }) => [index, key]))
  return (index) => keys.get(index) ?? null
}

/**
 * The one transaction: ledger, rows, quarantined rows, all or nothing. Returns after COMMIT.
 * @param head `strict`, all rows or none: a refused one undoes the others; `id`, as the caller
 * knows the batch.
 * @throws {Refusal} `in_flight` (409), `webhook_id_reused` or, if strict, `rows_refused` (422).
 * @throws {DatabaseUnavailableError} when HQ cannot be written.
 */
export async function storeBatch(
  pool: pg.Pool,
  entry: LedgerEntry,
  batch: DecodedBatch,
  rows: ValidatedRows,
  head: Pick<BatchHead, 'id' | 'strict'>,
): Promise<StoredBatch> {
  try {
    return await storeOnce(pool, entry, batch, rows, head)
  } catch (error) {
    if (!(error instanceof MissingPartitionError)) throw error
    await addMissingPartition(pool)
    return await storeOnce(pool, entry, batch, rows, head)
  }
}

function storeOnce(
  pool: pg.Pool,
  entry: LedgerEntry,
  batch: DecodedBatch,
  rows: ValidatedRows,
  head: Pick<BatchHead, 'id' | 'strict'>,
): Promise<StoredBatch> {
  const { source, dataset, epoch } = batch.envelope
  return transact(pool, async (client) => {
    const state = await claimBatch(client, entry)
    switch (state.kind) {
      case 'in_flight':
        throw new Refusal('in_flight')
      case 'reused':
        throw new Refusal('webhook_id_reused')
      case 'applied':
        return { answer: fromStored(state.stored, keyAt(rows)), replayed: true }
      case 'new':
        break
      default:
        state satisfies never
    }
    const origin = { source, batch: entry.batch, epoch }
    const applied = await applyRows(client, dataset, rows.accepted, origin)
    const refused = [...rows.refused, ...applied.refused]
    if (head.strict && refused.length > 0) throw rowsRefused(refused)
    await quarantineRows(client, entry, batch, refused)
    const answer = answerOf(head.id, batch.envelope.rows.length, applied, refused)
    await recordBatch(client, entry, answer)
    return { answer, replayed: false }
  })
}
