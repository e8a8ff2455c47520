import type { Column, ColumnType, Dataset } from '../datasets/dataset.ts'
import { columnOf } from '../datasets/datasets.ts'
import {
  CHECKSUM_ALGORITHMS,
  CHECKSUM_BUCKETS,
  type ChecksumAlgorithm,
  type ChecksumSpec,
} from './checksum-spec.ts'

/*
 * The SQL that both servers hash rows with, made of the same descriptors. All of it is immutable
 * and independent of the session's settings: values are hashed as their types compare, so `1.0`
 * equals `1.00`, an instant equals itself in every time zone and a jsonb in every order of its
 * keys, while NULL is not '' and a microsecond counts.
 *
 * A sum of hashes says whether two sets of rows are the same, whatever their order; it is taken
 * modulo 2^64 by whoever reads it, and rows can be taken out of it again. XOR would not do: a row
 * that is there twice would hide itself.
 *
 * A row's hash is the XOR of the hashes of its values, each with a seed of its column's, and that is
 * the seed of the hash of its key. So all its bits depend on all of the key: were it a sum of
 * values, as PostgreSQL's own hash of a record is, two rows of a bucket that have swapped the
 * values of a column would go unnoticed. Types are hashed by their own functions: a record is built
 * and taken apart again, which makes a digest dearer by a fifth or more.
 */

/** SQL of the value of a column, such as `t."run_id"`. */
export type ColumnSql = (column: string) => string

const KEY_SEED = 4711

/**
 * Functions that hash a value of a type, NULL where it is NULL. Those of the other types have other
 * names in other versions of PostgreSQL, and are found by a record.
 */
const HASHES: Readonly<Partial<Record<ColumnType, string>>> = {
  text: 'hashtextextended',
  uuid: 'uuid_hash_extended',
  int4: 'hashint4extended',
  int8: 'hashint8extended',
  numeric: 'hash_numeric_extended',
  jsonb: 'jsonb_hash_extended',
}

/** SQL of the hash of values, never NULL. */
function recordHash(values: readonly string[], seed: number | string): string {
  return `pg_catalog.hash_record_extended(row(${values.join(', ')}), ${seed})`
}

/**
 * SQL of the hash of a value as its type compares; a text by its bytes, whatever its collation takes
 * for equal.
 */
function typeHash(type: ColumnType, value: string, seed: number | string): string {
  const name = HASHES[type]
  if (name === undefined) return recordHash([value], seed)
  const hashed = type === 'text' ? `${value} collate pg_catalog."C"` : value
  return `pg_catalog.${name}(${hashed}, ${seed})`
}

/**
 * SQL of the hash of a value, never NULL. That of a jsonb is of what it holds from left to right,
 * and not of where objects and arrays end: `[[1], 2]` hashes as `[[1, 2]]`. So its text counts, too,
 * without what numbers that are equal may differ in there: points and zeros.
 */
function valueHash(type: ColumnType, value: string, seed: number): string {
  const own = typeHash(type, value, seed)
  if (type !== 'jsonb') return `coalesce(${own}, 0)`
  const form = `pg_catalog.replace(pg_catalog.replace(${value}::text, '0', ''), '.', '')`
  return `coalesce(${own} # ${typeHash('text', form, seed)}, 0)`
}

/** SQL of the hash of a key, which is never NULL: of its last column with that of those before. */
function keyHash(
  key: readonly Pick<Column, 'name' | 'type'>[],
  sql: ColumnSql,
  seed: number | string,
): string {
  return key.reduce<string>(
    (before, { name, type }) => typeHash(type, sql(name), before),
    `${seed}`,
  )
}

/** A value as an element of a JSON array, never NULL. */
function jsonElement(type: ColumnType, value: string): string {
  const text = (sql: string) => `coalesce(pg_catalog.to_json(${sql})::text, 'null')`
  switch (type) {
    case 'text':
      return text(value)
    case 'uuid':
    case 'int4':
    case 'int8':
      return text(`${value}::text`)
    case 'numeric':
      return text(`pg_catalog.trim_scale(${value})::text`)
    case 'boolean':
      return `coalesce(${value}::text, 'null')`
    case 'timestamptz':
      return text(
        `case when pg_catalog.isfinite(${value}) ` +
          `then ((extract(epoch from ${value}) * 1000000)::bigint)::text else ${value}::text end`,
      )
    case 'jsonb':
      // The text of a jsonb is not the same everywhere: its kind and how much it holds.
      return text(
        `pg_catalog.jsonb_typeof(${value}) || ':' || case pg_catalog.jsonb_typeof(${value}) ` +
          `when 'object' then (select count(*) from pg_catalog.jsonb_object_keys(${value})) ` +
          `when 'array' then pg_catalog.jsonb_array_length(${value}) else 0 end`,
      )
  }
}

