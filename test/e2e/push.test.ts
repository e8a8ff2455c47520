import { randomUUID } from 'node:crypto'
import { DATASETS } from '@hq-export/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Pipeline } from '../support/programs/pipeline.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'

let pipeline: Pipeline
let orgId: string

beforeAll(async () => {
  pipeline = await Pipeline.create()
  await pipeline.startGateway()
  pipeline.startRelay()
  orgId = await insertOrg(pipeline.dx)
})

afterAll(() => pipeline[Symbol.asyncDispose]())

async function readHq(dataset: string, where: string, value: string) {
  const { rows } = await pipeline.hq.query(`select * from hq.${dataset} where ${where} = $1`, [
    value,
  ])
  return rows
}

test('I1: a commit in every bound table becomes a row in HQ, by itself', async () => {
  const runId = await insertRun(pipeline.dx, orgId)
  await insertEvent(pipeline.dx, orgId, runId)
  await insertCompany(pipeline.dx, orgId)
  await insertPerson(pipeline.dx, orgId)
  for (const { name } of DATASETS) {
    await waitFor(`a row in ${name}`, async () => (await readHq(name, 'org_id', orgId)).length > 0)
  }
})

test('I1: what is rolled back never arrives', async () => {
  await pipeline.dx.query('begin')
  const undone = await insertCompany(pipeline.dx, orgId)
  await pipeline.dx.query('rollback')
  const after = await insertCompany(pipeline.dx, orgId)
  await waitFor(
    'the later commit',
    async () => (await readHq('dx_company_entities_v1', 'entity_id', after)).length,
  )
  await pipeline.settled()
  expect(await readHq('dx_company_entities_v1', 'entity_id', undone)).toEqual([])
  expect(await readHq('dx_entity_snapshots_v1', 'entity_id', undone)).toEqual([])
})

test('I2: a transaction that captured first and committed last arrives', async () => {
  await using slow = await (async () => {
    const client = await pipeline.dxDatabase.connect()
    return { client, [Symbol.asyncDispose]: () => client.end() }
  })()
  await slow.client.query('begin')
  const first = await insertCompany(slow.client, orgId)
  const second = await insertCompany(pipeline.dx, orgId)
  await waitFor(
    'the one that committed first',
    async () => (await readHq('dx_company_entities_v1', 'entity_id', second)).length > 0,
  )
  await slow.client.query('commit')
  await waitFor(
    'the one that committed last',
    async () => (await readHq('dx_company_entities_v1', 'entity_id', first)).length > 0,
  )
})

test('a run is exported once, when it has ended', async () => {
  const runId = await insertRun(pipeline.dx, orgId, { status: 'running' })
  await insertEvent(pipeline.dx, orgId, runId)
  await waitFor(
    'its event',
    async () => (await readHq('dx_operation_events_v1', 'run_id', runId)).length > 0,
  )
  expect(await readHq('dx_operation_runs_v1', 'run_id', runId)).toEqual([])
  await pipeline.dx.query(
    "update ops.operation_runs set status = 'failed', error_code = 'timeout' where run_id = $1",
    [runId],
  )
  await waitFor(
    'the run',
    async () => (await readHq('dx_operation_runs_v1', 'run_id', runId)).length > 0,
  )
  await pipeline.dx.query("update ops.operation_runs set error_code = 'later' where run_id = $1", [
    runId,
  ])
  await pipeline.settled()
  expect(await readHq('dx_operation_runs_v1', 'run_id', runId)).toMatchObject([
    { status: 'failed', error_code: 'timeout' },
  ])
})

test('HQ holds the newest version of an entity, and a snapshot of every one', async () => {
  const entityId = await insertCompany(pipeline.dx, orgId)
  for (let version = 2; version <= 12; version++) {
    await pipeline.dx.query(
      `update entities.company_entities set canonical_name = $3, record_version = record_version + 1
       where org_id = $1 and entity_id = $2`,
      [orgId, entityId, `name ${version}`],
    )
  }
  await pipeline.settled()
  expect(await readHq('dx_company_entities_v1', 'entity_id', entityId)).toMatchObject([
    { record_version: '12', canonical_name: 'name 12' },
  ])
  expect(await readHq('dx_entity_snapshots_v1', 'entity_id', entityId)).toHaveLength(12)
})

