import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Column, ColumnType, Dataset } from '../datasets/dataset.ts'
import { DATASETS, type DatasetName, datasetByName } from '../datasets/datasets.ts'
import type { RowCode } from '../wire/outcome.ts'
import { rowProblem } from '../wire/row-problem.ts'
import { gatewayRowCheck, gatewayRowSchema, producerRowSchema, type WireRow } from './row-schema.ts'

interface RowCase {
  readonly dataset: DatasetName
  readonly name: string
  readonly set?: WireRow
  readonly unset?: readonly string[]
  readonly expect:
    | { readonly valid: true }
    | { readonly valid: false; readonly code: RowCode; readonly column: string | null }
}

interface RowVectors {
  readonly rows: Readonly<Record<DatasetName, WireRow>>
  readonly cases: readonly RowCase[]
}

const vectors: RowVectors = JSON.parse(
  readFileSync(new URL('../../vectors/rows.json', import.meta.url), 'utf8'),
)

function rowOf(vector: RowCase): WireRow {
  const row = { ...vectors.rows[vector.dataset], ...vector.set }
  return Object.fromEntries(
    Object.entries(row).filter(([column]) => !vector.unset?.includes(column)),
  )
}

/** What a schema makes of a row: the row as it came out, or the problem. */
function read(schema: ReturnType<typeof gatewayRowSchema>, row: WireRow) {
  const result = schema.safeParse(row)
  return result.success ? { row: result.data } : { problem: rowProblem(result.error, row) }
}

describe.each(
  vectors.cases.map((vector): [string, string, RowCase] => [vector.dataset, vector.name, vector]),
)('gateway, vector: %s: %s', (name, _, vector) => {
  const row = rowOf(vector)
  const seen = read(gatewayRowSchema(datasetByName(name)), row)

  it('is seen alike by the check and the schema', () => {
    expect(gatewayRowCheck(datasetByName(name))(row)).toBe(seen.problem === undefined)
  })

  if (vector.expect.valid) {
    it('is accepted and comes out as it went in', () => {
      expect(seen).toEqual({ row })
    })
  } else if (vector.expect.code.startsWith('unrepresentable_')) {
    it('passes the schema as it is: the gateway finds it in the text of the batch', () => {
      expect(seen).toEqual({ row })
    })
  } else {
    const { code, column } = vector.expect
    it(`is refused: ${code}`, () => {
      expect(seen.problem).toMatchObject({ code, column })
    })
  }
})

describe('the vectors', () => {
  it('have a row for every dataset', () => {
    expect(Object.keys(vectors.rows)).toEqual(DATASETS.map(({ name }) => name))
  })

  it('name every case once', () => {
    const names = vectors.cases.map((vector) => `${vector.dataset}: ${vector.name}`)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })
})

// Every column of every dataset, one defect at a time, by what its type refuses.
const WRONG_TYPES: Record<ColumnType, readonly unknown[]> = {
  text: [1, true, {}, []],
  uuid: [1, true, {}, []],
  int4: ['1', true, {}, []],
  int8: [1, true, {}, []],
  numeric: [1, true, {}, []],
  boolean: ['true', 0, {}, []],
  timestamptz: [1, true, {}, []],
  jsonb: [1, true, {}, []],
}

const WRONG_VALUES: Record<ColumnType, readonly unknown[]> = {
  text: [],
  uuid: ['', 'x', '0191f2a0-0000-4000-8000-00000000000g', '{0191f2a0-0000-4000-8000-000000000001}'],
  int4: [2 ** 31, -(2 ** 31) - 1, 1.5, 2 ** 53, 1e300],
  int8: ['', '9223372036854775808', '-9223372036854775809', '99999999999999999999', '007', '-0'],
  numeric: ['', 'NaN', 'nan', 'Infinity', '1e5', '0x1', '00.1', '-0', '1.', '.1', '1 ', '1\n'],
  boolean: [],
  timestamptz: [
    '',
    '2026-02-16',
    '2026-02-16 09:30:00+00:00',
    '2026-02-16T09:30:00',
    '2026-02-16T09:30:00+0000',
    '2026-02-16T09:30:00+00',
    '2026-02-16T09:30:00.+00:00',
    '2026-02-16T09:30:00.1234567+00:00',
    '2026-02-16T24:00:00Z',
    '2026-02-16T09:60:00Z',
    '2026-02-16T09:30:60Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-32T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '12026-01-01T00:00:00Z',
    '2026-02-16T09:30:00+16:00',
    '2026-02-16T09:30:00Z\n',
    'infinity',
    '-infinity',
  ],
  jsonb: ['', '{', 'undefined', "{'a':1}", '01', '1 2', '\ufeff1'],
}

