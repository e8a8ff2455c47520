import { readFileSync } from 'node:fs'
import { type ColumnType, DATASETS, type Dataset } from '@hq-export/contract'
import * as schema from '@hq-export/hq-ingest/db/schema.ts'
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'

interface ColumnShape {
  name: string
  type: string
  nullable: boolean
}

const TYPE_NAMES: Record<ColumnType, string> = {
  text: 'text',
  uuid: 'uuid',
  int4: 'integer',
  int8: 'bigint',
  numeric: 'numeric',
  boolean: 'boolean',
  timestamptz: 'timestamp with time zone',
  jsonb: 'jsonb',
}

const TABLES: readonly PgTable[] = Object.values(schema)
const datasets: readonly Dataset[] = DATASETS

let hq: TestDatabase
let client: pg.Client

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await hq.connect()
})

afterAll(() => hq[Symbol.asyncDispose]())

async function columnsOf(table: string): Promise<ColumnShape[]> {
  const { rows } = await client.query<ColumnShape>(
    `select attname as name, format_type(atttypid, atttypmod) as type, not attnotnull as nullable
     from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped
     order by attnum`,
    [table],
  )
  return rows
}

/** Name to columns, in order, of the constraints of one kind. */
async function constraintsOf(table: string, kind: 'p' | 'u'): Promise<Record<string, string[]>> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(
    `select conname as name, (select array_agg(attname::text order by ord)
       from unnest(conkey) with ordinality as k(num, ord)
       join pg_attribute on attrelid = conrelid and attnum = num) as columns
     from pg_constraint where conrelid = $1::regclass and contype = $2`,
    [table, kind],
  )
  return Object.fromEntries(rows.map(({ name, columns }) => [name, columns]))
}

