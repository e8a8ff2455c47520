import { hash } from 'node:crypto'
import {
  bucketSql,
  CHECKSUM_ALGORITHMS,
  CHECKSUM_BUCKETS,
  type ChecksumAlgorithm,
  type ChecksumSpec,
  type Column,
  type ColumnType,
  canarySql,
  checksumSpecs,
  datasetByName,
  keyHashSql,
  rowHashSql,
  sampleSql,
  valueHashSql,
} from '@hq-export/contract'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEmptyDxDatabase, type TestDatabase } from '../support/servers/databases.ts'

const RUNS = datasetByName('dx_operation_runs_v1')

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createEmptyDxDatabase()
  client = await database.connect()
})

afterAll(() => database[Symbol.asyncDispose]())

async function textOf(sql: string): Promise<string> {
  const { rows } = await client.query<{ value: string }>(`select (${sql})::text as value`)
  return rows[0]?.value ?? ''
}

function column(name: string, type: ColumnType): Column {
  return { name, type, nullable: true, description: '' }
}

/** A key and a value. */
function specOf(algorithm: ChecksumAlgorithm, type: ColumnType): ChecksumSpec {
  const columns = [column('id', 'int8'), column('value', type)]
  return { id: '', algorithm, key: columns.slice(0, 1), columns }
}

function hashOf(algorithm: ChecksumAlgorithm, type: ColumnType, value: string): Promise<string> {
  const sql = (name: string) => (name === 'id' ? '1::int8' : `(${value})`)
  return textOf(rowHashSql(specOf(algorithm, type), sql))
}

const SAME: readonly [ColumnType, string, string][] = [
  ['numeric', `1.0::numeric`, `1.00::numeric`],
  ['numeric', `100::numeric`, `1e2::numeric`],
  ['jsonb', `'{"a": 1, "b": [2]}'::jsonb`, `'{"b":[2],  "a":1}'::jsonb`],
  ['jsonb', `'[1, 1.50, -10, 0]'::jsonb`, `'[1.00, 15e-1, -10.0, -0.00]'::jsonb`],
  [
    'timestamptz',
    `'2026-02-16 05:30:00.123456+00'::timestamptz`,
    `'2026-02-16 11:15:00.123456+05:45'::timestamptz`,
  ],
  ['uuid', `'6F0C1A52-3B5E-4F0A-9A53-0D6A3C1C7E11'::uuid`, `'6f0c1a523b5e4f0a9a530d6a3c1c7e11'`],
  ['text', `'a'::text`, `'a'::varchar::text`],
]
const DIFFERENT: readonly [ColumnType, string, string][] = [
  ['text', `null::text`, `''::text`],
  ['text', `'a'::text`, `'a '::text`],
  ['text', `'null'::text`, `null::text`],
  ['text', `U&'\\00E9'::text`, `U&'e\\0301'::text`],
  [
    'uuid',
    `'6f0c1a52-3b5e-4f0a-9a53-0d6a3c1c7e11'::uuid`,
    `'6f0c1a52-3b5e-4f0a-9a53-0d6a3c1c7e12'`,
  ],
  ['int4', `0`, `null::int4`],
  ['int8', `9007199254740993::int8`, `9007199254740992::int8`],
  ['numeric', `0.1::numeric`, `0.10000000000000000001::numeric`],
  ['boolean', `false`, `null::boolean`],
  ['boolean', `false`, `true`],
  ['timestamptz', `'2026-02-16 05:30:00.123456Z'::timestamptz`, `'2026-02-16 05:30:00.123457Z'`],
  ['timestamptz', `'infinity'::timestamptz`, `'-infinity'::timestamptz`],
  ['jsonb', `'{}'::jsonb`, `null::jsonb`],
  ['jsonb', `'null'::jsonb`, `null::jsonb`],
  ['jsonb', `'{"a": 1}'::jsonb`, `'{"a": 1, "b": 2}'::jsonb`],
]

test.each(CHECKSUM_ALGORITHMS)('%s: what is the same has the same hash', async (algorithm) => {
  for (const [type, one, other] of SAME) {
    const a = await hashOf(algorithm, type, `(${one})::${type}`)
    expect(await hashOf(algorithm, type, `(${other})::${type}`), `${one} = ${other}`).toBe(a)
  }
})