test('a deleted entity stays in HQ as a tombstone, and comes back when it is inserted again', async () => {
  const entityId = await insertPerson(pipeline.dx, orgId)
  await pipeline.dx.query('delete from entities.person_entities where entity_id = $1', [entityId])
  await pipeline.settled()
  const [tombstone] = await readHq('dx_person_entities_v1', 'entity_id', entityId)
  expect(tombstone?._dx_deleted_at).toBeInstanceOf(Date)
  await insertPerson(pipeline.dx, orgId, { entity_id: entityId, full_name: 'Ada Again' })
  await pipeline.settled()
  expect(await readHq('dx_person_entities_v1', 'entity_id', entityId)).toMatchObject([
    { full_name: 'Ada Again', _dx_deleted_at: null },
  ])
})

describe('I6: values arrive bit for bit', () => {
  test('numbers, microseconds, jsonb digits, Unicode, NULL and the empty string', async () => {
    const confidence = '1234567890123456789012345678901234567890.1234567890'
    const payload = '{"big": 12345678901234567890, "rate": 1.10, "text": "naïve 🚀 ‮أ‬ \\" \\\\ \\n"}'
    const entityId = await insertCompany(pipeline.dx, orgId, {
      record_version: '9223372036854775807',
      enrichment_confidence: confidence,
      last_enriched_at: '2026-03-01T12:00:00.123456+05:30',
      canonical_name: '🦄 e\u0301 \\N \t "quoted" \\ \r\n',
      canonical_domain: '',
      linkedin_url: null,
      employee_count: 2_147_483_647,
      canonical_payload: payload,
    })
    await pipeline.settled()
    const columns = `record_version::text, enrichment_confidence::text, canonical_name,
      canonical_domain, linkedin_url, employee_count,
      (last_enriched_at at time zone 'UTC')::text as last_enriched_at`
    const source = await pipeline.dx.query(
      `select ${columns} from entities.company_entities where entity_id = $1`,
      [entityId],
    )
    const target = await pipeline.hq.query(
      `select ${columns} from hq.dx_company_entities_v1 where entity_id = $1`,
      [entityId],
    )
    expect(target.rows).toEqual(source.rows)
    expect(target.rows[0]).toMatchObject({
      record_version: '9223372036854775807',
      enrichment_confidence: confidence,
      last_enriched_at: '2026-03-01 06:30:00.123456',
    })
    const snapshot = await pipeline.hq.query(
      `select canonical_payload_json::text as payload from hq.dx_entity_snapshots_v1
       where entity_id = $1`,
      [entityId],
    )
    const expected = await pipeline.dx.query('select $1::jsonb::text as payload', [payload])
    expect(snapshot.rows).toEqual(expected.rows)
    expect(snapshot.rows[0]?.payload).toContain('1.10')
  })

  test('I4: what HQ cannot hold is kept on both sides with its reason, and stops no other row', async () => {
    await pipeline.dx.query('begin')
    const bad = await insertCompany(pipeline.dx, orgId, { enrichment_confidence: 'NaN' })
    const good = await insertCompany(pipeline.dx, orgId, { canonical_name: 'fine' })
    await pipeline.dx.query('commit')
    await pipeline.settled()
    expect(await readHq('dx_company_entities_v1', 'entity_id', good)).toHaveLength(1)
    expect(await readHq('dx_company_entities_v1', 'entity_id', bad)).toEqual([])
    const letters = await pipeline.dx.query(
      'select dataset, reason, body from hq_export.dead_letter where key = $1',
      [`${orgId}/${bad}`],
    )
    expect(letters.rows).toMatchObject([
      {
        dataset: 'dx_company_entities_v1',
        reason: 'invalid_value',
        body: expect.stringContaining('NaN'),
      },
    ])
    const quarantined = await pipeline.hq.query(
      'select code from ingest.quarantine where dataset = $1 and key = $2',
      ['dx_company_entities_v1', `${orgId}/${bad}`],
    )
    expect(quarantined.rows).toEqual([{ code: 'invalid_value' }])
  })
})

test('the trace of the writing transaction is on the row that HQ was sent', async () => {
  const traceId = randomUUID().replaceAll('-', '')
  await pipeline.dx.query('begin')
  await pipeline.dx.query("select set_config('hq_export.traceparent', $1, true)", [
    `00-${traceId}-00f067aa0ba902b7-01`,
  ])
  const entityId = await insertCompany(pipeline.dx, orgId, { enrichment_confidence: 'NaN' })
  await pipeline.dx.query('commit')
  await pipeline.settled()
  const { rows } = await pipeline.hq.query(
    'select traceparent from ingest.quarantine where key = $1',
    [`${orgId}/${entityId}`],
  )
  expect(rows[0]?.traceparent).toContain(traceId)
})
