import { expect, test } from 'vitest'
import type { AppProcess } from '../support/app-process.ts'
import { Pipeline } from '../support/pipeline.ts'
import { insertOrg } from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'

const ENTITIES = 3000
const ROUNDS = 6

async function insertCompanies(pipeline: Pipeline, orgId: string, count: number): Promise<void> {
  await pipeline.dx.query(
    `insert into entities.company_entities (org_id, canonical_name, canonical_payload)
     select $1, 'company ' || n, jsonb_build_object('n', n) from generate_series(1, $2::int) n`,
    [orgId, count],
  )
}

async function countHq(pipeline: Pipeline, table: string): Promise<number> {
  const { rows } = await pipeline.hq.query<{ count: number }>(
    `select count(*)::int as count from hq.${table}`,
  )
  return rows[0]?.count ?? 0
}

/** Every entity once, every version once, equal to the source column by column. */
async function expectEqualSides(pipeline: Pipeline, rows: number): Promise<void> {
  await pipeline.settled()
  expect(await countHq(pipeline, 'dx_company_entities_v1')).toBe(rows)
  expect(await countHq(pipeline, 'dx_entity_snapshots_v1')).toBe(rows)
  const digest = `md5(string_agg(concat_ws('|', org_id, entity_id, record_version, canonical_name), ',' order by entity_id))`
  const source = await pipeline.dx.query(`select ${digest} from entities.company_entities`)
  const target = await pipeline.hq.query(`select ${digest} from hq.dx_company_entities_v1`)
  expect(target.rows).toEqual(source.rows)
  const refused = await pipeline.dx.query('select reason from hq_export.dead_letter')
  expect(refused.rows).toEqual([])
}

async function killRepeatedly(
  pipeline: Pipeline,
  orgId: string,
  restart: () => Promise<AppProcess>,
): Promise<void> {
  let victim = await restart()
  for (let round = 1; round <= ROUNDS; round++) {
    await insertCompanies(pipeline, orgId, ENTITIES)
    const before = await countHq(pipeline, 'dx_company_entities_v1')
    await waitFor('some of the rows to arrive', async () => {
      victim.assertRunning()
      return (await countHq(pipeline, 'dx_company_entities_v1')) > before
    })
    await victim.kill()
    victim = await restart()
  }
}

test('I1, I3: SIGKILL of the relay loses and duplicates nothing', async () => {
  await using pipeline = await Pipeline.create()
  const orgId = await insertOrg(pipeline.dx)
  await pipeline.startGateway()
  await killRepeatedly(pipeline, orgId, async () => pipeline.startRelay())
  await expectEqualSides(pipeline, ROUNDS * ENTITIES)
})

test('I1, I3, I5: SIGKILL of the gateway loses and duplicates nothing', async () => {
  await using pipeline = await Pipeline.create()
  const orgId = await insertOrg(pipeline.dx)
  pipeline.startRelay()
  await killRepeatedly(pipeline, orgId, () => pipeline.startGateway())
  await expectEqualSides(pipeline, ROUNDS * ENTITIES)
})

test('I1: a relay that loses all its sessions comes back by itself and loses nothing', async () => {
  await using pipeline = await Pipeline.create()
  const orgId = await insertOrg(pipeline.dx)
  await pipeline.startGateway()
  const relay = pipeline.startRelay()
  await insertCompanies(pipeline, orgId, 100)
  await pipeline.settled()
  const { rows } = await pipeline.dx.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'outbox-relay%' and datname = current_database()",
  )
  expect(rows.length).toBeGreaterThanOrEqual(3)
  await insertCompanies(pipeline, orgId, 100)
  await expectEqualSides(pipeline, 200)
  relay.assertRunning()
})

test('SIGTERM finishes what is in flight, and the next relay goes on from there', async () => {
  await using pipeline = await Pipeline.create()
  const orgId = await insertOrg(pipeline.dx)
  await pipeline.startGateway()
  const relay = pipeline.startRelay()
  await insertCompanies(pipeline, orgId, ENTITIES)
  await waitFor(
    'some of the rows to arrive',
    async () => (await countHq(pipeline, 'dx_company_entities_v1')) > 0,
  )
  expect(await relay.terminate()).toBe(0)
  pipeline.startRelay()
  await expectEqualSides(pipeline, ENTITIES)
})
