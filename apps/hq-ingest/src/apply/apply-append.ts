import type { Dataset } from '@hq-export/contract'
import { isRowFault } from '@hq-export/runtime/postgres/row-fault.ts'
import { underSavepoint } from '@hq-export/runtime/postgres/under-savepoint.ts'
import type pg from 'pg'
import { type Applied, addApplied, nothingApplied, type Origin, unchanged } from './applied.ts'
import { type AcceptedRow, type RefusedRow, refuse } from './batch-row.ts'
import { type Comparison, compareRows, describeDifference } from './compare-rows.ts'
import { type CopyFormat, copyRows, copyText } from './copy-rows.ts'
import { displaceRows, mayDisplace } from './displace-rows.ts'
import { insertNewRows } from './insert-new-rows.ts'
import { isolate } from './isolate.ts'
import type { PreparedRows } from './prepared-rows.ts'

function refuseDifferent(
  row: AcceptedRow,
  comparison: Extract<Comparison, { relation: 'different' }>,
): RefusedRow {
  const detail = describeDifference('the key', comparison)
  if (!comparison.foreign) return refuse(row, 'append_only_violation', detail)
  const operatorDetail = `${detail}, of another org`
  return { ...refuse(row, 'append_only_violation', 'the key is taken'), operatorDetail }
}

/**
 * A second statement, so that it sees what the first one waited for.
 * @param displaced rows of other orgs have given way already.
 */
async function insertOneByKey(
  client: pg.PoolClient,
  dataset: Dataset,
  rows: readonly AcceptedRow[],
  origin: Origin,
  displaced = false,
): Promise<Applied> {
  const inserted = await insertNewRows(client, dataset, rows, origin)
  if (inserted.size === rows.length) return { ...nothingApplied(), inserted: rows.length }

  const applied = { ...nothingApplied(), inserted: inserted.size }
  const comparisons = await compareRows(client, dataset, rows)
  const owners: AcceptedRow[] = []
  for (const [position, row] of rows.entries()) {
    const comparison = comparisons[position]
    switch (comparison?.relation) {
      case 'equal':
        // The first row with the stored content is the one that was inserted; a repetition of it is
        // a duplicate.
        if (!inserted.delete(row.key)) applied.unchanged.push(unchanged(row, 'duplicate'))
        break
      case 'different':
        if (comparison.foreign && !displaced && mayDisplace(dataset.name, row)) owners.push(row)
        else applied.refused.push(refuseDifferent(row, comparison))
        break
      case 'absent':
        applied.refused.push(
          refuse(row, 'uniqueness_violation', `${dataset.uniquenessGuard?.join(', ')} is taken`),
        )
        break
      default:
        throw new Error(`${dataset.name}: no comparison for row ${row.index}`)
    }
  }
  if (owners.length > 0) {
    await displaceRows(client, owners)
    addApplied(applied, await insertOneByKey(client, dataset, owners, origin, true))
  }
  return applied
}

/**
 * Inserts rows by COPY, if every key is free and PostgreSQL takes every value.
 * @returns false where it does not, and nothing is written.
 */
async function tryCopy(
  client: pg.PoolClient,
  dataset: Dataset,
  count: number,
  format: CopyFormat,
  makeBytes: () => Buffer,
): Promise<boolean> {
  try {
    await underSavepoint(client, () => copyRows(client, dataset, count, format, makeBytes))
    return true
  } catch (error) {
    if (!isRowFault(error)) throw error
    return false
  }
}

/**
 * Writes rows of an append-only dataset: by COPY, and only where that meets a known key or a
 * refused value, with care. A replayed batch never gets here, the ledger answers it.
 */
export async function applyAppend(
  client: pg.PoolClient,
  dataset: Dataset,
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Applied> {
  const { length: count } = rows
  if (await tryCopy(client, dataset, count, 'text', () => copyText(dataset, rows, origin))) {
    return { ...nothingApplied(), inserted: count }
  }
  return isolate(client, rows, (part) => insertOneByKey(client, dataset, part, origin))
}

/**
 * {@link applyAppend} of prepared rows.
 * @param readRows the same rows, in the order of their keys, where they are needed one by one.
 */
export async function appendPrepared(
  client: pg.PoolClient,
  dataset: Dataset,
  prepared: PreparedRows,
  readRows: () => Promise<readonly AcceptedRow[]>,
  origin: Origin,
): Promise<Applied> {
  const { count } = prepared
  const makeBytes = () => prepared.copyBytes([null, origin.source, origin.batch])
  if (await tryCopy(client, dataset, count, 'binary', makeBytes)) {
    return { ...nothingApplied(), inserted: count }
  }
  const rows = await readRows()
  return isolate(client, rows, (part) => insertOneByKey(client, dataset, part, origin))
}
