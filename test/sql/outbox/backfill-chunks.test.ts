import { connectBackfill } from '@hq-export/outbox-relay/backfill/backfill-session.ts'
import { chunkStatement } from '@hq-export/outbox-relay/backfill/chunk-sql.ts'
import type { Pass } from '@hq-export/outbox-relay/backfill/pass.ts'
import { relationOf } from '@hq-export/outbox-relay/backfill/pass-relation.ts'
import { ChunkReader } from '@hq-export/outbox-relay/backfill/read-chunks.ts'
import type { RowSelection } from '@hq-export/outbox-relay/backfill/selection.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertOrg, insertRun } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { whileTwoAreFound } from '../../support/while-two-are-found.ts'

const ROWS = 5_000
const ALL: RowSelection = { since: null, until: null, orgId: null }
const EVENTS: Pass = { kind: 'rows', dataset: 'dx_operation_events_v1', snapshots: 'none' }
const COMPANIES: Pass = { kind: 'rows', dataset: 'dx_company_entities_v1', snapshots: 'current' }
const DELETES: Pass = { kind: 'deletes', dataset: 'dx_company_entities_v1', snapshots: 'none' }

let database: TestDatabase
let dx: pg.Client
let reader: pg.Client
let orgId: string

beforeAll(async () => {
  database = await createDxDatabase()
  dx = await database.connect()
  reader = await connectBackfill(database.url, () => {})
  orgId = await insertOrg(dx)
  const runId = await insertRun(dx, orgId)
  await dx.query(
    `insert into ops.operation_events
       (run_id, org_id, entity_id, event_sequence, event_type, entity_type, occurred_at)
     select $1, $2, gen_random_uuid(), n, 'request_sent', 'company',
       '2026-01-01Z'::timestamptz + n * interval '1 minute'
     from generate_series(1, $3::int) n`,
    [runId, orgId, ROWS],
  )
  await dx.query(
    `insert into entities.company_entities (org_id, canonical_payload)
     select $1, jsonb_build_object('text', repeat('x', 1000)) from generate_series(1, $2::int) n`,
    [orgId, ROWS],
  )
  await dx.query(
    `insert into hq_export.version_base (dataset, key, base, deleted_at)
     select 3, $1::text || '/' || gen_random_uuid(), 7, now() from generate_series(1, 500)`,
    [orgId],
  )
})

afterAll(async () => {
  await reader.end()
  await database[Symbol.asyncDispose]()
})

interface Plan {
  'Node Type': string
  'Index Cond'?: string
  'Relation Name'?: string
  Plans?: Plan[]
}

function nodes(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodes)]
}

test.each([
  { pass: EVENTS, after: ['80000000-0000-0000-0000-000000000000'], table: 'operation_events' },
  {
    pass: COMPANIES,
    after: ['80000000-0000-0000-0000-000000000000', '80000000-0000-0000-0000-000000000000'],
    table: 'company_entities',
  },
  { pass: DELETES, after: ['8'], table: 'version_base' },
])(
  'a chunk of $table costs the same however large the table is: a range of its key, whatever is selected by time',
  async ({ pass, after, table }) => {
    const selection = { since: '2026-01-01Z', until: null, orgId: null }
    const { text, values } = chunkStatement(relationOf(pass), selection, after, {
      maxScan: 100,
      maxBytes: 1e6,
    })
    const { rows } = await reader.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      `explain (format json) ${text}`,
      [...values],
    )
    const all = nodes(rows[0]?.['QUERY PLAN'][0].Plan as Plan)
    const scan = all.find((node) => node['Relation Name'] === table)
    expect(scan?.['Node Type']).toMatch(/^Index/)
    expect(scan?.['Index Cond']).toContain('>')
    // What reads a whole relation for every chunk, or sorts bodies.
    for (const wasteful of ['Seq Scan', 'Function Scan', 'Materialize', 'Hash Join', 'Sort']) {
      expect(all.map((node) => node['Node Type'])).not.toContain(wasteful)
    }
  },
)

async function readAll(pass: Pass, selection: RowSelection, maxRows: number) {
  const chunks = new ChunkReader(reader, pass, selection, null)
  const found: {
    scanned: number
    rows: { row: Record<string, string>; xid: string; deleted?: boolean }[]
  }[] = []
  for (;;) {
    const chunk = await chunks.next(maxRows)
    if (chunk === undefined) return found
    const rows = chunk.wireRows.flatMap(({ text }) => JSON.parse(`[${text}]`))
    found.push({ scanned: chunk.scanned, rows })
  }
}

