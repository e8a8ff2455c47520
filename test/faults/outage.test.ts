import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { expect, test } from 'vitest'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import { createOwnDatabase, prepareDx } from '../support/servers/databases.ts'
import { startOwnServer } from '../support/servers/own-server.ts'
import { waitFor } from '../support/wait-for.ts'

async function entitiesInHq(pipeline: Pipeline): Promise<string[]> {
  const { rows } = await pipeline.hq.query<{ entity_id: string }>(
    'select entity_id from hq.dx_company_entities_v1',
  )
  return rows.map(({ entity_id }) => entity_id).sort()
}

test('I5: while the gateway is away writers go on, and all of it arrives when it is back', async () => {
  await using pipeline = await Pipeline.create()
  const relay = pipeline.runRelay()
  const orgId = await insertOrg(pipeline.dx)
  const written: string[] = []
  for (let row = 0; row < 50; row++) written.push(await insertCompany(pipeline.dx, orgId))
  await waitFor('the relay to say so', () =>
    relay.lines.some((line) => line.includes('ECONNREFUSED')),
  )
  const gateway = await pipeline.runGateway()
  await pipeline.settled()
  await gateway.terminate()
  for (let row = 0; row < 50; row++) written.push(await insertCompany(pipeline.dx, orgId))
  await pipeline.runGateway()
  await pipeline.settled()
  expect(await entitiesInHq(pipeline)).toEqual(written.sort())
  expect((await pipeline.dx.query('select from hq_export.dead_letter')).rowCount).toBe(0)
})

test('I1, I5: a crash of the HQ server loses and duplicates nothing; the gateway recovers by itself', async () => {
  await using server = await startOwnServer('hq-crash')
  const hqDatabase = await createOwnDatabase(server.cluster.url(), (url) => hqMigrations.apply(url))
  await using pipeline = await Pipeline.create({ hqDatabase })
  const gateway = await pipeline.runGateway()
  pipeline.runRelay()
  const orgId = await insertOrg(pipeline.dx)
  const written = [await insertCompany(pipeline.dx, orgId)]
  await pipeline.settled()

  await server.cluster.halt('immediate')
  // It may have to hear of the end of its sessions first.
  await waitFor('the gateway to say so', async () => {
    const { status } = await fetch(`${pipeline.gatewayUrl}/readyz`)
    return status === 503
  })
  for (let row = 0; row < 20; row++) written.push(await insertCompany(pipeline.dx, orgId))
  await server.cluster.resume()
  await pipeline.settled()
  await pipeline.reconnect()
  expect(await entitiesInHq(pipeline)).toEqual(written.sort())
  gateway.assertRunning()
})

test('I1: a crash of data-engine-x begins a new life, in which everything retained is sent again and nothing changes', async () => {
  await using server = await startOwnServer('dx-crash')
  const dxDatabase = await createOwnDatabase(server.cluster.url(), prepareDx)
  await using pipeline = await Pipeline.create({ dxDatabase })
  await pipeline.runGateway()
  const relay = pipeline.runRelay()
  const orgId = await insertOrg(pipeline.dx)
  const written = [await insertCompany(pipeline.dx, orgId), await insertCompany(pipeline.dx, orgId)]
  await pipeline.settled()
  const before = await pipeline.hq.query(
    'select * from hq.dx_company_entities_v1 order by entity_id',
  )

  await server.cluster.halt('immediate')
  await waitFor('the relay to notice', () =>
    relay.lines.some((line) => line.includes('cannot be used now')),
  )
  await server.cluster.resume()
  await waitFor(
    'the relay to find a new life',
    () => relay.lines.filter((line) => line.includes('new incarnation')).length >= 2,
  )
  await pipeline.reconnect()
  await pipeline.settled()
  expect(
    (await pipeline.hq.query('select * from hq.dx_company_entities_v1 order by entity_id')).rows,
  ).toEqual(before.rows)
  written.push(await insertCompany(pipeline.dx, orgId))
  await pipeline.settled()
  expect(await entitiesInHq(pipeline)).toEqual(written.sort())
  relay.assertRunning()
})
