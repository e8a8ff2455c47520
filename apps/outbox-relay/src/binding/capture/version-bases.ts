import { datasetByName } from '@hq-export/contract'
import type { BoundDataset } from '../binding-schema.ts'
import { indent, lines, whereSql } from '../projection/layout.ts'
import { projectionOf } from '../projection/projection.ts'
import type { CaptureKind } from './capture-select.ts'

/** Variable of a capture function: bases by key, as jsonb, in a serializable transaction. */
export const BASES = 'v_bases'

/** SQL of the base of key `k.key` among those that {@link withBases} has taken. */
export function takenBase(bases: string): string {
  return `(${bases} ->> k.key)::bigint`
}

/** A join that reads the base of key `k.key` as `b`, and whether the key is deleted. */
export function lookUpBase(number: number): string {
  return `left join lateral (
  select b.base, b.deleted_at is not null as is_deleted
  from hq_export.version_base b
  where b.dataset = ${number} and b.key = k.key
  offset 0
) b on true`
}

/**
 * SQL of the base of key `k.key`.
 * @param bases SQL of the bases that {@link withBases} has taken; without, they are read.
 */
export function baseSql({ dataset }: BoundDataset, bases: string | undefined): string {
  if (bases !== undefined) return takenBase(bases)
  const { number } = datasetByName(dataset)
  return `(
  select b.base from hq_export.version_base b where b.dataset = ${number} and b.key = k.key
)`
}

/** SQL of a version that is exported. */
export function exportedSql(version: string, base: string): string {
  return `hq_export.exported_version(\n${lines([version, base])}\n)`
}

/**
 * Statement that yields, as jsonb, the bases of rows `from` (aliased `r`), locking them and reading
 * none.
 *
 * A serializable transaction that reads version_base holds predicate locks there, on index pages
 * that transactions of unrelated keys write: two of them make a cycle, and PostgreSQL refuses one.
 * INSERT ... ON CONFLICT finds a row by a dirty snapshot, which leaves no such lock. The price is a
 * row for each key, with base 0. No new waiting: whoever writes a key holds its source row. A base
 * that a later transaction has written raises 40001 here, which the function's exception block
 * catches, as it could not a refusal by a cycle.
 */
function takeSql(
  bound: BoundDataset,
  kind: CaptureKind,
  from: string,
  where: string | undefined,
): string {
  const { dataset, key, filters } = projectionOf(bound, 'null::bigint')
  // An upsert must set something; a row that is there is no longer deleted, see insertRows.
  const touch = kind === 'current' ? 'deleted_at = null' : 'base = b.base'
  return `with taken as (
  insert into hq_export.version_base as b (dataset, key, base)
  select distinct ${dataset.number}, ${key}, 0
${indent(`from ${from}${whereSql([...filters, where])}`)}
  on conflict (dataset, key) do update set ${touch}
  returning b.key, b.base
)
select coalesce(jsonb_object_agg(t.key, t.base), '{}')`
}

/** SQL that is true where {@link BASES} are to be taken. */
export const IS_SERIALIZABLE = `current_setting('transaction_isolation') = 'serializable'`

/** plpgsql statement that takes {@link BASES} of rows `from` (aliased `r`), see {@link takeSql}. */
export function takeBases(
  bound: BoundDataset,
  kind: CaptureKind,
  from: string,
  where?: string,
): string {
  return `${takeSql(bound, kind, from, where)} into ${BASES}\nfrom taken t;`
}

/**
 * plpgsql that captures rows `from` (aliased `r`): by bases taken beforehand where the transaction
 * is serializable, else by bases that it reads. Two statements and not one with both: given the
 * bases, the planner believes that it saves by planning anew each time (700 us, measured).
 * @param capture the statement, by SQL of the bases if they were taken.
 */
export function withBases(
  bound: BoundDataset,
  kind: CaptureKind,
  from: string,
  options: {
    readonly where?: string | undefined
    readonly dynamic?: (sql: string) => string
  },
  capture: (bases: string | undefined) => string,
): string {
  if (bound.version === undefined) return capture(undefined)
  const { where, dynamic } = options
  const take =
    dynamic === undefined
      ? takeBases(bound, kind, from, where)
      : `execute ${dynamic(`${takeSql(bound, kind, from, where)}\nfrom taken t`)} into ${BASES};`
  return `if ${IS_SERIALIZABLE} then
${indent(take)}
${indent(capture(dynamic === undefined ? BASES : '$1'))}
else
${indent(capture(undefined))}
end if;`
}

/** USING of a dynamic statement with these bases. */
export function using(bases: string | undefined): string {
  return bases === undefined ? '' : ` using ${BASES}`
}
