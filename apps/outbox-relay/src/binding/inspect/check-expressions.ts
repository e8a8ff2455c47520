import type pg from 'pg'
import { type Binding, type BoundDataset, SNAPSHOTS_DATASET } from '../binding-schema.ts'
import { joinsSql } from '../projection/joins.ts'
import { projectionOf, snapshotProjectionOf, terminalSql } from '../projection/projection.ts'
import { tableSql } from '../source-table.ts'
import { readTables } from './inspect-reads.ts'
import { plannedTables } from './planned-tables.ts'

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
 * What is wrong with an expression: PostgreSQL refuses it, or it reads rows of which nobody knows
 * whether the capture sees their changes.
 */
export interface ExpressionProblem {
  readonly kind: 'refused' | 'unnamed' | 'heir'
  /** In one sentence. */
  readonly text: string
  /** What ends it. */
  readonly todo: string
}

// The table itself or any that it inherits from, however far up. Partitions stand for their root
// already.
const ANCESTOR = /* sql */ `
with recursive up (oid) as (
  select pg_catalog.to_regclass($1)::oid
  union
  select i.inhparent from up join pg_catalog.pg_inherits i on i.inhrelid = up.oid
)
select n.nspname || '.' || c.relname as name
from up
join pg_catalog.pg_class c on c.oid = up.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname || '.' || c.relname = any ($2)`

/**
 * A table whose rows the query reads and that the binding does not name. Naming an heir would only
 * silence: its changes fire no trigger of the table that it inherits from.
 */
async function unnamedTable(
  client: pg.ClientBase,
  place: string,
  table: string,
  named: readonly string[],
): Promise<ExpressionProblem> {
  const [ancestor] = (await client.query<{ name: string }>(ANCESTOR, [tableSql(table), named])).rows
  if (ancestor === undefined)
    return {
      kind: 'unnamed',
      text: `${place} reads ${table}; name it in reads`,
      todo: 'name it in reads of the binding',
    }
  const { name } = ancestor
  return {
    kind: 'heir',
    text:
      `${place} reads ${table}, which inherits from ${name}: ` +
      'changes of its rows are not captured',
    todo:
      `alter table ${tableSql(table)} no inherit ${tableSql(name)}, ` +
      'or bind a partitioned table instead',
  }
}

/**
 * Lets PostgreSQL parse each expression by itself, so that every wrong one is named, and not just
 * the first of a view. `explain` plans and runs nothing.
 * @param fromOf SQL of what takes the place of a bound table, if it is not the table.
 * @returns one problem per expression that PostgreSQL refuses, or that reads a table of which
 * nobody looked whether the capture sees it.
 */
export async function checkExpressions(
  client: pg.ClientBase,
  binding: Pick<Binding, 'datasets'>,
  fromOf: (bound: BoundDataset) => string = ({ table }) => tableSql(table),
): Promise<ExpressionProblem[]> {
  const problems: ExpressionProblem[] = []
  for (const bound of binding.datasets) {
    const named = [bound.table, ...readTables(bound)]
    for (const { place, sql } of expressionsOf(bound)) {
      try {
        const query = `select ${sql} from ${fromOf(bound)} r${joinsSql(bound)}`
        const unnamed = (await plannedTables(client, query)).filter(
          (table) => !named.includes(table),
        )
        for (const table of unnamed) problems.push(await unnamedTable(client, place, table, named))
      } catch (error) {
        const { code, message } = error as pg.DatabaseError
        if (code === undefined) throw error
        const text = `${place} (${bound.table}): ${message}`
        problems.push({ kind: 'refused', text, todo: 'correct the expression' })
      }
    }
  }
  return problems
}
