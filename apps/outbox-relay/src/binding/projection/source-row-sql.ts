import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import { tableSql } from '../source-table.ts'
import { projectionOf, terminalSql } from './projection.ts'
import { rowFunctionName } from './row-function.ts'

const isTrue = (condition: string | undefined): string =>
  condition === undefined ? 'true' : `coalesce((${condition}), false)`

/**
 * SQL that looks for a row of the source table by the values of the contract's key, whether it is
 * under contract or not: is it wanted by the filter (`is_wanted`), and has it ended (`has_ended`)?
 * For who may read the table.
 */
export function sourceRowSql(bound: BoundDataset): string {
  const { dataset, columns } = projectionOf(bound, 'null::bigint')
  const conditions = dataset.primaryKey.map((name, index) => {
    const column = columns.find((candidate) => candidate.name === name)
    return `${column?.sql ?? pg.escapeIdentifier(name)} = $${index + 1}::${column?.type}`
  })
  return `select ${isTrue(bound.filter)} as is_wanted,
  ${isTrue(terminalSql(bound, 'r'))} as has_ended
from ${tableSql(bound.table)} hq_export_row
cross join lateral ${rowFunctionName(bound.dataset)}(hq_export_row) r
${bound.joins ?? ''}
where ${conditions.join(' and ')}
limit 1`
}
