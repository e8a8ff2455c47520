import { beforeAll, expect, test } from 'vitest'
import { ingestKey } from '../../support/programs/ingest-client.ts'
import { createSecret } from '../../support/programs/pipeline.ts'
import { brief, ReconcileSite } from '../../support/programs/reconcile-site.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../../support/reference-rows.ts'

const OTHER = { source: 'other', secret: createSecret() }

let one: ReconcileSite
let two: ReconcileSite
let org: string

beforeAll(async () => {
  one = await ReconcileSite.start({ keys: [ingestKey(), ingestKey(OTHER)] })
  two = await ReconcileSite.startBeside(one, OTHER)
  org = await insertOrg(one.dx)
  await two.dx.query('insert into ops.orgs (id, name) values ($1, $2)', [org, 'the same org'])
  return async () => {
    await two[Symbol.asyncDispose]()
    await one[Symbol.asyncDispose]()
  }
})

async function outcomes(repair: 'off' | 'all' = 'off') {
  await Promise.all([one.settled(), two.settled()])
  const runs = await Promise.all([one.run({ repair }), two.run({ repair })])
  return runs.map(({ reconciliation: { state, findings } }) => ({
    state,
    findings: brief(findings),
    repairs: new Set(findings.map((finding) => `${finding.class} ${finding.repair}`)),
  }))
}

test('two sources in one HQ: each compares and repairs its own rows, also where keys are equal', async () => {
  const [mine, theirs] = [one.dx, two.dx]
  const run = await insertRun(mine, org)
  const event = await insertEvent(mine, org, run)
  const [kept, taken] = [
    await insertCompany(mine, org, { record_version: 5 }),
    await insertCompany(mine, org, { record_version: 5 }),
  ]
  const person = await insertPerson(mine, org)
  await one.settled()
  await insertRun(theirs, org, { run_id: run })
  await insertEvent(theirs, org, run, { event_id: event, event_type: 'response_received' })
  await insertCompany(theirs, org, { entity_id: kept, record_version: 1 })
  await insertCompany(theirs, org, { entity_id: taken, record_version: 9 })
  const own = await insertCompany(theirs, org)
  const ofOne = { [`company_entities ${org}/${taken}`]: 'foreign' }
  const ofTwo = {
    [`company_entities ${org}/${kept}`]: 'foreign',
    [`operation_events ${event}`]: 'refused',
    [`operation_runs ${run}`]: 'refused',
  }
  const apart = [
    { state: 'different', findings: ofOne },
    { state: 'different', findings: ofTwo },
  ]
  expect(await outcomes()).toMatchObject(apart)

  const hqRows = async () => {
    const { rows } = await one.hq.query<{ state: string }>(
      `select concat_ws(' ', entity_id, _dx_source, canonical_name, record_version) as state
       from hq.dx_company_entities_v1 order by 1`,
    )
    return rows.map(({ state }) => state)
  }
  const before = await hqRows()
  await one.hq.query('delete from hq.dx_person_entities_v1 where entity_id = $1', [person])
  await one.hq.query('delete from hq.dx_company_entities_v1 where entity_id = $1', [own])
  expect(await outcomes('all')).toEqual([
    {
      state: 'different',
      findings: { ...ofOne, [`person_entities ${org}/${person}`]: 'missing' },
      repairs: new Set(['foreign not_repairable', 'missing sent']),
    },
    {
      state: 'different',
      findings: { ...ofTwo, [`company_entities ${org}/${own}`]: 'missing' },
      repairs: new Set(['foreign not_repairable', 'missing sent', 'refused none']),
    },
  ])
  expect(await outcomes()).toMatchObject(apart)
  expect(await hqRows()).toEqual(before)
})
