import { expect, test } from 'vitest'
import {
  COMPANIES_PER_ROUND,
  countHq,
  expectEveryCompanyOnce,
  insertCompanies,
  killRepeatedly,
} from '../support/programs/kill-repeatedly.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertOrg } from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'

const KILLS = 2

test('I1, I3: SIGKILL of the relay loses and duplicates nothing', () =>
  killRepeatedly('relay', KILLS))

test('I1, I3, I5: SIGKILL of the gateway loses and duplicates nothing', () =>
  killRepeatedly('gateway', KILLS))

test('I1: a relay that loses all its sessions comes back by itself and loses nothing', async () => {
  await using pipeline = await Pipeline.create()
  const orgId = await insertOrg(pipeline.dx)
  await pipeline.runGateway()
  const relay = pipeline.runRelay()
  await insertCompanies(pipeline, orgId, 100)
  await pipeline.settled()
  const { rows } = await pipeline.dx.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name like 'outbox-relay%' and datname = current_database()`,
  )
  expect(rows.length).toBeGreaterThanOrEqual(3)
  await insertCompanies(pipeline, orgId, 100)
  await expectEveryCompanyOnce(pipeline, 200)
  relay.assertRunning()
})

test('SIGTERM finishes what is in flight, and the next relay goes on from there', async () => {
  await using pipeline = await Pipeline.create()
  const orgId = await insertOrg(pipeline.dx)
  await pipeline.runGateway()
  const relay = pipeline.startRelay()
  await insertCompanies(pipeline, orgId, COMPANIES_PER_ROUND)
  await waitFor(
    'some of the rows to arrive',
    async () => (await countHq(pipeline, 'dx_company_entities_v1')) > 0,
  )
  expect(await relay.terminate()).toBe(0)
  pipeline.runRelay()
  await expectEveryCompanyOnce(pipeline, COMPANIES_PER_ROUND)
})
