import { LIMITS, rowHashSql, valueHashSql } from '@hq-export/contract'
import { qualified } from '../apply/column-arrays.ts'
import { bucketOf, type Statement, selectRows } from './digest-statement.ts'
import { SNAPSHOTS } from './entity-datasets.ts'
import { Parameters } from './parameters.ts'
import type { Key, Question } from './question.ts'
import { storedRows } from './rows-by-key.ts'
import { allOf, compareKey } from './rows-in-scope.ts'

/** Columns that name a snapshot's place at the source. */
const ENTITY_COLUMNS = ['org_id', 'entity_type', 'entity_id', 'record_version']

const onRow = (column: string) => `t.${column}`

function joined(columns: readonly string[], alias: string): string {
  return `pg_catalog.concat_ws('/', ${qualified(columns, alias)})`
}

/** Members of a leaf row but its flags, over `alias`. */
function leafColumns({ dataset }: Question, alias: string): string {
  const { name, primaryKey, versionColumn } = dataset
  return [
    `${joined(primaryKey, alias)} as key`,
    `${versionColumn === undefined ? 'null' : `${alias}.${versionColumn}::text`} as version`,
    ...(name === SNAPSHOTS ? [`${joined(ENTITY_COLUMNS, alias)} as entity`] : []),
    `${alias}.hash::text as hash`,
  ].join(', ')
}

/** Columns of a row `t` that {@link leafColumns} is made of. */
function rawColumns({ dataset, spec }: Question): Record<string, string> {
  const { name, primaryKey, versionColumn } = dataset
  const names = new Set([
    ...primaryKey,
    ...(versionColumn === undefined ? [] : [versionColumn]),
    ...(name === SNAPSHOTS ? ENTITY_COLUMNS : []),
  ])
  return {
    ...Object.fromEntries(Array.from(names, (column) => [column, onRow(column)])),
    hash: rowHashSql(spec, onRow),
  }
}

/**
 * Rows of some buckets in the order of their keys: a page, and one more where there are more. Only
 * these are hashed.
 * @param after key of the last row of the page before.
 */
export function bucketRowsStatement(
  question: Question,
  buckets: readonly number[],
  after: Key | undefined,
): Statement {
  const parameters = new Parameters()
  const { primaryKey } = question.dataset
  const conditions = [
    ...(after === undefined
      ? []
      : [compareKey(qualified(primaryKey, 't'), '>', after, parameters)]),
    // An entity without its snapshot has no leaf.
    ...primaryKey.map((column) => `t.${column} is not null`),
    `${bucketOf(question)} = any (${parameters.add(buckets, 'int4[]')})`,
  ]
  const columns = rawColumns(question)
  const rows = selectRows(question, { columns, conditions, isPaged: true }, parameters)
  return {
    text: `select ${leafColumns(question, 'r')}, r.in_flight, r.deleted from (
    ${rows}
    ) as r
    where r.in_flight or r.deleted or r.in_scope
    order by ${qualified(primaryKey, 'r')} limit ${LIMITS.maxDigestRows + 1}`,
    values: parameters.values,
  }
}

/**
 * Rows by their keys, in the order of these.
 * @param withColumns with the hash of every column.
 */
export function keyRowsStatement(question: Question, withColumns: boolean): Statement {
  const parameters = new Parameters()
  const { dataset, spec } = question
  const hashes = spec.columns.map((column) => `${valueHashSql(spec, column, onRow)}::text`)
  const columns = {
    ...rawColumns(question),
    ...(withColumns && { columns: `array[${hashes.join(', ')}]` }),
  }
  const told = withColumns ? ', r.columns' : ''
  return {
    text: `select ${leafColumns(question, 'r')}, r.in_flight, r.deleted${told}
    from (
    ${selectRows(question, { columns, conditions: [] }, parameters)}
    ) as r
    order by ${qualified(dataset.primaryKey, 'r')}`,
    values: parameters.values,
  }
}

/** Those of some keys that HQ has as rows of another source, of orgs that may be asked for. */
export function foreignStatement(
  { source, dataset, orgs }: Question,
  keys: readonly Key[],
): Statement {
  const parameters = new Parameters()
  const { from, conditions: ofKeys } = storedRows(dataset, keys, parameters)
  const conditions = [
    ...ofKeys,
    `t._dx_source is distinct from ${parameters.add(source, 'text')}`,
    ...(orgs === undefined ? [] : [`t.org_id = any (${parameters.add(orgs, 'uuid[]')})`]),
  ]
  return {
    text: `select ${joined(dataset.primaryKey, 't')} as key
      from ${from}
      where ${allOf(conditions)}`,
    values: parameters.values,
  }
}

/** Open entries of quarantine by the keys asked for, the newest of each. */
export function refusedStatement(
  { source, dataset, orgs }: Question,
  keys: readonly string[],
): Statement {
  const parameters = new Parameters()
  const conditions = [
    `q.source = ${parameters.add(source, 'text')}`,
    `q.dataset = ${parameters.add(dataset.name, 'text')}`,
    `q.key = any (${parameters.add(keys, 'text[]')})`,
    'q.resolved_at is null',
    ...(orgs === undefined ? [] : [`q.org_id = any (${parameters.add(orgs, 'uuid[]')})`]),
  ]
  return {
    text: `select distinct on (q.key) q.key, q.code from ingest.quarantine as q
      where ${allOf(conditions)} order by q.key, q.id desc`,
    values: parameters.values,
  }
}
