import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { hasSqlstate, QUERY_CANCELED } from '../session/sqlstate.ts'
import { type Statement, scanStatement, wantedStatement } from './chunk-sql.ts'
import type { Pass } from './pass.ts'
import { type PassOutput, type PassRelation, relationOf } from './pass-relation.ts'
import type { RowSelection } from './selection.ts'

async function plannedRows(client: pg.ClientBase, { text, values }: Statement): Promise<number> {
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
    `explain (format json) ${text}`,
    [...values],
  )
  return Math.round(rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0)
}

/**
 * Rows that a pass will look at, as the planner guesses from the size of the table: at once,
 * whatever that is.
 */
export function estimateScan(
  client: pg.ClientBase,
  pass: Pass,
  selection: RowSelection,
): Promise<number> {
  return plannedRows(client, scanStatement(relationOf(pass), selection))
}

/** How many rows an output of a pass would send. */
export interface RowCount {
  readonly rows: number
  /** False where counting took too long and the planner's guess stands in. */
  readonly isExact: boolean
}

/**
 * Counts the rows that an output of a pass would send; a read of the whole relation, so it is given
 * up after `timeoutMs`. In a transaction of its own, because a relay's session plans for few rows
 * and knows no time-out.
 */
export async function countRows(
  client: pg.ClientBase,
  relation: PassRelation,
  output: PassOutput,
  selection: RowSelection,
  timeoutMs: number,
): Promise<RowCount> {
  const statement = wantedStatement(relation, output, selection)
  const count = async (): Promise<RowCount> => {
    await client.query(
      `set local enable_seqscan = on; set local enable_bitmapscan = on;
        set local statement_timeout = ${Math.ceil(timeoutMs)}`,
    )
    const { rows } = await client.query<{ rows: number }>(
      `select count(*)::float8 as rows from (${statement.text}) wanted`,
      [...statement.values],
    )
    return { rows: rows[0]?.rows ?? 0, isExact: true }
  }
  try {
    return await transact(client, count, { mode: 'read only' })
  } catch (error) {
    if (!hasSqlstate(error, QUERY_CANCELED)) throw error
  }
  return { rows: await plannedRows(client, statement), isExact: false }
}
