import type { BatchResult } from '@hq-export/contract'
import type pg from 'pg'
import type { Applied, Origin } from '../apply/applied.ts'
import { applyPrepared, applyRows } from '../apply/apply-rows.ts'
import type { RefusedRow } from '../apply/batch-row.ts'
import { FLUSH_WAL } from '../db/flush-wal.ts'
import { transact } from '../db/transact.ts'
import type { BatchHead } from '../http/read-head.ts'
import { addMissingPartition } from '../ledger/add-missing-partition.ts'
import { Refusal } from '../refusal/refusal.ts'
import type { ValidatedRows } from '../validate/validate.ts'
import { answerOf } from './answer.ts'
import { profileBatch } from './batch-profile.ts'
import type { IncomingBatch } from './incoming-batch.ts'
import { claimBatch, type LedgerEntry, MissingPartitionError, recordBatch } from './ledger.ts'
import { quarantineRows } from './quarantine-rows.ts'
import { rowsRefused } from './rows-refused.ts'
import { storeSmallBatch } from './store-small-batch.ts'
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

/** Rows of a batch that were offered to HQ, and all that were refused, by whomever. */
interface Offered {
  readonly applied: Applied
  readonly refused: readonly RefusedRow[]
}

async function offerRows(
  client: pg.PoolClient,
  batch: IncomingBatch,
  origin: Origin,
): Promise<Offered> {
  const { head, prepared } = batch
  if (prepared !== undefined) {
    const readAccepted = async () => {
      const { accepted, refused } = (await batch.read()).rows
      if (refused.length > 0) throw new Error(`${refused.length} rows were good and are not`)
      return accepted
    }
    const applied = await applyPrepared(client, head.dataset, prepared, readAccepted, origin)
    return { applied, refused: applied.refused }
  }
  const { rows } = await batch.read()
  const applied = await applyRows(client, head.dataset, rows.accepted, origin)
  return { applied, refused: [...rows.refused, ...applied.refused] }
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
  batch: IncomingBatch,
  head: Pick<BatchHead, 'id' | 'strict'>,
): Promise<StoredBatch> {
  const answer = await storeSmallBatch(pool, entry, batch, head.id)
  if (answer !== undefined) return { answer, replayed: false }
  try {
    return await storeOnce(pool, entry, batch, head)
  } catch (error) {
    if (!(error instanceof MissingPartitionError)) throw error
    await addMissingPartition(pool)
    return await storeOnce(pool, entry, batch, head)
  }
}

function storeOnce(
  pool: pg.Pool,
  entry: LedgerEntry,
  batch: IncomingBatch,
  head: Pick<BatchHead, 'id' | 'strict'>,
): Promise<StoredBatch> {
  const { source, epoch } = batch.head
  return transact(pool, async (client) => {
    const state = await claimBatch(client, entry)
    switch (state.kind) {
      case 'in_flight':
        throw new Refusal('in_flight')
      case 'reused':
        throw new Refusal('webhook_id_reused')
      case 'applied':
        // What an earlier delivery wrote may be seen before it is on disk.
        await client.query(FLUSH_WAL)
        return {
          answer: fromStored(state.stored, keyAt((await batch.read()).rows)),
          replayed: true,
        }
      case 'new':
        break
      default:
        state satisfies never
    }
    const origin = { source, batch: entry.batch, epoch }
    const { applied, refused } = await offerRows(client, batch, origin)
    if (head.strict && refused.length > 0) throw rowsRefused(refused)
    if (refused.length > 0) {
      await quarantineRows(client, entry, (await batch.read()).batch, refused)
    }
    const answer = answerOf(head.id, batch.rowCount, applied, refused)
    await recordBatch(client, entry, answer, await profileBatch(batch, answer, refused))
    return { answer, replayed: false }
  })
}
