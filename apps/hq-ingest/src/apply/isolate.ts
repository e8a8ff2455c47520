import {
  isRowFault,
  isStatementFault,
  MAX_STATEMENT_FAULTS,
} from '@hq-export/runtime/postgres/row-fault.ts'
import { underSavepoint } from '@hq-export/runtime/postgres/under-savepoint.ts'
import type pg from 'pg'
import { type Applied, addApplied, nothingApplied } from './applied.ts'
import { type AcceptedRow, refuse } from './batch-row.ts'

/** What the search for a culprit has seen. */
interface Search {
  /** A statement wrote rows: what another one lacks is that row's. */
  hasPassed: boolean
  /** The first fault of a row alone that may be the statement's, and how many there were. */
  statementFault: unknown
  statementFaults: number
}

async function applyOrHalve(
  client: pg.PoolClient,
  rows: readonly AcceptedRow[],
  work: (rows: readonly AcceptedRow[]) => Promise<Applied>,
  search: Search,
): Promise<Applied> {
  const [first] = rows
  if (first === undefined) return nothingApplied()
  try {
    const applied = await underSavepoint(client, () => work(rows))
    search.hasPassed = true
    return applied
  } catch (error) {
    if (!isRowFault(error)) throw error
    if (rows.length === 1) {
      if (isStatementFault(error)) {
        search.statementFault ??= error
        search.statementFaults++
        if (!search.hasPassed && search.statementFaults === MAX_STATEMENT_FAULTS) throw error
      }
      const detail = `HQ refused the row with SQLSTATE ${error.code}`
      return { ...nothingApplied(), refused: [refuse(first, 'database_rejected', detail)] }
    }
  }
  const middle = rows.length >> 1
  const total = await applyOrHalve(client, rows.slice(0, middle), work, search)
  addApplied(total, await applyOrHalve(client, rows.slice(middle), work, search))
  return total
}

/**
 * Applies all rows, or, where PostgreSQL refuses a value that validation had passed, finds the
 * culprit by halves and refuses it alone (I4). Rows come in key order, and so do the halves: the
 * lock order stays the same.
 * @throws the error of PostgreSQL where a table, a column or a right is missing for every row: no
 * row is at fault.
 */
export async function isolate(
  client: pg.PoolClient,
  rows: readonly AcceptedRow[],
  work: (rows: readonly AcceptedRow[]) => Promise<Applied>,
): Promise<Applied> {
  const search: Search = { hasPassed: false, statementFault: undefined, statementFaults: 0 }
  const applied = await applyOrHalve(client, rows, work, search)
  if (search.statementFaults > 0 && !search.hasPassed) throw search.statementFault
  return applied
}
