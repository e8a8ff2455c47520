import { createSilentLogger } from '@hq-export/hq-ingest/process/log.ts'
import { expect, test } from 'vitest'
import { startInProcessRelay } from '../support/programs/in-process-relay.ts'
import { ingestKey, startGateway } from '../support/programs/ingest-client.ts'
import { createSecret } from '../support/programs/pipeline.ts'
import { insertOrg } from '../support/reference-rows.ts'
import { createDxDatabase, createHqDatabase } from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'

const ROWS = 4_000

test('I5: a relay that sends more at once than the gateway takes slows down, and all of it arrives', async () => {
  await using dxDatabase = await createDxDatabase()
  await using hqDatabase = await createHqDatabase()
  const dx = await dxDatabase.connect()
  const hq = await hqDatabase.connect()
  await dx.query(
    `insert into entities.company_entities (org_id, entity_id, canonical_name)
     select $1, gen_random_uuid(), 'Acme' from generate_series(1, $2)`,
    [await insertOrg(dx), ROWS],
  )
  const secret = createSecret()
  const said: unknown[] = []
  const log = Object.assign(createSilentLogger(), {
    info: ({ code, status }: { code?: string; status?: string }) => said.push(code ?? status),
  })
  await using gateway = await startGateway(hqDatabase.url, {
    keys: [ingestKey({ secret })],
    limits: { maxRequests: 1 },
    log,
  })
  await using _relay = await startInProcessRelay({
    databaseUrl: dxDatabase.url,
    ingestUrl: gateway.url,
    secret,
  })
  await waitFor('every version of every company', async () => {
    const { rows } = await hq.query<{ n: number }>(
      `select (select count(*) from hq.dx_company_entities_v1)::int4
         + (select count(*) from hq.dx_entity_snapshots_v1)::int4 as n`,
    )
    return rows[0]?.n === 2 * ROWS
  })
  expect(said).toContain('at_capacity')
  expect(said.filter((each) => each === 'at_capacity').length).toBeLessThan(10)
  const { rowCount } = await dx.query('select from hq_export.dead_letter')
  expect(rowCount).toBe(0)
})
