import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { datasetByName } from '@hq-export/contract'
import { compareDatabases } from '@hq-export/demo/compare/compare-databases.ts'
import { installHistory } from '@hq-export/demo/history/install-history.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allSettled } from '../support/live-shape/all-settled.ts'
import { fillLiveShape } from '../support/live-shape/fill-live-shape.ts'
import { createLiveDatabase, writeLiveBinding } from '../support/live-shape/live-databases.ts'
import {
  insertAttempts,
  insertLiveCompany,
  insertLiveOrg,
  insertLivePerson,
  insertLiveRun,
  insertPipelineRun,
  insertTenantCompany,
  updateLiveEntity,
} from '../support/live-shape/live-rows.ts'
import { Pipeline } from '../support/programs/pipeline.ts'

const SETTLE_SECONDS = 1

let folder: string
let pipeline: Pipeline

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hq-export-live-'))
  const dxDatabase = await createLiveDatabase(
    await writeLiveBinding(join(folder, 'live.json'), SETTLE_SECONDS),
  )
  pipeline = await Pipeline.create({ dxDatabase })
  await recordVersions(pipeline.dx)
  await pipeline.runGateway()
  pipeline.runRelay()
})

afterAll(async () => {
  await pipeline[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/**
 * The demo's record of versions, which shares no code with the capture; here payloads leave by the
 * contract's names alone.
 */
async function recordVersions(client: pg.Client): Promise<void> {
  await installHistory(client)
  await client.query(
    'alter table demo.entity_history alter column canonical_payload_json drop not null',
  )
  const names = (type: 'company' | 'person') =>
    datasetByName(`dx_${type}_entities_v1`)
      .columns.map(({ name }) => `'${name}'`)
      .join(', ')
  await client.query(`create or replace view demo.dx_entity_snapshots_v1 as
    select 'v1'::text as export_schema_version, snapshot_id, org_id, entity_type, entity_id,
      record_version,
      (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(canonical_payload_json)
       where key in (${names('company')}) and entity_type = 'company'
         or key in (${names('person')}) and entity_type = 'person')
        as canonical_payload_json, captured_at, source_run_id
    from demo.entity_history`)
}

async function expectEqualSides(): Promise<void> {
  const { url } = pipeline.dxDatabase
  const comparisons = await compareDatabases(url, pipeline.hqDatabase.url, 'data-engine-x')
  for (const { dataset, differences, examples } of comparisons) {
    expect({ dataset, differences, examples }).toEqual({ dataset, differences: 0, examples: [] })
  }
  const { rows } = await pipeline.dx.query('select reason, detail from hq_export.dead_letter')
  expect(rows).toEqual([])
}

async function countHq(dataset: string, where = 'true'): Promise<number> {
  const { rows } = await pipeline.hq.query(
    `select count(*)::int as n from hq.${dataset} where ${where}`,
  )
  return rows[0].n
}

/**
 * One operation call of the system: the run, then its attempts in a second transaction, then what
 * it learnt of the entity.
 */
async function operate(orgId: string, companyId: string, n: number): Promise<void> {
  const { dx } = pipeline
  const runId = await insertLiveRun(dx, orgId, {
    company_id: n % 3 === 0 ? null : companyId,
    status: (['found', 'not_found', 'failed', 'verified'] as const)[n % 4],
    entity_type: n % 10 === 9 ? 'job' : n % 2 === 0 ? 'company' : 'person',
    input_payload:
      n % 5 === 4 ? '{"query":"x"}' : `{"domain":"c${n}.example","email":"p${n}@x.example"}`,
  })
  // Now and then the second transaction never comes.
  if (n % 7 !== 6) {
    await insertAttempts(dx, runId, [
      { status: 'skipped', skip_reason: 'missing_api_key', duration_ms: null, raw_response: null },
      {
        status: n % 4 === 2 ? 'failed' : 'found',
        provider_status: n % 4 === 2 ? 'http_error' : null,
      },
    ])
  }
}

test('I1: what the live system writes is in HQ, row by row and column by column, and nothing secret', async () => {
  const { dx } = pipeline
  const companies: { orgId: string; companyId: string; entityId: string }[] = []
  for (let tenant = 0; tenant < 2; tenant++) {
    const orgId = await insertLiveOrg(dx)
    const companyId = await insertTenantCompany(dx, orgId)
    const pipelineId = await insertPipelineRun(dx, orgId, companyId)
    for (let n = 0; n < 30; n++) {
      await operate(orgId, companyId, n)
      const entityId = await insertLiveCompany(dx, orgId, {
        company_id: n % 2 === 0 ? companyId : null,
        last_run_id: n % 3 === 0 ? pipelineId : null,
        enrichment_confidence: '0.12345678901234567890',
      })
      companies.push({ orgId, companyId, entityId })
      const person = await insertLivePerson(dx, orgId, { company_id: companyId })
      if (n % 2 === 0)
        await updateLiveEntity(dx, 'person', { orgId, entityId: person }, { title: `CTO ${n} 🚀` })
    }
    // SET NULL changes content and no version, of hundreds of rows or of one.
    await dx.query('delete from ops.pipeline_runs where id = $1', [pipelineId])
    const spare = await insertTenantCompany(dx, orgId)
    await insertLiveCompany(dx, orgId, { company_id: spare })
    await dx.query('delete from ops.companies where id = $1', [spare])
  }
  for (const { orgId, entityId } of companies) {
    await updateLiveEntity(dx, 'company', { orgId, entityId }, { employee_count: 7 })
  }
  const [first, second, third] = companies
  await dx.query('delete from entities.company_entities where entity_id = any ($1)', [
    [first?.entityId, second?.entityId],
  ])
  if (first !== undefined)
    await insertLiveCompany(dx, first.orgId, { entity_id: first.entityId, canonical_name: 'Again' })
  await dx.query('update entities.company_entities set record_version = 1 where entity_id = $1', [
    third?.entityId,
  ])
  // Bulk: hundreds of rows of all five tables in statements of their own.
  await fillLiveShape(dx, { orgs: 3, companies: 200, persons: 50, runs: 150 })

  await allSettled(pipeline)
  await expectEqualSides()
  expect(
    await countHq('dx_operation_runs_v1', "outcome = 'not_found' and status = 'succeeded'"),
  ).toBeGreaterThan(10)
  expect(await countHq('dx_operation_runs_v1', 'attempt_count = 2')).toBeGreaterThan(20)
  expect(await countHq('dx_company_entities_v1', '_dx_deleted_at is not null')).toBe(1)
  const { rows } = await pipeline.hq.query(
    `select count(*)::int as n from (
       select row_to_json(r)::text as t from hq.dx_entity_snapshots_v1 r
       union all select row_to_json(r)::text from hq.dx_operation_events_v1 r
       union all select row_to_json(r)::text from hq.dx_operation_runs_v1 r) x
       where t ~ 'provider-(key|token)'`,
  )
  expect(rows).toEqual([{ n: 0 }])
})

test('a tenant that leaves: its entities are deleted in HQ, its history stays', async () => {
  const { dx } = pipeline
  const orgId = await insertLiveOrg(dx)
  for (let n = 0; n < 5; n++) {
    await insertLiveCompany(dx, orgId)
    const runId = await insertLiveRun(dx, orgId)
    await insertAttempts(dx, runId, [{}])
  }
  await insertLivePerson(dx, orgId)
  // Runs are not due yet: they go out by the delete that cascades to them.
  await dx.query('delete from ops.orgs where id = $1', [orgId])
  await allSettled(pipeline)
  const of = (rest: string) => `org_id = '${orgId}'${rest}`
  expect(await countHq('dx_company_entities_v1', of(' and _dx_deleted_at is not null'))).toBe(5)
  expect(await countHq('dx_person_entities_v1', of(' and _dx_deleted_at is not null'))).toBe(1)
  expect(await countHq('dx_operation_runs_v1', of(' and attempt_count = 1'))).toBe(5)
  expect(await countHq('dx_operation_events_v1', of(''))).toBe(5)
  expect(await countHq('dx_entity_snapshots_v1', of(''))).toBe(12)
  const { rows } = await dx.query('select reason, detail from hq_export.dead_letter')
  expect(rows).toEqual([])
})

test('uninstall.sql takes the live binding out again, under the application as it was', async () => {
  const objects = async (client: pg.Client) =>
    (
      await client.query(
        `select tgrelid::regclass::text || ' ' || tgname as name from pg_trigger
         where not tgisinternal
         union all select nspname from pg_namespace where nspname !~ '^pg_(toast_)?temp'
         union all select oid::regprocedure::text from pg_proc
         where pronamespace <> 'pg_catalog'::regnamespace
         order by 1`,
      )
    ).rows
  await using fresh = await createLiveDatabase('data-engine-x')
  const client = await fresh.connect()
  await fillLiveShape(client, { orgs: 2, companies: 20, persons: 10, runs: 20 })
  await client.query(await readFile(join(dxMigrations.folder, 'uninstall.sql'), 'utf8'))
  const left = (await objects(client)).map(({ name }) => name)
  expect(left.filter((name) => name.includes('hq_export'))).toEqual([])
  await insertLiveRun(client, await insertLiveOrg(client))
})
