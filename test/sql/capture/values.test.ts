import { randomUUID } from 'node:crypto'
import { DATASETS, type Dataset, producerRowSchema, snapshotIdOf } from '@hq-export/contract'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Captured, capturing, ofDataset } from '../../support/capture-rows.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'
const EVENTS = 'dx_operation_events_v1'
const RUNS = 'dx_operation_runs_v1'
const NIL = '00000000-0000-0000-0000-000000000000'

const FULL_COMPANY = {
  canonical_name: 'Zoë "Quote" \\ / \u0001 \n 🦊 Ltd',
  canonical_domain: '',
  employee_count: -2147483648,
  enrichment_confidence: '12345678901234567890.12345678901234567890',
  last_enriched_at: '2026-02-28T23:59:59.999999Z',
  record_version: '4611686018427387904',
  canonical_payload: '{"amount": 1.10, "big": 12345678901234567890, "text": "é🦊\\u2028"}',
}

let database: TestDatabase
let writer: pg.Client
let orgId: string

beforeAll(async () => {
  database = await createDxDatabase()
  writer = await database.connect()
})

beforeEach(async () => {
  orgId = await insertOrg(writer)
})

afterAll(async () => {
  await database[Symbol.asyncDispose]()
})

/**
 * The row of the projection view in wire form, by a way of its own: column by column, as the
 * contract says.
 */
async function viewRow(dataset: Dataset, captured: Captured): Promise<unknown> {
  const columns = dataset.columns.map(({ name, type }) => {
    const isText = ['uuid', 'int8', 'numeric', 'jsonb'].includes(type)
    return isText ? `${name}::text` : type === 'timestamptz' ? `to_json(${name}) as ${name}` : name
  })
  const key = dataset.primaryKey.map((name) => `${name}::text`).join(` || '/' || `)
  await writer.query(`set timezone = 'UTC'`)
  const { rows } = await writer.query(
    `select ${columns.join(', ')} from hq_export.${dataset.name} where ${key} = $1`,
    [captured.key],
  )
  return rows[0]
}

test.each(DATASETS.map((dataset): [string, Dataset] => [dataset.name, dataset]))(
  'I6: what a trigger captures of %s equals the view, column by column, in the contract order',
  async (name, dataset) => {
    const rows = await capturing(writer, async () => {
      await insertCompany(writer, orgId, FULL_COMPANY)
      await insertPerson(writer, orgId, { contact_confidence: '0.50', work_email: 'a@b.example' })
      const runId = await insertRun(writer, orgId, { cost_usd: '0.000100', duration_ms: 12 })
      await insertEvent(writer, orgId, runId, { metadata_json: '{"a": 1.10}', http_status: 200 })
    })
    const captured = ofDataset(rows, name)
    expect(captured.length).toBeGreaterThan(0)
    for (const row of captured) {
      expect(row.row).toEqual(await viewRow(dataset, row))
      expect(Object.keys(row.row)).toEqual(dataset.columns.map((column) => column.name))
      expect(producerRowSchema(dataset).safeParse(row.row).error).toBeUndefined()
    }
  },
)

test('a projection view has the columns of the contract first, with its types, and then only _columns', async () => {
  const { rows } = await writer.query<{ view: string; columns: { name: string; type: string }[] }>(
    `select c.relname as view, json_agg(json_build_object('name', a.attname, 'type', t.typname)
       order by a.attnum) as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
     where c.relnamespace = 'hq_export'::regnamespace and c.relkind = 'v' and a.attnum > 0
       and c.relname like 'dx_%' group by 1`,
  )
  const views = new Map(rows.map(({ view, columns }) => [view, columns]))
  for (const { name, columns } of DATASETS) {
    const view = views.get(name) ?? []
    const wanted = columns.map((column) => ({ name: column.name, type: column.type }))
    expect(view.slice(0, columns.length)).toEqual(wanted)
    expect(view.slice(columns.length).filter((column) => !column.name.startsWith('_'))).toEqual([])
  }
})

test('I6: a body holds int8, numeric, microseconds, jsonb numbers and Unicode bit for bit', async () => {
  const rows = await capturing(writer, () => insertCompany(writer, orgId, FULL_COMPANY))
  const [company, snapshot] = rows
  expect(company?.row).toMatchObject({
    canonical_name: FULL_COMPANY.canonical_name,
    canonical_domain: '',
    linkedin_url: null,
    company_id: NIL,
    employee_count: -2147483648,
    enrichment_confidence: '12345678901234567890.12345678901234567890',
    last_enriched_at: '2026-02-28T23:59:59.999999+00:00',
    record_version: '4611686018427387904',
  })
  expect(snapshot?.row.canonical_payload_json).toContain('1.10')
  expect(snapshot?.row.canonical_payload_json).toContain('12345678901234567890')
  expect(snapshot?.row.canonical_payload_json).toContain('é🦊\u2028')
})

test('JSON null inside jsonb and SQL NULL stay apart', async () => {
  const runId = await insertRun(writer, orgId)
  const rows = await capturing(writer, async () => {
    await insertEvent(writer, orgId, runId, { event_sequence: 1, metadata_json: 'null' })
    await insertEvent(writer, orgId, runId, { event_sequence: 2, metadata_json: null })
  })
  expect(ofDataset(rows, EVENTS).map(({ row }) => row.metadata_json)).toEqual(['null', null])
})

