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

/** Groups of one statement that are guarded; each takes a place in the server's lock table. */
const MAX_GUARDED_GROUPS = 64
/** Start of hq_export.apart_sequence. */
const FIRST_APART = 1_000_000_000

/**
 * Statements of an insert's capture, before it reads the rows: where a group had rows before this statement, the new ones take the
 * numbers after those. By time and id they might fall between them, and would change numbers that were exported.
 *
 * Two transactions that insert into one group at once do not see each other. Neither waits: who comes second finds the group's
 * advisory lock taken and numbers its rows apart. The lock stands in a statement of its own, so that whoever gets it sees, in the next
 * one, what its last holder committed.
 */
export function assignSequences(bound: BoundDataset): string {
  const { sequence } = bound
  if (sequence === undefined) return ''
  const { number } = datasetByName(bound.dataset)
  const table = tableSql(bound.table)
  const partition = columnsOf('r', sequence.partitionBy)
  const sameGroup = (alias: string): string =>
    `(${columnsOf('t', sequence.partitionBy)}) = (${columnsOf(alias, sequence.partitionBy)})`
  return `  declare
    v_is_alone boolean;
  begin
    select coalesce(bool_and(pg_try_advisory_xact_lock(hashtext('hq_export.sequence'), hashtext(g.name))), true) into v_is_alone
    from (select distinct row(${partition})::text as name from n r limit ${MAX_GUARDED_GROUPS}) g;
    insert into hq_export.assigned_sequence (dataset, key, sequence)
    select ${number}, x.key, case
      when v_is_alone and coalesce(m.highest < ${FIRST_APART}, true)
      then x.place + greatest(x.total - x.added, m.highest) else nextval('hq_export.apart_sequence') end
    from (
      select ${keyOf(bound, 'r')} as key, ${partition}, count(*) over (partition by ${partition}) as added,
        row_number() over (partition by ${partition} order by ${columnsOf('r', sequence.orderBy)}) as place,
        (select count(*) from ${table} t where ${sameGroup('r')}) as total
      from n r
    ) x
    cross join lateral (
      select max(q.sequence) as highest from ${table} t
      join hq_export.assigned_sequence q on q.dataset = ${number} and q.key = ${keyOf(bound, 't')}
      where x.total > x.added and ${sameGroup('x')}
    ) m
    where x.total > x.added or not v_is_alone;
  end;
`
}