test.each(CHECKSUM_ALGORITHMS)('%s: what differs has another', async (algorithm) => {
  for (const [type, one, other] of DIFFERENT) {
    const a = await hashOf(algorithm, type, one)
    const b = await hashOf(algorithm, type, `(${other})::${type}`)
    expect(b, `${one} <> ${other}`).not.toBe(a)
  }
})

// PostgreSQL's own hash of a jsonb takes all but the first pair for the same.
test.each([
  [`'{"a": 1}'`, `'{"a": 2}'`],
  [`'{"a": {"b": 1}, "c": 2}'`, `'{"a": {"b": 1, "c": 2}}'`],
  [`'[[1], 2]'`, `'[[1, 2]]'`],
  [`'[1]'`, `'[[[1]]]'`],
  [
    `(select jsonb_agg(i) from generate_series(1, 65) i)`,
    `(select jsonb_agg(case i when 1 then 65 when 65 then 1 else i end)
      from generate_series(1, 65) i)`,
  ],
])('content of a jsonb is covered by DXC-1: %s is not %s', async (one, other) => {
  const [a, b] = [`(${one})::jsonb`, `(${other})::jsonb`]
  expect(await hashOf('DXC-1', 'jsonb', a)).not.toBe(await hashOf('DXC-1', 'jsonb', b))
})

test('no setting of the session changes a hash', async () => {
  const read = () =>
    Promise.all(CHECKSUM_ALGORITHMS.map((algorithm) => textOf(canarySql(algorithm))))
  const before = await read()
  await client.query(`set timezone = 'Asia/Kathmandu'; set datestyle = 'German, DMY';
    set extra_float_digits = -15; set bytea_output = 'escape'; set intervalstyle = 'iso_8601';
    set search_path = public`)
  expect(await read()).toEqual(before)
  await client.query('reset all')
})

// Another byte order or hash function says so; the supported servers all agree.
test('the canaries are what they were', async () => {
  expect(await textOf(canarySql('DXC-1'))).toBe('3935215556430642087')
  expect(await textOf(canarySql('DXC-2'))).toBe('7075080077933234141')
})

test('a text counts by its bytes, whatever its collation takes for equal', async () => {
  await client.query(
    `create collation public.blind (provider = icu, locale = 'und-u-ks-level1',
       deterministic = false)`,
  )
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const [upper, lower] = [`'A'::text collate public.blind`, `'a'::text collate public.blind`]
    expect(await hashOf(algorithm, 'text', upper)).not.toBe(await hashOf(algorithm, 'text', lower))
    expect(await hashOf(algorithm, 'text', upper)).toBe(
      await hashOf(algorithm, 'text', `'A'::text`),
    )
  }
})

/** The sum over rows (id, value). */
function sumOf(algorithm: ChecksumAlgorithm, rows: readonly (readonly [number, string])[]) {
  const sum = rowHashSql(specOf(algorithm, 'text'), (name) => `t.${name}`)
  const values = rows.map(([id, value]) => `(${id}::int8, '${value}'::text)`).join(', ')
  return textOf(`select sum(${sum}) from (values ${values}) as t (id, value)`)
}

test.each(CHECKSUM_ALGORITHMS)(
  '%s: a sum does not depend on the order of the rows, and notices two that swapped a value',
  async (algorithm) => {
    const before = await sumOf(algorithm, [
      [1, 'a'],
      [2, 'b'],
    ])
    const turned = [
      [2, 'b'],
      [1, 'a'],
    ] as const
    expect(await sumOf(algorithm, turned)).toBe(before)
    const swapped = [
      [1, 'b'],
      [2, 'a'],
    ] as const
    expect(await sumOf(algorithm, swapped)).not.toBe(before)
    // Where XOR of hashes would see neither row.
    const twice = [
      [1, 'a'],
      [1, 'a'],
      [1, 'a'],
      [2, 'b'],
    ] as const
    expect(await sumOf(algorithm, twice)).not.toBe(before)
  },
)

