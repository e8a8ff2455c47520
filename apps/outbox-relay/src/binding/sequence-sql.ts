import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from './binding-schema.ts'
import { tableSql } from './table-sql.ts'

const columnsOf = (alias: string, names: readonly string[]): string =>
  names.map((name) => `${alias}.${pg.escapeIdentifier(name)}`).join(', ')

const keyOf = (bound: BoundDataset, alias: string): string =>
  bound.key.map((name) => `${alias}.${pg.escapeIdentifier(name)}::text`).join(` || '/' || `)

/** SQL over `r` of its number within its group: an assigned one, else its place among the rows of the group that have none. */
export function sequenceSql(
  bound: BoundDataset,
  sequence: NonNullable<BoundDataset['sequence']>,
): string {
  const { number } = datasetByName(bound.dataset)
  const { partitionBy, orderBy } = sequence
  const assigned = (alias: string): string =>
    `from hq_export.assigned_sequence q where q.dataset = ${number} and q.key = ${keyOf(bound, alias)}`
  return `coalesce((select q.sequence ${assigned('r')}), (
    select count(*) from ${tableSql(bound.table)} t
    where (${columnsOf('t', partitionBy)}) = (${columnsOf('r', partitionBy)})
      and (${columnsOf('t', orderBy)}) <= (${columnsOf('r', orderBy)})
      and not exists (select ${assigned('t')})
  ))`
}

/**
 * Statement of an insert's capture, before it reads the rows: where a group had rows before this statement, the new ones take the
 * numbers after those. By time and id they might fall between them, and would change numbers that were exported.
 */
export function assignSequences(bound: BoundDataset): string {
  const { sequence } = bound
  if (sequence === undefined) return ''
  const { number } = datasetByName(bound.dataset)
  const table = tableSql(bound.table)
  const partition = columnsOf('r', sequence.partitionBy)
  const sameGroup = `(${columnsOf('t', sequence.partitionBy)}) = (${partition})`
  return `  insert into hq_export.assigned_sequence (dataset, key, sequence)
  select ${number}, x.key, x.place + greatest(x.total - x.added, (
    select max(q.sequence) from ${table} t
    join hq_export.assigned_sequence q on q.dataset = ${number} and q.key = ${keyOf(bound, 't')}
    where (${columnsOf('t', sequence.partitionBy)}) = (${columnsOf('x', sequence.partitionBy)})
  ))
  from (
    select ${keyOf(bound, 'r')} as key, ${partition}, count(*) over (partition by ${partition}) as added,
      row_number() over (partition by ${partition} order by ${columnsOf('r', sequence.orderBy)}) as place,
      (select count(*) from ${table} t where ${sameGroup}) as total
    from n r
  ) x
  where x.total > x.added;
`
}
