import {
  type Column,
  type Dataset,
  projectionOf,
  projectSql,
  TYPE_NAMES,
} from '@hq-export/contract'
import { compareVersions } from '@hq-export/hq-ingest/versions/compare-versions.ts'
import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'

/*
 * A version that was renamed, widened and split in two, and both directions between it and the one
 * before: what each column of a row becomes.
 */

const key: Column = { name: 'thing_id', type: 'uuid', nullable: false, description: '' }
const column = (name: string, type: Column['type']): Column => ({
  name,
  type,
  nullable: true,
  description: '',
})

function version(name: string, columns: readonly Column[], more: Partial<Dataset> = {}): Dataset {
  return {
    name,
    number: 90,
    schemaVersion: 'v1',
    description: '',
    semantics: 'upsert',
    columns: [column('export_schema_version', 'text'), key, ...columns],
    primaryKey: ['thing_id'],
    versionColumn: 'record_version',
    timeColumn: 'updated_at',
    cadence: { microBatchMinutes: [5, 15], reconciliation: 'daily' },
    criticalFields: [],
    quality: { openSets: [], spans: [], nonNegative: [] },
    stableKeyColumns: ['thing_id'],
    ...more,
  }
}

const common = [column('record_version', 'int8'), column('updated_at', 'timestamptz')]
const V1 = version('dx_things_v1', [
  column('note', 'text'),
  column('size', 'int4'),
  column('amount', 'numeric'),
  column('is_new', 'boolean'),
  column('more', 'jsonb'),
  ...common,
])
const THINGS = version(
  'dx_things_v2',
  [column('remark', 'text'), column('size', 'int8'), column('is_new', 'boolean'), ...common],
  { follows: { dataset: V1.name, renamed: { remark: 'note' } } },
)
const AMOUNTS = version(
  'dx_amounts_v2',
  [column('amount', 'numeric'), column('details', 'jsonb'), ...common],
  { follows: { dataset: V1.name, renamed: { details: 'more' } } },
)
const PARTS = [THINGS, AMOUNTS]

const INT4 = { min: -(2 ** 31), max: 2 ** 31 - 1 }
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null })
/** Rows of the first version as JSON that PostgreSQL reads; numbers as text. */
const rows = fc.record({
  export_schema_version: fc.constant('v1'),
  thing_id: fc.uuid(),
  note: maybe(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''))),
  size: maybe(fc.integer(INT4).map(String)),
  amount: maybe(
    fc.tuple(fc.bigInt(), fc.nat({ max: 20 })).map(([digits, scale]) => `${digits}e-${scale}`),
  ),
  is_new: maybe(fc.boolean()),
  more: maybe(fc.dictionary(fc.string({ maxLength: 5 }), fc.integer(), { maxKeys: 3 })),
  record_version: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String),
  updated_at: fc
    .integer({ min: 0, max: 4_000_000_000 })
    .map((second) => `${new Date(second * 1000).toISOString().slice(0, 19)}.123456Z`),
})

let hq: TestDatabase
let client: pg.Client

const typed = ({ columns }: Dataset) =>
  columns.map(({ name, type }) => `${name} ${TYPE_NAMES[type]}`).join(', ')

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await hq.connect()
  for (const dataset of [V1, ...PARTS]) {
    await client.query(
      `create table hq.${dataset.name} (${typed(dataset)}, _dx_deleted_at timestamptz,
        primary key (thing_id))`,
    )
  }
})

afterAll(() => hq[Symbol.asyncDispose]())

const selected = (from: Dataset, to: Dataset, alias: string) =>
  projectionOf(from, to).map((pair) => `${projectSql(pair, alias)} as ${pair.to.name}`)

async function store(dataset: Dataset, given: readonly unknown[]): Promise<void> {
  await client.query(`truncate hq.${dataset.name}`)
  const names = dataset.columns.map(({ name }) => name).join(', ')
  await client.query(
    `insert into hq.${dataset.name} (${names})
     select * from jsonb_to_recordset($1) as r (${typed(dataset)})`,
    [JSON.stringify(given)],
  )
}