async function indexNamesOf(table: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select relname::text as name from pg_index join pg_class on oid = indexrelid
     where indrelid = $1::regclass
       and not exists (select from pg_constraint where conindid = indexrelid) order by 1`,
    [table],
  )
  return rows.map(({ name }) => name)
}

describe.each(datasets)('$name', (dataset) => {
  const table = `hq.${dataset.name}`

  test('has every column of the contract, in order, with type and nullability, then ours, then additive ones', async () => {
    const columns = await columnsOf(table)
    const contract = dataset.columns.map(({ name, type, nullable, additive = false }) => ({
      additive,
      column: { name, type: TYPE_NAMES[type], nullable },
    }))
    const frozen = contract.filter(({ additive }) => !additive)
    expect(columns.slice(0, frozen.length)).toEqual(frozen.map(({ column }) => column))
    const added = contract.filter(({ additive }) => additive)
    const ours = columns.slice(frozen.length, columns.length - added.length)
    expect(columns.slice(frozen.length + ours.length)).toEqual(added.map(({ column }) => column))
    expect(ours).toEqual([
      { name: '_dx_xid', type: 'xid8', nullable: false },
      { name: '_dx_batch', type: 'text', nullable: false },
      { name: '_dx_source', type: 'text', nullable: false },
      { name: '_dx_ingested_at', type: 'timestamp with time zone', nullable: false },
      { name: '_dx_deleted_at', type: 'timestamp with time zone', nullable: true },
      { name: '_dx_extra', type: 'jsonb', nullable: true },
    ])
  })

  test('has the primary key and the uniqueness guard of the contract and no other', async () => {
    expect(await constraintsOf(table, 'p')).toEqual({
      [`${dataset.name}_pkey`]: dataset.primaryKey,
    })
    expect(await constraintsOf(table, 'u')).toEqual(
      dataset.uniquenessGuard === undefined
        ? {}
        : { [`${dataset.name}_guard`]: dataset.uniquenessGuard },
    )
  })

  test('is indexed by time and by org and time', async () => {
    const { rows } = await client.query<{ definition: string }>(
      `select split_part(indexdef, ' USING ', 2) as definition from pg_indexes
       where schemaname = 'hq' and tablename = $1 and indexname ~ '_idx$' order by 1`,
      [dataset.name],
    )
    expect(rows.map(({ definition }) => definition)).toEqual([
      `brin (${dataset.timeColumn})`,
      `btree (org_id, ${dataset.timeColumn})`,
    ])
  })
})

describe.each(TABLES.map((table) => ({ table, config: getTableConfig(table) })))(
  'drizzle schema of $config.name',
  ({ config }) => {
    const name = `${config.schema}.${config.name}`

    test('has the columns of the database, in order', async () => {
      const columns = config.columns.map((column) => ({
        name: column.name,
        type: column.getSQLType(),
        nullable: !column.notNull,
      }))
      expect(columns).toEqual(await columnsOf(name))
    })

    test('has the keys of the database', async () => {
      const keys = config.primaryKeys.map((key) => [
        key.getName(),
        key.columns.map((column) => column.name),
      ])
      expect(Object.fromEntries(keys)).toEqual(await constraintsOf(name, 'p'))
      const uniques = config.uniqueConstraints.map((key) => [
        key.getName(),
        key.columns.map((column) => column.name),
      ])
      expect(Object.fromEntries(uniques)).toEqual(await constraintsOf(name, 'u'))
    })

    test('has the indexes of the database', async () => {
      expect(config.indexes.map((index) => index.config.name).sort()).toEqual(
        await indexNamesOf(name),
      )
    })
  },
)

test('every table and every column says what it is, and the writer owns it', async () => {
  const { rows: undescribed } = await client.query(
    `select c.oid::regclass::text as table, a.attname as column
     from pg_class c join pg_namespace n on n.oid = relnamespace
     left join pg_attribute a on attrelid = c.oid and attnum > 0 and not attisdropped
     where nspname in ('hq', 'ingest') and relkind in ('r', 'p') and relname <> 'migration'
       and (col_description(c.oid, attnum) is null or obj_description(c.oid) is null
            or relowner <> 'hq_ingest_writer'::regrole)`,
  )
  expect(undescribed).toEqual([])
})

test('no table exists that the drizzle schema does not have', async () => {
  const { rows } = await client.query<{ name: string }>(
    `select schemaname || '.' || tablename as name from pg_tables
     where schemaname in ('hq', 'ingest') and tablename <> 'migration'
       and not exists (select from pg_inherits
         where inhrelid = (schemaname || '.' || tablename)::regclass) order by 1`,
  )
  const known = TABLES.map((table) => getTableConfig(table)).map(
    ({ schema: name, name: table }) => `${name}.${table}`,
  )
  expect(rows.map(({ name }) => name)).toEqual(known.sort())
})

describe('the generated check of HQ', () => {
  const path = '../../../packages/contract/generated/hq-check.sql'
  const check = readFileSync(new URL(path, import.meta.url), 'utf8')

  test('finds nothing in a migrated HQ', async () => {
    expect((await client.query(check)).rows).toEqual([])
  })

  test('finds every column and key that is not as the lock has it', async () => {
    await client.query(`begin;
      alter table hq.dx_operation_runs_v1 drop column outcome;
      alter table hq.dx_operation_runs_v1 alter column attempt_count type int8;
      alter table hq.dx_company_entities_v1 alter column company_id drop not null;
      alter table hq.dx_person_entities_v1 add column nickname text;
      alter table hq.dx_operation_events_v1 drop constraint dx_operation_events_v1_pkey`)
    const { rows } = await client.query(check)
    await client.query('rollback')
    expect(rows.map((row) => Object.values(row))).toEqual([
      ['dx_company_entities_v1', 'company_id', 'uuid, required', 'uuid'],
      ['dx_operation_events_v1', 'event_id', 'primary key', null],
      ['dx_operation_runs_v1', 'attempt_count', 'integer, required', 'bigint, required'],
      ['dx_operation_runs_v1', 'outcome', 'text', null],
      ['dx_person_entities_v1', 'nickname', null, 'text'],
    ])
  })
})
