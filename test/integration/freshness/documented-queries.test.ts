import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FRESHNESS_PATH } from '@hq-export/contract'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EPOCH } from '../../support/programs/compare-client.ts'
import { type GatewaySite, startSite } from '../../support/programs/gateway-site.ts'
import { startInProcessRelay } from '../../support/programs/in-process-relay.ts'
import {
  buildEnvelope,
  buildRow,
  deliver,
  postTo,
  SECRET,
  SOURCE,
} from '../../support/programs/ingest-client.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

/*
 * The queries of docs/OPERATIONS.md as they stand there. Of dbt there is what its adapter for
 * PostgreSQL does with such a model: a first run creates the table; a later one takes what the query
 * gives into a temporary table, deletes the rows with its keys, and inserts it, in one transaction.
 */

const COMPANIES = 'dx_company_entities_v1'
const RUNS = 'dx_operation_runs_v1'
const PAGE = join(import.meta.dirname, '..', '..', '..', 'docs', 'OPERATIONS.md')
const queries = [...(await readFile(PAGE, 'utf8')).matchAll(/^```sql\n(.*?)^```$/gms)].map(
  ([, sql = '']) => sql,
)

function documented(mark: string): string {
  const [found, ...others] = queries.filter((sql) => sql.includes(mark))
  if (found === undefined || others.length > 0) throw new Error(`one query with ${mark}`)
  return found
}

const MODEL = documented('{{ config')
const keys = [...(/unique_key=\[(.*?)\]/.exec(MODEL)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(
  ([, key = '']) => key,
)

let site: GatewaySite
let dxDatabase: TestDatabase
let dx: pg.Client

beforeAll(async () => {
  site = await startSite()
  dxDatabase = await createDxDatabase()
  dx = await dxDatabase.connect()
  return site.stop
})

afterAll(() => dxDatabase[Symbol.asyncDispose]())

function render(table: string, isIncremental: boolean): string {
  return MODEL.replace(/\{\{ config.*?\}\}/, '')
    .replace(/\{% if is_incremental\(\) %\}(.*?)\{% endif %\}/s, isIncremental ? '$1' : '')
    .replaceAll('{{ this }}', table)
}

async function runWhole(table: string): Promise<void> {
  await site.client.query(`create table ${table} as ${render(table, false)}`)
}

async function runIncrement(table: string): Promise<void> {
  const isSame = keys.map((key) => `t.${key} = n.${key}`).join(' and ')
  for (const statement of [
    'begin',
    `create temp table news on commit drop as ${render(table, true)}`,
    `delete from ${table} t using news n where ${isSame}`,
    `insert into ${table} select * from news`,
    'commit',
  ])
    await site.client.query(statement)
}

/** All columns but the moment, which is that of the run. */
async function rowsOf(table: string): Promise<unknown[]> {
  const { rows } = await site.client.query(
    `select (to_jsonb(t) - 'complete_through')::text as row from ${table} t order by 1`,
  )
  return rows
}

async function completeThroughAt(moments: Record<string, string | null>): Promise<void> {
  const datasets = Object.entries(moments).map(([dataset, complete_through]) => {
    return { dataset, complete_through, refused: 0 }
  })
  const at = new Date().toISOString()
  const body = { source: SOURCE, schema_version: 'v1', epoch: EPOCH, at, datasets }
  expect((await postTo(site.gateway.url, FRESHNESS_PATH, body)).status).toBe(200)
}

async function arrives(entityId: string, version = 1): Promise<void> {
  await waitFor('the row in HQ', async () => {
    const { rowCount } = await site.client.query(
      `select from hq.${COMPANIES} where entity_id = $1 and record_version = $2`,
      [entityId, version],
    )
    return rowCount === 1
  })
}

test('the count of a day of the documents counts nothing before the day is complete', async () => {
  const count = async () => {
    const { rows } = await site.client.query<{ count: string }>(documented('count(*) from hq.dx'))
    return Number(rows[0]?.count)
  }
  const times = ['2026-02-15T23:59:59Z', '2026-02-16T00:00:00Z', '2026-02-16T23:59:59.999999Z']
  const runs = times.map((created_at) => buildRow(RUNS, { created_at }))
  await deliver(site.gateway.url, buildEnvelope(RUNS, runs))
  await site.client.query(`set timezone = 'Asia/Tokyo'`)
  expect(await count()).toBe(0)
  for (const [moment, rows] of [
    [null, 0],
    ['2026-02-17T00:59:59Z', 0],
    ['2026-02-17T01:00:00Z', 2],
  ] as const) {
    await completeThroughAt({ [RUNS]: moment })
    expect(await count()).toBe(rows)
  }
})

test('the incremental dbt model of the documents is, run after run, what a whole run gives', async () => {
  expect(keys).toEqual(['org_id', 'entity_id'])
  await using _relay = await startInProcessRelay({
    databaseUrl: dxDatabase.url,
    ingestUrl: site.gateway.url,
    secret: SECRET,
  })
  // First of all there is nothing.
  await runWhole('model')
  const [org, other] = [await insertOrg(dx), await insertOrg(dx)]
  const late = await dxDatabase.connect()
  await late.query('begin')
  const lateId = await insertCompany(late, org)
  const [kept, changed, gone] = [
    await insertCompany(dx, org),
    await insertCompany(dx, org),
    await insertCompany(dx, org),
  ]
  // In whatever order: small windows are on their way together.
  for (const entityId of [kept, changed, gone]) await arrives(entityId)
  await runIncrement('model')
  expect(await rowsOf('model')).toHaveLength(3)

  await late.query('commit')
  await dx.query(
    `update entities.company_entities set canonical_name = 'renamed', record_version = 2
     where entity_id = $1`,
    [changed],
  )
  await dx.query('delete from entities.company_entities where entity_id = $1', [gone])
  await arrives(lateId)
  await arrives(changed, 2)
  await waitFor('the delete in HQ', async () => {
    const { rowCount } = await site.client.query(
      `select from hq.${COMPANIES} where _dx_deleted_at is not null`,
    )
    return rowCount === 1
  })
  // The same id in another org; and a batch that HQ has written and not committed yet at the run.
  const blocker = await site.hq.connect()
  await blocker.query('begin')
  await blocker.query('lock table ingest.quarantine in share row exclusive mode')
  const slow = randomUUID()
  const held = deliver(
    site.gateway.url,
    buildEnvelope(COMPANIES, [
      buildRow(COMPANIES, { org_id: org, entity_id: slow }),
      buildRow(COMPANIES, { org_id: org, record_version: null }),
    ]),
  )
  await waitFor('the batch to wait', async () => {
    const { rowCount } = await site.client.query(
      `select from pg_locks l join pg_database d on d.oid = l.database
       where d.datname = current_database() and not l.granted
         and l.relation = 'ingest.quarantine'::regclass`,
    )
    return rowCount !== 0
  })
  const same = buildRow(COMPANIES, { org_id: other, entity_id: kept })
  await deliver(site.gateway.url, buildEnvelope(COMPANIES, [same]))
  await runIncrement('model')
  expect(await rowsOf('model')).toHaveLength(5)
  await blocker.query('rollback')
  expect((await held).counts).toMatchObject({ inserted: 1, quarantined: 1 })
  await runIncrement('model')
  await runWhole('whole')
  expect(await rowsOf('model')).toEqual(await rowsOf('whole'))
  expect(await rowsOf('model')).toHaveLength(6)
})