/** Fills a version from another one, by the projection. */
async function fill(from: Dataset, to: Dataset): Promise<void> {
  await client.query(`truncate hq.${to.name}`)
  const names = projectionOf(from, to).map((pair) => pair.to.name)
  await client.query(
    `insert into hq.${to.name} (export_schema_version, ${names.join(', ')})
     select 'v', ${selected(from, to, 'a').join(', ')} from hq.${from.name} as a`,
  )
}

describe('a projection', () => {
  test('there and back again is the row, part by part, whatever is in it', async () => {
    const given = fc.sample(rows, 400)
    await store(V1, given)
    for (const part of PARTS) {
      await fill(V1, part)
      const back = projectionOf(part, V1)
      const names = back.map(({ to }) => to.name).join(', ')
      const { rows: changed } = await client.query(
        `(select ${names} from hq.${V1.name} except all
          select ${selected(part, V1, 'b').join(', ')} from hq.${part.name} as b)`,
      )
      expect(changed).toEqual([])
    }
    // Together the parts have every column of it.
    const covered = PARTS.flatMap((part) => projectionOf(part, V1).map(({ to }) => to.name))
    expect(new Set(['export_schema_version', ...covered])).toEqual(
      new Set(V1.columns.map(({ name }) => name)),
    )
  })

  test('back and there again is the row, too, or the row does not exist there', async () => {
    const [size] = projectionOf(THINGS, V1).filter(({ to }) => to.name === 'size')
    if (size === undefined) throw new RangeError('size')
    const [again] = projectionOf(V1, THINGS).filter(({ to }) => to.name === 'size')
    const asV1 = async (value: bigint) =>
      client.query(
        `select b.size = ${again && projectSql(again, 'a')} as same
         from (select $1::int8 as size) b, lateral (select ${projectSql(size, 'b')} as size) a`,
        [String(value)],
      )
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: -(2n ** 33n), max: 2n ** 33n }), async (value) => {
        if (value >= BigInt(INT4.min) && value <= BigInt(INT4.max)) {
          expect((await asV1(value)).rows).toEqual([{ same: true }])
        } else await expect(asV1(value)).rejects.toMatchObject({ code: '22003' })
      }),
      { numRuns: 60 },
    )
  })

  test('is refused between versions that do not follow, and into another type', () => {
    expect(() => projectionOf(THINGS, AMOUNTS)).toThrow(/neither of/)
    const retyped = version('dx_things_v3', [column('note', 'jsonb')], {
      follows: { dataset: V1.name, renamed: {} },
    })
    expect(() => projectionOf(V1, retyped)).toThrow('dx_things_v3.note is no wider')
  })
})

describe('versions in HQ', () => {
  test('that say the same are equal, whatever number their states have', async () => {
    await store(V1, fc.sample(rows, 50))
    for (const part of PARTS) {
      await fill(V1, part)
      await client.query(`update hq.${part.name} set record_version = 1`)
      expect(await compareVersions(client, V1, part)).toEqual({
        earlier: V1.name,
        later: part.name,
        rows: 50,
        onlyEarlier: 0,
        onlyLater: 0,
        different: 0,
        columns: {},
      })
    }
  })

  test('that say something else are told, by column; deleted rows are none', async () => {
    await store(
      V1,
      fc.sample(
        rows.map((row) => ({ ...row, note: 'x', size: '1' })),
        20,
      ),
    )
    await fill(V1, THINGS)
    const some = (n: number, offset: number) =>
      `thing_id in (select thing_id from hq.${V1.name} order by 1 limit ${n} offset ${offset})`
    await client.query(`update hq.${THINGS.name} set remark = null where ${some(3, 0)}`)
    await client.query(`update hq.${THINGS.name} set size = 2 ^ 40 where ${some(2, 2)}`)
    await client.query(`delete from hq.${THINGS.name} where ${some(1, 10)}`)
    await client.query(`update hq.${THINGS.name} set _dx_deleted_at = now() where ${some(2, 11)}`)
    await client.query(`update hq.${V1.name} set _dx_deleted_at = now() where ${some(2, 12)}`)
    expect(await compareVersions(client, V1, THINGS)).toEqual({
      earlier: V1.name,
      later: THINGS.name,
      rows: 16,
      onlyEarlier: 2,
      onlyLater: 1,
      different: 4,
      columns: { remark: 3, size: 2 },
    })
  })
})