function jsonHash(columns: readonly Pick<Column, 'name' | 'type'>[], sql: ColumnSql): string {
  const elements = columns.map(({ name, type }) => jsonElement(type, sql(name)))
  const text = `'[' || ${elements.join(` || ',' || `)} || ']'`
  const digest = `pg_catalog.sha256(pg_catalog.convert_to(${text}, 'UTF8'))`
  const start = `pg_catalog.encode(pg_catalog.substring(${digest}, 1, 8), 'hex')`
  return `('x' || ${start})::bit(64)::bigint`
}

/** SQL of the hash of a whole row, int8. */
export function rowHashSql({ algorithm, key, columns }: ChecksumSpec, sql: ColumnSql): string {
  if (algorithm === 'DXC-2') return jsonHash(columns, sql)
  const values = columns.slice(key.length)
  const hashes = values.flatMap(({ name, type }, place) =>
    HASHES[type] === undefined ? [] : valueHash(type, sql(name), place + 1),
  )
  const others = values.filter(({ type }) => HASHES[type] === undefined)
  if (others.length > 0)
    hashes.push(
      recordHash(
        others.map(({ name }) => sql(name)),
        0,
      ),
    )
  return keyHash(key, sql, hashes.length === 0 ? KEY_SEED : `(${hashes.join(' # ')})`)
}

/** SQL of the hash of one value, int8: whether a column differs, and not what it holds. */
export function valueHashSql(
  { algorithm }: Pick<ChecksumSpec, 'algorithm'>,
  column: Pick<Column, 'name' | 'type'>,
  sql: ColumnSql,
): string {
  return algorithm === 'DXC-1'
    ? valueHash(column.type, sql(column.name), 1)
    : jsonHash([column], sql)
}

/** SQL of the hash of a key, int8: decides the bucket and whether a row belongs to a sample. */
export function keyHashSql(
  { algorithm }: Pick<ChecksumSpec, 'algorithm'>,
  dataset: Dataset,
  sql: ColumnSql,
): string {
  const key = dataset.primaryKey.map((name) => columnOf(dataset, name))
  return algorithm === 'DXC-1' ? keyHash(key, sql, KEY_SEED) : jsonHash(key, sql)
}

/** SQL of the bucket of a row, 0 to {@link CHECKSUM_BUCKETS} - 1, from the hash of its key. */
export function bucketSql(keyHash: string): string {
  return `(${keyHash} & ${CHECKSUM_BUCKETS - 1})::int4`
}

/**
 * SQL of a condition on the hash of a key: true for one row in `oneIn`, always the same ones. By
 * other bits than the bucket's, so that a sample has rows in every bucket.
 */
export function sampleSql(keyHash: string, oneIn: number): string {
  // `%` of a negative number is negative: the sign bit is taken off first.
  return `((${keyHash} >> 10) & 9007199254740991) % ${Math.trunc(oneIn)} = 0`
}

const CANARY: readonly (readonly [ColumnType, string])[] = [
  ['text', `'Gr\u00fc\u00dfe \u6771\u4eac'::text`],
  ['uuid', `'6f0c1a52-3b5e-4f0a-9a53-0d6a3c1c7e11'::uuid`],
  ['int4', `(-17)::int4`],
  ['int8', `9007199254740993::int8`],
  ['numeric', `1234567890.0123456789::numeric`],
  ['boolean', `true`],
  ['timestamptz', `'2026-02-16 05:30:00.123456+00'::timestamptz`],
  ['jsonb', `'{"b": [1, 2.50, null], "a": {"c": "d"}}'::jsonb`],
  ['text', `null::text`],
  ['text', `''::text`],
]

/**
 * SQL of the hash of one fixed row that has a value of every type, int8. Servers on which it
 * differs (another byte order, a changed hash function) do not compute the same hashes.
 */
export function canarySql(algorithm: ChecksumAlgorithm): string {
  const columns = CANARY.map(
    ([type], index): Column => ({ name: String(index), type, nullable: true, description: '' }),
  )
  const spec = { id: '', algorithm, key: columns.slice(0, 2), columns }
  return rowHashSql(spec, (name) => `(${CANARY[Number(name)]?.[1]})`)
}

/** Query of one row with the canary of every algorithm, as text under its name. */
export const CANARIES_SQL = `select ${CHECKSUM_ALGORITHMS.map(
  (algorithm) => `(${canarySql(algorithm)})::text as "${algorithm}"`,
).join(', ')}`
