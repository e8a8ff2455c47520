import { expect, test } from 'vitest'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'

test('I7: a row of an org that the key may not write is quarantined, and nothing of it reaches hq', async () => {
  await using pipeline = await Pipeline.create()
  const own = await insertOrg(pipeline.dx)
  const foreign = await insertOrg(pipeline.dx)
  const ownEntity = await insertCompany(pipeline.dx, own)
  const foreignEntity = await insertCompany(pipeline.dx, foreign)
  await pipeline.runGateway([own])
  pipeline.runRelay()
  await pipeline.settled()

  const { rows } = await pipeline.hq.query(
    `select entity_id from hq.dx_company_entities_v1
     union select entity_id from hq.dx_entity_snapshots_v1`,
  )
  expect(rows).toEqual([{ entity_id: ownEntity }])
  const refused = await pipeline.dx.query(
    `select distinct reason, key like $1 as is_foreign from hq_export.dead_letter
     where dataset = $2`,
    [`%${foreignEntity}%`, 'dx_company_entities_v1'],
  )
  expect(refused.rows).toEqual([{ reason: 'org_not_allowed', is_foreign: true }])
})
