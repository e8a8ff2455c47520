import {
  bucketSql,
  type ChecksumSpec,
  type CriticalField,
  type Dataset,
  type DigestScope,
  keyHashSql,
  rowHashSql,
  sampleSql,
  valueHashSql,
} from '@hq-export/contract'
import pg from 'pg'
import { Parameters, type Statement } from '../../backfill/chunk-sql.ts'
import type { SourceRelation } from './source-relation.ts'

/*
 * What the source's half of a comparison reads, of the projection views and so of the contract's
 * types. Takes no lock beyond a reader's.
 */

/** Which rows of a relation are compared. */
export interface SourceScope extends Omit<DigestScope, 'org_id' | 'from' | 'before'> {
  readonly from?: readonly string[] | undefined
  readonly before?: readonly string[] | undefined
  /** Only these orgs; every one where it is null. */
  readonly orgs: readonly string[] | null
}

/** One grouped row of {@link digestStatement}. */
export interface BucketRow {
  readonly bucket: number
  readonly rows: number
  readonly sum: string
  readonly nulls: readonly number[]
  readonly statuses: readonly number[]
}

/** One row of a leaf, or of a look-up by key. */
export interface SourceRow {
  readonly key: string
  readonly version: string | null
  readonly hash: string
  /** Key by which the row is looked up, where that is another one than its own: of a snapshot. */
  readonly lookup: string | null
  /** With the columns. */
  readonly org_id: string | null
  readonly columns: readonly string[] | null
}

const column = (name: string): string => `v.${pg.escapeIdentifier(name)}`

function joined(names: readonly { readonly name: string }[]): string {
  return names.map(({ name }) => `${column(name)}::text`).join(` || '/' || `)
}

function isIncomplete({ anyOf }: CriticalField): string {
  const complete = anyOf.map(
    (names) => `(${names.map((name) => `${column(name)} is not null`).join(' and ')})`,
  )
  return `not (${complete.join(' or ')})`
}

/** Statuses that the contract knows, in datasets that have them. */
export function statusesOf(dataset: Dataset): readonly string[] {
  return dataset.columns.find(({ name }) => name === 'status')?.values ?? []
}

function conditions(
  relation: SourceRelation,
  spec: ChecksumSpec,
  { orgs, since, until, from, before, sample }: SourceScope,
  parameters: Parameters,
): string {
  const { dataset, range } = relation
  const all: string[] = []
  const bound = (values: readonly string[]): string =>
    `(${range.map(({ type }, index) => parameters.add(values[index], type)).join(', ')})`
  const place = `(${range.map(({ name }) => column(name)).join(', ')})`
  if (from !== undefined) all.push(`${place} >= ${bound(from)}`)
  if (before !== undefined) all.push(`${place} < ${bound(before)}`)
  const time = column(dataset.timeColumn)
  if (since !== undefined) all.push(`${time} >= ${parameters.add(since, 'timestamptz')}`)
  if (until !== undefined) all.push(`${time} < ${parameters.add(until, 'timestamptz')}`)
  if (orgs !== null) all.push(`${column('org_id')} = any (${parameters.add(orgs, 'uuid[]')})`)
  if (sample !== undefined) all.push(sampleSql(keyHashSql(spec, dataset, column), sample))
  return all.length === 0 ? 'true' : all.join(' and ')
}

/** SQL of the value of a column in a look-up `k.key`. */
function lookUpValue(lookUp: SourceRelation['lookUp'], column: string): string {
  const place = lookUp.findIndex(({ name }) => name === column)
  return `pg_catalog.split_part(k.key, '/', ${place + 1})::${lookUp[place]?.type}`
}

/**
 * SQL of the rows `v` of keys as {@link SourceRow.lookup} has them: what they are read from, and a
 * condition. A key of one column is found by one walk of its index, which costs half of a look-up
 * for each.
 */
function lookedUp(
  { lookUp, sql }: SourceRelation,
  keys: readonly string[],
  parameters: Parameters,
): { readonly from: string; readonly where: string } {
  const [only, ...more] = lookUp
  if (only !== undefined && more.length === 0) {
    const any = parameters.add(keys, `${only.type}[]`)
    return { from: `${sql} v`, where: `${column(only.name)} = any (${any})` }
  }
  const matches = lookUp.map(
    ({ name }) => `s.${pg.escapeIdentifier(name)} = ${lookUpValue(lookUp, name)}`,
  )
  const from = `pg_catalog.unnest(${parameters.add(keys, 'text[]')}) k (key)
cross join lateral (select * from ${sql} s where ${matches.join(' and ')} offset 0) v`
  return { from, where: 'true' }
}

/**
 * Rows and sums of hashes per bucket, one scan.
 * @param keys only these rows, by look-up, of those in scope.
 */