test('chunks have every row once, with an id above that of every transaction they show', async () => {
  const before = await dx.query<{ xid: string }>(
    'select pg_snapshot_xmax(pg_current_snapshot())::text as xid',
  )
  const chunks = await readAll(EVENTS, ALL, 700)
  const rows = chunks.flatMap((chunk) => chunk.rows)
  expect(new Set(rows.map(({ row }) => row.event_id)).size).toBe(ROWS)
  expect(rows).toHaveLength(ROWS)
  for (const { xid } of rows) {
    expect(BigInt(xid)).toBeGreaterThanOrEqual(BigInt(before.rows[0]?.xid ?? ''))
  }
})

test('a chunk ends with the row that reaches its bytes, entity and snapshot together', async () => {
  const chunks = await readAll(COMPANIES, ALL, 5_000)
  expect(chunks.length).toBeGreaterThan(2)
  for (const { rows } of chunks) {
    const bytes = rows.reduce((sum, row) => sum + JSON.stringify(row).length, 0)
    expect(bytes).toBeLessThan(3.5 * 1024 * 1024)
  }
  const rows = chunks.flatMap((chunk) => chunk.rows)
  expect(rows.filter(({ row }) => row.snapshot_id !== undefined)).toHaveLength(ROWS)
  expect(rows.filter(({ row }) => row.snapshot_id === undefined)).toHaveLength(ROWS)
})

test('where few rows are wanted a statement looks at more of them, but never at all', async () => {
  const chunks = await readAll(EVENTS, { ...ALL, until: '2026-01-01T00:02:30Z' }, 100)
  const scanned = chunks.map((chunk) => chunk.scanned)
  expect(scanned[0]).toBe(100)
  expect(Math.max(...scanned)).toBeGreaterThan(1000)
  expect(scanned.reduce((sum, count) => sum + count)).toBe(ROWS)
  expect(chunks.flatMap((chunk) => chunk.rows)).toHaveLength(2)
})

test('a deleted key is a delete at its version, with every column that the contract wants', async () => {
  const rows = (await readAll(DELETES, ALL, 200)).flatMap((chunk) => chunk.rows)
  expect(rows).toHaveLength(500)
  expect(rows[0]).toMatchObject({
    deleted: true,
    row: {
      export_schema_version: 'v1',
      org_id: orgId,
      company_id: '00000000-0000-0000-0000-000000000000',
      canonical_name: null,
      record_version: '7',
      updated_at: expect.stringMatching(/^20/),
    },
  })
})

test('a row that is larger than HQ takes is told by its key and size, and the rows around it are read', async () => {
  const org = await insertOrg(dx)
  await dx.query(
    `insert into entities.company_entities (org_id, entity_id, canonical_name)
     select $1, lpad(n::text, 32, '0')::uuid, repeat('x', case n when 2 then 5000000 else 5 end)
     from generate_series(1, 3) n`,
    [org],
  )
  const pass: Pass = { ...COMPANIES, snapshots: 'none' }
  const chunks = new ChunkReader(reader, pass, { ...ALL, orgId: org }, null)
  const keys: unknown[] = []
  const letters: unknown[] = []
  for (let chunk = await chunks.next(100); chunk !== undefined; chunk = await chunks.next(100)) {
    for (const { text } of chunk.wireRows) {
      keys.push(
        ...JSON.parse(`[${text}]`).map(({ row }: { row: { entity_id: string } }) => row.entity_id),
      )
    }
    letters.push(...chunk.failed)
  }
  expect(keys).toEqual([1, 3].map((n) => `00000000-0000-0000-0000-00000000000${n}`))
  expect(letters).toMatchObject([
    {
      dataset: 'dx_company_entities_v1',
      reason: 'too_large',
      detail: expect.stringMatching(/^the row has 5000\d{3} bytes, HQ takes 4194304/),
      row: { key: `${org}/00000000-0000-0000-0000-000000000002`, body: null, deleted: false },
    },
  ])
})

test('I4: a row of which a sub-select finds two is left out by its key, and the rows around it are read', async () => {
  const org = await insertOrg(dx)
  await dx.query(
    `insert into entities.company_entities (org_id, entity_id, canonical_name)
     select $1, lpad(n::text, 32, '0')::uuid, case n when 2 then 'two' end
     from generate_series(1, 3) n`,
    [org],
  )
  await whileTwoAreFound(dx, 'two', async () => {
    const chunks = new ChunkReader(reader, COMPANIES, { ...ALL, orgId: org }, null)
    let read = 0
    const letters: unknown[] = []
    for (let chunk = await chunks.next(100); chunk !== undefined; chunk = await chunks.next(100)) {
      read += chunk.wireRows.flatMap(({ text }) => JSON.parse(`[${text}]`)).length
      letters.push(...chunk.failed)
    }
    // Two entities, and the snapshot of each.
    expect(read).toBe(4)
    const key = `${org}/00000000-0000-0000-0000-000000000002`
    expect(letters).toMatchObject([{ detail: expect.stringContaining('21000'), row: { key } }])
  })
})
