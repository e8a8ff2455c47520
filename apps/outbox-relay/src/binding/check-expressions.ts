import type pg from 'pg'
import { type Binding, type BoundDataset, SNAPSHOTS_DATASET } from './binding-schema.ts'
import { readTables } from './inspect-reads.ts'
import { joinsSql } from './joins.ts'
import { plannedTables } from './planned-tables.ts'
import { projectionOf, snapshotProjectionOf, terminalSql } from './projection.ts'
import { tableSql } from './table-sql.ts'

/** An expression of a binding and where it stands, for the message. */
interface Expression {
  readonly place: string
  readonly sql: string
}

function expressionsOf(bound: BoundDataset): Expression[] {
  const projection = projectionOf(bound, 'null::bigint')
  const snapshot =
    snapshotProjectionOf(bound, projection, {
      version: 'null::bigint',
      snapshotId: 'null::uuid',
    }) ?? []
  const terminal = terminalSql(bound, 'r')
  return [
    ...projection.columns.map(({ name, sql }) => ({ place: `${bound.dataset}.${name}`, sql })),
    ...snapshot.map(({ name, sql }) => ({ place: `${SNAPSHOTS_DATASET}.${name}`, sql })),
    ...(bound.filter === undefined
      ? []
      : [{ place: `${bound.dataset} filter`, sql: `(${bound.filter})::boolean` }]),
    ...(terminal === undefined ? [] : [{ place: `${bound.dataset} terminal`, sql: terminal }]),
  ]
}

/**
 * Lets PostgreSQL parse each expression by itself, so that every wrong one is named, and not just the first of a view.
 * `explain` plans and runs nothing.
 * @param fromOf SQL of what takes the place of a bound table, if it is not the table.
 * @returns one sentence per expression that PostgreSQL refuses, or that reads a table of which nobody looked whether the
 * capture sees it.
 */
export async function checkExpressions(
  client: pg.ClientBase,
  binding: Pick<Binding, 'datasets'>,
  fromOf: (bound: BoundDataset) => string = ({ table }) => tableSql(table),
): Promise<string[]> {
  const problems: string[] = []
  for (const bound of binding.datasets) {
    const named = [bound.table, ...readTables(bound)]
    for (const { place, sql } of expressionsOf(bound)) {
      try {
        const query = `select ${sql} from ${fromOf(bound)} r${joinsSql(bound)}`
        const unnamed = (await plannedTables(client, query)).filter(
          (table) => !named.includes(table),
        )
        if (unnamed.length > 0)
          problems.push(`${place} reads ${unnamed.join(', ')}; name it in reads`)
      } catch (error) {
        const { code, message } = error as pg.DatabaseError
        if (code === undefined) throw error
        problems.push(`${place} (${bound.table}): ${message}`)
      }
    }
  }
  return problems
}