export function digestStatement(
  relation: SourceRelation,
  spec: ChecksumSpec,
  scope: SourceScope,
  keys?: readonly string[],
): Statement {
  const parameters = new Parameters()
  const { dataset, sql } = relation
  const counts = (filters: readonly string[]): string => {
    const list = filters.map((filter) => `count(*) filter (where ${filter})::int4`)
    return `array[${list.join(', ')}]::int4[]`
  }
  const statuses = statusesOf(dataset).map(
    (value) => `${column('status')} = ${pg.escapeLiteral(value)}`,
  )
  const { from, where } =
    keys === undefined ? { from: `${sql} v`, where: 'true' } : lookedUp(relation, keys, parameters)
  const text = /* sql */ `
select ${bucketSql(keyHashSql(spec, dataset, column))} as bucket, count(*)::int4 as rows,
  pg_catalog.sum(${rowHashSql(spec, column)})::text as sum,
  ${counts(dataset.criticalFields.map(isIncomplete))} as nulls, ${counts(statuses)} as statuses
from ${from}
where ${where} and ${conditions(relation, spec, scope, parameters)}
group by 1`
  return { text, values: parameters.values }
}

function rowList(relation: SourceRelation, spec: ChecksumSpec, withColumns: boolean): string {
  const { dataset, lookUp, version: name } = relation
  const version = name === undefined ? 'null' : `${column(name)}::text`
  const key = joined(dataset.primaryKey.map((name) => ({ name })))
  const own = joined(lookUp)
  const hashes = spec.columns.map((hashed) => `${valueHashSql(spec, hashed, column)}::text`)
  const more = withColumns ? [`${column('org_id')}::text`, `array[${hashes.join(', ')}]`] : []
  const [org = 'null', columns = 'null::text[]'] = more
  return `${key} as key, ${version} as version,
  ${rowHashSql(spec, column)}::text as hash, ${own === key ? 'null' : own} as lookup,
  ${org} as org_id, ${columns} as columns`
}

/** The rows of some buckets. */
export function leafStatement(
  relation: SourceRelation,
  spec: ChecksumSpec,
  scope: SourceScope,
  buckets: readonly number[],
): Statement {
  const parameters = new Parameters()
  const bucket = bucketSql(keyHashSql(spec, relation.dataset, column))
  const text = /* sql */ `
select ${rowList(relation, spec, false)}
from ${relation.sql} v
where ${conditions(relation, spec, scope, parameters)}
  and ${bucket} = any (${parameters.add(buckets, 'int4[]')})`
  return { text, values: parameters.values }
}

/** Those of some keys whose rows are in some buckets, whether there are any or not. */
export function keysOfBucketsStatement(
  { dataset, lookUp }: SourceRelation,
  spec: ChecksumSpec,
  keys: readonly string[],
  buckets: readonly number[],
): Statement {
  const parameters = new Parameters()
  const bucket = bucketSql(keyHashSql(spec, dataset, (name) => lookUpValue(lookUp, name)))
  const text = /* sql */ `
select k.key from pg_catalog.unnest(${parameters.add(keys, 'text[]')}) k (key)
where ${bucket} = any (${parameters.add(buckets, 'int4[]')})`
  return { text, values: parameters.values }
}

/** The rows of some keys. @param withColumns with their org, and a hash per column. */
export function rowsStatement(
  relation: SourceRelation,
  spec: ChecksumSpec,
  keys: readonly string[],
  withColumns: boolean,
): Statement {
  const parameters = new Parameters()
  const { from, where } = lookedUp(relation, keys, parameters)
  const text = /* sql */ `
select ${rowList(relation, spec, withColumns)}
from ${from}
where ${where}`
  return { text, values: parameters.values }
}

/** Rows in scope of orgs that are not compared. */
export function othersStatement(
  relation: SourceRelation,
  spec: ChecksumSpec,
  { orgs, ...scope }: SourceScope,
): Statement {
  const parameters = new Parameters()
  const inScope = conditions(relation, spec, { ...scope, orgs: null }, parameters)
  const text = /* sql */ `
select count(*)::float8 as rows from ${relation.sql} v
where ${inScope} and ${column('org_id')} <> all (${parameters.add(orgs ?? [], 'uuid[]')})`
  return { text, values: parameters.values }
}

/**
 * The first key behind so many rows of a range, as an array of its values; nothing where the range
 * has no more than that. Walks an index, and reads hardly anything but keys, of which only the one
 * that is told is made a text.
 */
export function boundaryStatement(
  relation: SourceRelation,
  spec: ChecksumSpec,
  range: Pick<SourceScope, 'from' | 'before' | 'orgs'>,
  rows: number,
): Statement {
  const parameters = new Parameters()
  const list = relation.range.map(({ name }) => column(name)).join(', ')
  const key = relation.range.map(({ name }) => `${column(name)}::text`).join(', ')
  const text = /* sql */ `
select array[${key}] as key from (
  select ${list} from ${relation.sql} v
  where ${conditions(relation, spec, range, parameters)}
  order by ${list} offset ${parameters.add(rows, 'int8')} limit 1
) v`
  return { text, values: parameters.values }
}
