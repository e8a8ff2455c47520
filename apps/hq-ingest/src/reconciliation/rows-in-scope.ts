import { keyHashSql, sampleSql } from '@hq-export/contract'
import { qualified } from '../apply/column-arrays.ts'
import type { Parameters } from './parameters.ts'
import type { Question } from './question.ts'

/*
 * Rows of HQ as a comparison sees them. Every statement here only reads, in a REPEATABLE READ
 * transaction: it takes ACCESS SHARE on its tables, waits for no row, and nobody waits for it. What
 * gateways had committed before is in it, and nothing of later.
 *
 * A row is in flight if the source's snapshot does not show who wrote it, and the life of the
 * source that wrote it is the one that the snapshot is of. Which life that was stands in the
 * ledger, with the batch that brought the row; where the batch has left the ledger, or is of
 * another life, the row is settled, and is compared (docs/decisions/0017). Only rows that are not
 * visible are looked up, each by one index probe a month of the ledger: by a scalar sub-select,
 * because EXISTS might be made a hash of the whole ledger.
 */

/** SQL of whether a row is in flight; never NULL. */
export function inFlight(alias: string, question: Question, parameters: Parameters): string {
  const snapshot = parameters.add(question.snapshot, 'pg_catalog.pg_snapshot')
  const epoch = parameters.add(question.epoch, 'text')
  return `case when pg_catalog.pg_visible_in_snapshot(${alias}._dx_xid, ${snapshot}) then false
      else coalesce(${epoch} = (
        select b.epoch from ingest.batch as b
        where b.source = ${alias}._dx_source and b.batch = ${alias}._dx_batch limit 1), false) end`
}

/** SQL of a condition that the row `columns` stands so to a key. */
export function compareKey(
  columns: string,
  operator: '>=' | '<' | '>',
  key: readonly string[],
  parameters: Parameters,
): string {
  return `(${columns}) ${operator} (${key.map((part) => parameters.add(part, 'uuid')).join(', ')})`
}

/** SQL of the conditions that `columns` are in the range of the scope. */
export function inRange(
  columns: string,
  { from, before }: Question['scope'],
  parameters: Parameters,
): string[] {
  return [
    ...(from === undefined ? [] : [compareKey(columns, '>=', from, parameters)]),
    ...(before === undefined ? [] : [compareKey(columns, '<', before, parameters)]),
  ]
}

/** SQL of the conditions on the time column of `t`. */
export function inTime({ dataset, scope }: Question, parameters: Parameters): string[] {
  const { since, until } = scope
  const column = `t.${dataset.timeColumn}`
  return [
    ...(since === undefined ? [] : [`${column} >= ${parameters.add(since, 'timestamptz')}`]),
    ...(until === undefined ? [] : [`${column} < ${parameters.add(until, 'timestamptz')}`]),
  ]
}

/** SQL of the condition that the key of `t` belongs to the sample. */
export function inSample({ dataset, spec, scope: { sample } }: Question): string[] {
  const keyHash = keyHashSql(spec, dataset, (column) => `t.${column}`)
  return sample === undefined ? [] : [sampleSql(keyHash, sample)]
}

/** SQL of the conditions that a row is the source's, and of an org that may be asked for. */
export function ofCaller(
  alias: string,
  { source, orgs }: Question,
  parameters: Parameters,
): string[] {
  return [
    `${alias}._dx_source = ${parameters.add(source, 'text')}`,
    ...(orgs === undefined ? [] : [`${alias}.org_id = any (${parameters.add(orgs, 'uuid[]')})`]),
  ]
}

/** Conditions as one, true where there is none. */
export function allOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'true' : conditions.join('\n      and ')
}

/** What is read of every row, beside what {@link rowsInScope} says of it. */
export interface RowSelection {
  /** SQL over the row `t`, by name. */
  readonly columns: Readonly<Record<string, string>>
  /** Name under which the key is wanted that says that the row is in flight. */
  readonly flightKey?: string
  /** Conditions on `t`. */
  readonly conditions: readonly string[]
  /** They are read page by page, in the order of their keys; not of snapshots. */
  readonly isPaged?: boolean
}

/** A select list. */
export function selectList(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns)
    .map(([name, sql]) => `${sql} as ${name}`)
    .join(',\n      ')
}

/**
 * SQL of the rows of a dataset in scope: what is selected of each; `in_flight`; `deleted`, kept as
 * the last state of an entity that is gone; and `in_scope`, false for rows that are told only
 * because they are one of these. A range of a key of several columns is read in the key's order: so
 * it is the primary key's index that is read, where another one of the org looks as good. Of one
 * column there is no other, and PostgreSQL may read its range in the order of the table.
 */
export function rowsInScope(
  question: Question,
  { columns, flightKey, conditions, isPaged }: RowSelection,
  parameters: Parameters,
): string {
  const { dataset, scope } = question
  const { name, primaryKey, semantics } = dataset
  const key = qualified(primaryKey, 't')
  const time = inTime(question, parameters)
  // The time of an append-only row never changes. That of an entity does: what is in flight may
  // have left the window that its state at the source is in.
  const isTimeless = semantics === 'append'
  const list = selectList({
    ...columns,
    ...(flightKey !== undefined && { [flightKey]: `pg_catalog.concat_ws('/', ${key})` }),
    in_flight: inFlight('t', question, parameters),
    deleted: 't._dx_deleted_at is not null',
    in_scope: isTimeless ? 'true' : allOf(time),
  })
  const isRange = scope.from !== undefined || scope.before !== undefined
  const where = [
    ...ofCaller('t', question, parameters),
    ...inRange(key, scope, parameters),
    ...inSample(question),
    ...(isTimeless ? time : []),
    ...conditions,
  ]
  return `select ${list}
    from hq.${name} as t
    where ${allOf(where)}
    ${isPaged || (isRange && primaryKey.length > 1) ? `order by ${key} ` : ''}offset 0`
}
