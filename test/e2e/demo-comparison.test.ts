import { compareDatabases } from '@hq-export/demo/compare/compare-databases.ts'
import { judge } from '@hq-export/demo/compare/comparison-report.ts'
import { installReferenceSchema } from '@hq-export/demo/databases/install-reference-schema.ts'
import { installHistory } from '@hq-export/demo/history/install-history.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createDxDatabase,
  createEmptyDxDatabase,
  createHqDatabase,
  type TestDatabase,
} from '../support/servers/databases.ts'

const RUN = '11111111-1111-1111-1111-111111111111'
const SOURCE = 'data-engine-x'

async function query(database: TestDatabase, sql: string): Promise<void> {
  const client = await database.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

const insertRun = `insert into ops.operation_runs
  (run_id, org_id, entity_id, operation_id, action_id, entity_type, status, cost_usd,
   started_at, created_at)
  values ('${RUN}', '${RUN}', '${RUN}', 'o', 'a', 'person', 'failed', 1.10,
    '2026-01-01 00:00:00.000001Z', '2026-01-01Z')`

const hqRun = (cost: string, source = SOURCE) => `insert into hq.dx_operation_runs_v1
  (export_schema_version, run_id, org_id, entity_id, operation_id, action_id, entity_type, status,
   cost_usd, started_at, created_at, attempt_count, _dx_xid, _dx_batch, _dx_source)
  values ('v1', '${RUN}', '${RUN}', '${RUN}', 'o', 'a', 'person', 'failed', ${cost},
    '2026-01-01 00:00:00.000001Z', '2026-01-01Z', 1, '1', 'b', '${source}')`

describe('the comparison of both databases', () => {
  let dx: TestDatabase
  let hq: TestDatabase

  beforeAll(async () => {
    dx = await createDxDatabase()
    hq = await createHqDatabase()
    const client = await dx.connect()
    await installHistory(client)
    await client.query(insertRun)
  })
  afterAll(async () => {
    await dx[Symbol.asyncDispose]()
    await hq[Symbol.asyncDispose]()
  })

  const runs = async () => {
    await using _ = { [Symbol.asyncDispose]: () => query(hq, 'truncate hq.dx_operation_runs_v1') }
    const comparisons = await compareDatabases(dx.url, hq.url, SOURCE)
    return comparisons.find(({ dataset }) => dataset === 'dx_operation_runs_v1')
  }

  it('finds a row that HQ lacks', async () => {
    expect(await runs()).toMatchObject({ sourceRows: 1, hqRows: 0, differences: 1 })
  })

  it('finds nothing where a row is the same', async () => {
    await query(hq, hqRun('1.10'))
    expect(await runs()).toMatchObject({ sourceRows: 1, hqRows: 1, differences: 0 })
  })

  it('finds a lost trailing zero', async () => {
    await query(hq, hqRun('1.1'))
    expect((await runs())?.examples).toEqual([
      {
        kind: 'columns differ',
        key: RUN,
        columns: [{ name: 'cost_usd', source: '1.10', hq: '1.1' }],
      },
    ])
  })

  it("does not look at another source's rows", async () => {
    await query(hq, hqRun('1.10', 'other'))
    expect(await runs()).toMatchObject({ hqRows: 0 })
  })

  it('is no good verdict while datasets are empty', async () => {
    await query(hq, hqRun('1.10'))
    const verdict = judge(await compareDatabases(dx.url, hq.url, SOURCE))
    await query(hq, 'truncate hq.dx_operation_runs_v1')
    expect(verdict.isGood).toBe(false)
    expect(verdict.lines.at(-1)).toMatch(/^verdict: NO ROWS in dx_operation_events_v1,/)
  })
})

describe("the demo's record of versions", () => {
  const ORG = '22222222-2222-2222-2222-222222222222'
  const ENTITY = '33333333-3333-3333-3333-333333333333'
  const where = `where org_id = '${ORG}' and entity_id = '${ENTITY}'`

  it('agrees with the capture about every kind of change', async () => {
    await using dx = await createDxDatabase()
    const client = await dx.connect()
    await installHistory(client)
    await client.query(`insert into ops.orgs (id, name) values ('${ORG}', 'o')`)
    const insert = `insert into entities.company_entities (org_id, entity_id)
      values ('${ORG}', '${ENTITY}')`
    await client.query(insert)
    for (const change of [
      `update entities.company_entities set record_version = 5 ${where}`,
      `update entities.company_entities set industry = 'silent' ${where}`,
      `update entities.company_entities set enrichment_confidence = 1.0 ${where}`,
      `update entities.company_entities set enrichment_confidence = 1.00 ${where}`,
      `update entities.company_entities set record_version = 2 ${where}`,
      `delete from entities.company_entities ${where}`,
      insert,
      `${insert} on conflict (org_id, entity_id)
         do update set record_version = company_entities.record_version + 1`,
      `begin; delete from entities.company_entities ${where}; ${insert}; commit`,
      `begin; update entities.company_entities set industry = 'undone' ${where}; rollback`,
    ]) {
      await client.query(change)
    }
    const { rows } = await client.query(`
with captured as (
  select (body::jsonb ->> 'snapshot_id')::uuid as snapshot_id,
         (body::jsonb ->> 'record_version')::bigint as version,
         (body::jsonb ->> 'captured_at')::timestamptz as captured_at
  from (select * from hq_export.outbox_0 union all select * from hq_export.outbox_1
        union all select * from hq_export.outbox_2) o
  where dataset = 5
)
select (select array_agg(version::int order by version) from captured) as captured,
       (select array_agg(record_version::int order by record_version)
        from demo.entity_history) as recorded,
       (select count(*)::int from captured c full join demo.entity_history h using (snapshot_id)
        where c.captured_at is distinct from h.captured_at) as differences`)
    const versions = [1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    expect(rows).toEqual([{ captured: versions, recorded: versions, differences: 0 }])
  })
})

describe('a database that is not for the demo', () => {
  it('is refused where its operational schema is another one, with what it lacks', async () => {
    await using database = await createEmptyDxDatabase()
    const client = await database.connect()
    await client.query('create schema ops; create table ops.operation_runs (run_id uuid)')
    await expect(installReferenceSchema(client)).rejects.toThrow(
      /ops.operation_runs lacks org_id|lacks .*org_id/,
    )
  })

  it('is left as it is where it has the reference schema', async () => {
    await using database = await createDxDatabase()
    await expect(installReferenceSchema(await database.connect())).resolves.toBeUndefined()
  })

  it('is refused where it holds entities that no demo has written', async () => {
    await using database = await createDxDatabase()
    const client = await database.connect()
    await client.query(`insert into ops.orgs (id, name) values ('${RUN}', 'o');
      insert into entities.person_entities (org_id) values ('${RUN}')`)
    await expect(installHistory(client)).rejects.toThrow(/no demo has written/)
  })
})
