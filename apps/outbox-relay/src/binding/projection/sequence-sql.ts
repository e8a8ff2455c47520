import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import { tableSql } from '../source-table.ts'
import { indent } from './layout.ts'

const columnsOf = (alias: string, names: readonly string[]): string =>
  names.map((name) => `${alias}.${pg.escapeIdentifier(name)}`).join(', ')

const keyOf = (bound: BoundDataset, alias: string): string =>
  bound.key.map((name) => `${alias}.${pg.escapeIdentifier(name)}::text`).join(` || '/' || `)

/**
 * SQL over `r` of its number within its group: an assigned one, else its place among the rows of
 * the group that have none.
 */
export function sequenceSql(
  bound: BoundDataset,
  sequence: NonNullable<BoundDataset['sequence']>,
): string {
  const { number } = datasetByName(bound.dataset)
  const { partitionBy, orderBy } = sequence
  const assigned = (alias: string): string =>
    `from hq_export.assigned_sequence q
where q.dataset = ${number} and q.key = ${keyOf(bound, alias)}`
  return `coalesce(
  (
${indent(`select q.sequence ${assigned('r')}`, 4)}
  ),
  (
    select count(*)
    from ${tableSql(bound.table)} t
    where (${columnsOf('t', partitionBy)}) = (${columnsOf('r', partitionBy)})
      and (${columnsOf('t', orderBy)}) <= (${columnsOf('r', orderBy)})
      and not exists (
${indent(`select ${assigned('t')}`, 8)}
      )
  )
)`
}

/**
 * Groups that one transaction locks one by one; each takes two places in the server's lock table.
 */
const MAX_GUARDED_GROUPS = 16
/** Beyond that it locks shares of all groups, by their hash: at most so many, a power of two. */
const SHARES = 32
/**
 * Setting of the transaction: hashes of the groups that it has locked. A session may write what it
 * likes there; only its own numbers depend on it.
 */
const GUARDED = 'hq_export.guarded_groups'
const GROUP_LOCKS = `hashtext('hq_export.sequence')`
const SHARE_LOCKS = `hashtext('hq_export.sequences')`
/** Start of hq_export.apart_sequence. */
const FIRST_APART = 1_000_000_000

/**
 * plpgsql that finds out in which groups of its statement this transaction is alone, as `v_alone`:
 * hashes of groups, cut to `v_bits`.
 *
 * It takes an advisory lock for each group and, shared, the one of the share to which the group
 * belongs. After a few groups it takes the locks of shares for itself instead, and is then alone in
 * all of their groups: a transaction never takes more places in the lock table than these, however
 * many groups it adds to. Nobody ever waits.
 */
function findAlone(hash: string, rows: string): string {
  const share = `& ${SHARES - 1}`
  return `v_groups := array(select distinct ${hash} from ${rows} limit ${MAX_GUARDED_GROUPS + 1});
v_guarded := array(
  select unnest(string_to_array(current_setting('${GUARDED}', true), ','))
  union
  select unnest(v_groups)::text
);
if cardinality(v_guarded) <= ${MAX_GUARDED_GROUPS} then
  v_setting := set_config('${GUARDED}', array_to_string(v_guarded, ','), true);
  v_alone := array(
    select g from unnest(v_groups) g
    where pg_try_advisory_xact_lock_shared(${SHARE_LOCKS}, g ${share})
      and pg_try_advisory_xact_lock(${GROUP_LOCKS}, g)
  );
else
  v_bits := ${SHARES - 1};
  v_alone := array(
    select s.share
    from (select distinct ${hash} ${share} as share from ${rows}) s
    where pg_try_advisory_xact_lock(${SHARE_LOCKS}, s.share)
  );
end if;
`
}