const GOOD_VALUES: Record<ColumnType, readonly unknown[]> = {
  text: ['', ' ', 'Zürich ✓ 😀', '\u0001\u001f', '\\u0000', 'a\nb'],
  uuid: [
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ...Array.from('123456789abcdef', (version) => `0191f2a0-0000-${version}000-0000-000000000001`),
    'ABCDEF01-2345-6789-ABCD-EF0123456789',
  ],
  int4: [0, -1, 2 ** 31 - 1, -(2 ** 31)],
  int8: ['0', '-1', '9223372036854775807', '-9223372036854775808', '9007199254740993'],
  numeric: [
    '0',
    '0.0',
    '-0.001',
    '1.10',
    '1234567890123456789012345678901234567890',
    '0.1234567890123456789012345678901234567890',
    `${'9'.repeat(131_072)}.${'9'.repeat(16_383)}`,
  ],
  boolean: [true, false],
  timestamptz: [
    ...['', '.1', '.12', '.123', '.1234', '.12345', '.123456'].map(
      (fraction) => `2026-02-16T09:30:00${fraction}+00:00`,
    ),
    '2026-02-16T09:30:00Z',
    '2026-02-16T09:30:00-15:59',
    '2026-02-16T09:30:00+05:45',
    '2024-02-29T00:00:00Z',
    '2000-02-29T00:00:00Z',
    '0001-01-01T00:00:00Z',
    '0004-02-29T00:00:00Z',
    '9999-12-31T23:59:59.999999Z',
  ],
  jsonb: ['{}', 'null', '"x"', '1.10', '12345678901234567890', ' [1, 2] ', '{"a":1,"a":2}'],
}

interface ColumnCase {
  readonly dataset: Dataset
  readonly column: Column
}

const columnCases = DATASETS.flatMap((dataset: Dataset) =>
  dataset.columns.map((column): [string, string, ColumnCase] => [
    dataset.name,
    column.name,
    { dataset, column },
  ]),
)

describe.each(columnCases)('%s.%s', (name, columnName, { dataset, column }) => {
  const row = vectors.rows[name as DatasetName]
  const schemas = [producerRowSchema(dataset), gatewayRowSchema(dataset)] as const
  const problemsOf = (value: unknown) =>
    schemas.map((schema) => read(schema, { ...row, [columnName]: value }).problem?.code)

  const goodValues = column.reference
    ? ['s3://bucket/key?v=1#x', 'raw/Zürich_😀', 'p'.repeat(1024)]
    : GOOD_VALUES[column.type]

  it('takes every value of its type as it is, and no other', () => {
    for (const value of column.values ?? goodValues) {
      const changed = { ...row, [columnName]: value }
      for (const schema of schemas) expect(read(schema, changed)).toEqual({ row: changed })
    }
    for (const value of WRONG_TYPES[column.type]) {
      expect([value, ...problemsOf(value)]).toEqual([value, 'invalid_type', 'invalid_type'])
    }
    for (const value of column.values ? ['', 'x', 'V1', ' v1'] : WRONG_VALUES[column.type]) {
      expect([value, ...problemsOf(value)]).toEqual([value, 'invalid_value', 'invalid_value'])
    }
  })

  it(column.nullable ? 'takes null' : 'refuses null', () => {
    const code = column.nullable ? undefined : 'invalid_type'
    expect(problemsOf(null)).toEqual([code, code])
  })

  const missing = {
    problem: {
      code: 'missing_column',
      column: columnName,
      detail: `${columnName} is missing`,
    },
  }
  const title = column.additive
    ? 'may be missing in what an older producer sends'
    : 'is refused when it is missing'
  it(title, () => {
    const { [columnName]: _, ...rest } = row
    expect(read(producerRowSchema(dataset), rest)).toEqual(missing)
    const seen = read(gatewayRowSchema(dataset), rest)
    expect(seen).toEqual(column.additive ? { row: rest } : missing)
  })
})

describe('unknown columns', () => {
  const dataset = datasetByName('dx_company_entities_v1')
  const row = {
    ...vectors.rows.dx_company_entities_v1,
    score: { deep: [1, { x: null }] },
    constructor: 1,
    toString: null,
  }

  it('are refused on the producer, by name', () => {
    expect(read(producerRowSchema(dataset), row).problem).toEqual({
      code: 'invalid_value',
      column: 'score',
      detail: 'score is no column of the contract',
    })
  })

  it('pass the gateway unchanged', () => {
    expect(read(gatewayRowSchema(dataset), row)).toEqual({ row })
  })
})

describe('additive columns', () => {
  const frozen = datasetByName('dx_person_entities_v1')
  const grown: Dataset = {
    ...frozen,
    columns: [
      ...frozen.columns,
      { name: 'pronouns', type: 'text', nullable: true, additive: true, description: 'pronouns' },
    ],
  }
  const row = vectors.rows.dx_person_entities_v1

  it('may be missing at the gateway, because an older producer does not know them', () => {
    expect(read(gatewayRowSchema(grown), row)).toEqual({ row })
    expect(gatewayRowCheck(grown)(row)).toBe(true)
  })

  it('must be there on a producer that knows them', () => {
    expect(read(producerRowSchema(grown), row).problem).toMatchObject({
      code: 'missing_column',
      column: 'pronouns',
    })
  })

  it('are checked where they are there', () => {
    expect(read(gatewayRowSchema(grown), { ...row, pronouns: 1 }).problem).toMatchObject({
      code: 'invalid_type',
      column: 'pronouns',
    })
  })
})