test.each(CHECKSUM_ALGORITHMS)(
  '%s: a value counts by its column: two that have swapped theirs are noticed',
  async (algorithm) => {
    const values: readonly (readonly [ColumnType, string])[] = [
      ['text', `'a'::text`],
      ['jsonb', `'[1, true]'::jsonb`],
      ['uuid', `pg_catalog.md5('1')::uuid`],
      ['timestamptz', `'2026-02-16 05:30:00Z'::timestamptz`],
      ['boolean', 'true'],
    ]
    for (const [type, value] of values) {
      const columns = [column('id', 'int8'), column('one', type), column('other', type)]
      const spec: ChecksumSpec = { id: '', algorithm, key: columns.slice(0, 1), columns }
      const row = (one: string, other: string) => {
        const sql: Record<string, string> = { id: '1::int8', one, other }
        return textOf(rowHashSql(spec, (name) => `(${sql[name]})`))
      }
      const none = `null::${type}`
      const hashes = [await row(value, none), await row(none, value), await row(value, value)]
      expect(new Set([...hashes, await row(none, none)]).size, type).toBe(4)
    }
  },
)

/** The first 8 bytes of the SHA-256 of a JSON array. */
function jsonHash(values: readonly unknown[]): string {
  const digest = hash('sha256', JSON.stringify(values), 'buffer')
  return String(digest.readBigInt64BE(0))
}

test('DXC-2 is the SHA-256 of a JSON array, whoever computes it', async () => {
  const columns = [
    column('id', 'uuid'),
    ...(
      ['text', 'int4', 'int8', 'numeric', 'boolean', 'timestamptz', 'jsonb', 'text'] as const
    ).map((type, i) => column(`c${i}`, type)),
  ]
  const text = 'Gr\u00fc\u00dfe "\\/\u0001\b\f\n\r\t\u007f\u2028 \u{1f600}'
  const values: Record<string, string> = {
    id: `'6F0C1A52-3B5E-4F0A-9A53-0D6A3C1C7E11'::uuid`,
    c0: `$1::text`,
    c1: `(-17)`,
    c2: `9007199254740993::int8`,
    c3: `1234.5600::numeric`,
    c4: `false`,
    c5: `'1969-12-31 23:59:59.999999+00'::timestamptz`,
    c6: `'{"b": [1, 2.50, null], "a": {"c": "d"}}'::jsonb`,
    c7: `null::text`,
  }
  const spec: ChecksumSpec = { id: '', algorithm: 'DXC-2', key: columns.slice(0, 1), columns }
  const { rows } = await client.query<{ value: string }>(
    `select (${rowHashSql(spec, (name) => values[name] ?? '')})::text as value`,
    [text],
  )
  expect(rows[0]?.value).toBe(
    jsonHash([
      '6f0c1a52-3b5e-4f0a-9a53-0d6a3c1c7e11',
      text,
      '-17',
      '9007199254740993',
      '1234.56',
      false,
      '-1',
      'object:2',
      null,
    ]),
  )
  const key = await textOf(
    keyHashSql(spec, { ...RUNS, primaryKey: ['run_id'] }, () => values.id ?? ''),
  )
  expect(key).toBe(jsonHash(['6f0c1a52-3b5e-4f0a-9a53-0d6a3c1c7e11']))
})

test.each(CHECKSUM_ALGORITHMS)(
  '%s: keys spread over buckets, and over samples',
  async (algorithm) => {
    const [spec] = checksumSpecs(RUNS, algorithm)
    if (spec === undefined) throw new Error('no spec')
    const keyHash = keyHashSql(spec, RUNS, () => `pg_catalog.md5(i::text)::uuid`)
    const { rows } = await client.query(
      `select count(distinct ${bucketSql(keyHash)})::int as buckets,
       min(${bucketSql(keyHash)}) as lowest, max(${bucketSql(keyHash)}) as highest,
       (count(*) filter (where ${sampleSql(keyHash, 8)}))::int as sampled,
       (count(distinct ${bucketSql(keyHash)}) filter (where ${sampleSql(keyHash, 8)}))::int
         as sampled_buckets
     from generate_series(1, 20000) as i`,
    )
    expect(rows).toEqual([
      {
        buckets: CHECKSUM_BUCKETS,
        lowest: 0,
        highest: CHECKSUM_BUCKETS - 1,
        sampled: expect.closeTo(2500, -2.5),
        sampled_buckets: expect.closeTo(940, -2),
      },
    ])
  },
)

test('the hash of a column says whether it differs, not in which row', async () => {
  const value = column('value', 'text')
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const of = (sql: string) => textOf(valueHashSql({ algorithm }, value, () => sql))
    expect(await of(`'a'::text`)).toBe(await of(`'a'::varchar::text`))
    expect(await of(`'a'::text`)).not.toBe(await of(`'b'::text`))
    expect(await of(`''::text`)).not.toBe(await of(`null::text`))
  }
})