/** plpgsql: a block with what {@link findAlone} finds. */
function aloneBlock(hash: string, rows: string, work: string): string {
  return `-- In which groups no other transaction adds rows now.
declare
  v_groups integer[];
  v_guarded text[];
  v_setting text;
  v_bits integer := -1;
  v_alone integer[];
begin
${indent(`${findAlone(hash, rows)}${work}`)}
end;
`
}

/**
 * New rows with the number of those in their group, all and new ones, and whether this transaction
 * is alone there.
 */
function newRows(
  bound: BoundDataset,
  sequence: NonNullable<BoundDataset['sequence']>,
  rows: string,
): string {
  const partition = columnsOf('r', sequence.partitionBy)
  return `(
  select
    ${keyOf(bound, 'r')} as key,
    ${partition},
    count(*) over (partition by ${partition}) as added,
    row_number() over (
      partition by ${partition} order by ${columnsOf('r', sequence.orderBy)}
    ) as place,
    (
      select count(*) from ${tableSql(bound.table)} t
      where (${columnsOf('t', sequence.partitionBy)}) = (${partition})
    ) as total,
    hashtext(row(${partition})::text) & v_bits = any (v_alone) as is_alone
  from ${rows}
) x`
}

/** SQL of the hash of a group. */
const hashOf = (sequence: NonNullable<BoundDataset['sequence']>): string =>
  `hashtext(row(${columnsOf('r', sequence.partitionBy)})::text)`

/** Rows of {@link newRows} that get a number; the others are counted. */
const IS_NUMBERED = '(x.total > x.added or not x.is_alone)'

/**
 * What `assignSequences` would find out, without writing: the rows may be captured as they are
 * where none is to be numbered.
 */
export function findNumbering(
  bound: BoundDataset,
  rows: string,
):
  | {
      readonly before: string
      readonly variables: readonly string[]
      readonly condition: string
    }
  | undefined {
  const { sequence } = bound
  if (sequence === undefined) return undefined
  return {
    before: aloneBlock(
      hashOf(sequence),
      rows,
      `v_is_numbered := exists (
  select from ${indent(newRows(bound, sequence, rows)).trimStart()}
  where ${IS_NUMBERED}
);`,
    ),
    variables: ['v_is_numbered boolean'],
    condition: 'not v_is_numbered',
  }
}

/**
 * Statements of an insert's capture, before it reads the rows: where a group had rows before this
 * statement, the new ones take the numbers after those. By time and id they might fall between
 * them, and would change numbers that were exported.
 *
 * Two transactions that insert into one group at once do not see each other. Neither waits: who
 * comes second finds the group's advisory lock taken and numbers its rows apart. The lock stands in
 * a statement of its own, so that whoever gets it sees, in the next one, what its last holder
 * committed.
 *
 * Fired for each row, a row has all others of its statement before it: numbers rise as the rows
 * were inserted, and may leave some out.
 * @param rows SQL of the new rows of a firing, to stand in FROM as `r`.
 */
export function assignSequences(bound: BoundDataset, rows: string): string {
  const { sequence } = bound
  if (sequence === undefined) return ''
  const { number } = datasetByName(bound.dataset)
  const { partitionBy } = sequence
  const match = `(${columnsOf('t', partitionBy)}) = (${columnsOf('x', partitionBy)})`
  return aloneBlock(
    hashOf(sequence),
    rows,
    `insert into hq_export.assigned_sequence (dataset, key, sequence)
select
  ${number},
  x.key,
  case
    when x.is_alone and coalesce(m.highest < ${FIRST_APART}, true)
    then x.place + greatest(x.total - x.added, m.highest)
    else nextval('hq_export.apart_sequence')
  end
from ${newRows(bound, sequence, rows)}
cross join lateral (
  select max(q.sequence) as highest
  from ${tableSql(bound.table)} t
  join hq_export.assigned_sequence q on q.dataset = ${number} and q.key = ${keyOf(bound, 't')}
  where x.total > x.added and ${match}
) m
where ${IS_NUMBERED};`,
  )
}