test('NaN and infinities fail no write and stand in the body as PostgreSQL prints them', async () => {
  const rows = await capturing(writer, () =>
    insertRun(writer, orgId, {
      cost_usd: 'NaN',
      started_at: '-infinity',
      ended_at: 'infinity',
    }),
  )
  expect(ofDataset(rows, RUNS)).toMatchObject([
    { sqlstate: null, row: { cost_usd: 'NaN', started_at: '-infinity', ended_at: 'infinity' } },
  ])
})

test('a body does not depend on the session settings of the writer', async () => {
  const values = { ...FULL_COMPANY, entity_id: '00000000-0000-0000-0000-0000000000e1' }
  const plain = await capturing(writer, () => insertCompany(writer, orgId, values))
  await writer.query(`delete from entities.company_entities where org_id = $1`, [orgId])
  await writer.query('delete from hq_export.version_base')
  const other = await database.connect()
  for (const setting of [
    `timezone = 'Asia/Kathmandu'`,
    `datestyle = 'German, DMY'`,
    `extra_float_digits = -15`,
    `search_path = entities`,
    `standard_conforming_strings = off`,
    `enable_indexscan = off`,
  ]) {
    await other.query(`set ${setting}`)
  }
  const rows = await capturing(other, () => insertCompany(other, orgId, values))
  const stable = (captured: readonly Captured[]) =>
    ofDataset(captured, COMPANIES).map(({ row }) => ({ ...row, updated_at: '' }))
  expect(stable(rows)).toEqual(stable(plain))
})

test('I6: a time is captured as JSON has it in UTC, whatever its era and the time zone of the writer', async () => {
  const times = [
    '2026-03-29 01:59:59.5+00',
    '2026-06-01 12:00:00.000001+05:45',
    '0001-01-01 00:00:00+00',
    '0001-12-31 23:59:59.999999+00 BC',
    '4713-01-02 00:00:00+00 BC',
    '294276-12-31 23:59:59.999999+00',
    'infinity',
    '-infinity',
  ]
  const other = await database.connect()
  await other.query(`set timezone = 'Asia/Kathmandu'; set datestyle = 'German, DMY'`)
  const runId = await insertRun(writer, orgId)
  const rows = await capturing(other, async () => {
    for (const [index, time] of times.entries()) {
      const values = { event_sequence: index, occurred_at: time }
      await insertEvent(other, orgId, runId, values)
    }
  })
  await writer.query(`set timezone = 'UTC'`)
  const { rows: shown } = await writer.query<{ text: string }>(
    `select to_json(t::timestamptz) #>> '{}' as text from unnest($1::text[]) t`,
    [times],
  )
  expect(ofDataset(rows, EVENTS).map(({ row }) => row.occurred_at)).toEqual(
    shown.map(({ text }) => text),
  )
})

test('a row that could not be captured is kept with its times in UTC, too', async () => {
  const other = await database.connect()
  await other.query(`set timezone = 'Asia/Kathmandu'`)
  const runId = await insertRun(writer, orgId)
  await writer.query('alter table ops.operation_events rename column provider to supplier')
  try {
    const rows = await capturing(other, () =>
      insertEvent(other, orgId, runId, { occurred_at: '2026-01-01 00:00:00+00' }),
    )
    expect(rows).toMatchObject([
      { sqlstate: '42703', row: { occurred_at: '2026-01-01T00:00:00+00:00' } },
    ])
  } finally {
    await writer.query('alter table ops.operation_events rename column supplier to provider')
  }
})

test('a value of a megabyte is captured whole', async () => {
  const canonical_name = '🦊x'.repeat(200_000)
  const rows = await capturing(writer, () => insertCompany(writer, orgId, { canonical_name }))
  expect(ofDataset(rows, COMPANIES)[0]?.row.canonical_name === canonical_name).toBe(true)
})

test('the id of a snapshot is the hash of its key, and is computed in the statement itself', async () => {
  for (const [type, version] of [
    ['company', '1'],
    ['person', '9223372036854775807'],
    ['back\\slash \\x41 \\\\', '-1'],
    ['zoë 🦊', '0'],
  ]) {
    const entityId = randomUUID()
    const { rows } = await writer.query(
      'select hq_export.snapshot_id($1, $2, $3, $4)::text as id',
      [orgId, type, entityId, version],
    )
    const row = { org_id: orgId, entity_type: type, entity_id: entityId, record_version: version }
    expect(rows[0]?.id).toBe(snapshotIdOf(row))
  }
  const { rows: plan } = await writer.query<{ 'QUERY PLAN': string }>(
    `explain (verbose, costs off)
    select hq_export.snapshot_id(c.org_id, 'company', c.entity_id, c.record_version)
    from entities.company_entities c`,
  )
  const text = plan.map((line) => line['QUERY PLAN']).join('\n')
  expect(text).toContain('sha256(')
  expect(text).not.toContain('snapshot_id(')
})
