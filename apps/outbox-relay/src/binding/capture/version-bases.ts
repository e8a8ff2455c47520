import { datasetByName } from '@hq-export/contract'
import type { BoundDataset } from '../binding-schema.ts'
import { projectionOf } from '../projection/projection.ts'
import type { CaptureKind } from './capture-select.ts'

/** Variable of a capture function: bases by key, as jsonb, in a serializable transaction. */
export const BASES = 'v_bases'

/**
 * SQL of the base of key `k.key`.
 * @param bases SQL of the bases that {@link withBases} has taken; without, they are read.
 */
export function baseSql({ dataset }: BoundDataset, bases: string | undefined): string {
  if (bases !== undefined) return `(${bases} ->> k.key)::bigint`
  const { number } = datasetByName(dataset)
  return `(select b.base from hq_export.version_base b where b.dataset = ${number} and b.key = k.key)`
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
  const conditions = [...filters, ...(where === undefined ? [] : [where])]
  // An upsert must set something; a row that is there is no longer deleted, see captureRows.
  const touch = kind === 'current' ? 'deleted_at = null' : 'base = b.base'
  return `with taken as (
  insert into hq_export.version_base as b (dataset, key, base)
  select distinct ${dataset.number}, ${key}, 0 from ${from}${conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`}
  on conflict (dataset, key) do update set ${touch}
  returning b.key, b.base
)
select coalesce(jsonb_object_agg(t.key, t.base), '{}')`
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
  const take = takeSql(bound, kind, from, where)
  const statement =
    dynamic === undefined
      ? `${take} into ${BASES} from taken t`
      : `execute ${dynamic(`${take} from taken t`)} into ${BASES}`
  return `if current_setting('transaction_isolation') = 'serializable' then
${statement};
${capture(dynamic === undefined ? BASES : '$1')}
else
${capture(undefined)}
end if;`
}

/** USING of a dynamic statement with these bases. */
export function using(bases: string | undefined): string {
  return bases === undefined ? '' : ` using ${BASES}`
}
