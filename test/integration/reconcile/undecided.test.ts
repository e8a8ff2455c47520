import { randomUUID } from 'node:crypto'
import { datasetByName, snapshotIdOf } from '@hq-export/contract'
import { beforeAll, expect, test } from 'vitest'
import { ingestKey } from '../../support/programs/ingest-client.ts'
import { createSecret } from '../../support/programs/pipeline.ts'
import { brief, ReconcileSite } from '../../support/programs/reconcile-site.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { waitFor } from '../../support/wait-for.ts'

let site: ReconcileSite
let org: string
const ids: string[] = []
const companies = [datasetByName('dx_company_entities_v1')]
const patient = { patienceMs: 300 }

beforeAll(async () => {
  site = await ReconcileSite.start()
  org = await insertOrg(site.dx)
  for (let n = 0; n < 8; n++) ids.push(await insertCompany(site.dx, org, { record_version: 5 }))
  await site.settled()
  return () => site[Symbol.asyncDispose]()
})

async function outcome(...args: Parameters<ReconcileSite['run']>) {
  const [request = {}, context] = args
  const { reconciliation, cost } = await site.run({ datasets: companies, ...request }, context)
  const [result] = reconciliation.datasets
  return { ...reconciliation, result, reason: result?.reason, cost: cost[0] }
}

const key = (n: number): string => `company_entities ${org}/${ids[n]}`
const removeFromHq = (n: number) =>
  site.hq.query('delete from hq.dx_company_entities_v1 where entity_id = $1', [ids[n]])

test('what HQ has refused is known, and a sample never says equal', async () => {
  await site.dx.query(
    `update entities.company_entities set canonical_name = $2, record_version = 6
     where entity_id = $1`,
    [ids[0], createSecret()],
  )
  await site.settled()
  const refused = await outcome()
  expect([refused.state, brief(refused.findings)]).toEqual(['equal', { [key(0)]: 'refused' }])
  expect(refused.findings[0]?.reason).toBe('dead letter: secret_detected')
  expect(await outcome({ scope: { sample: 2 } })).toMatchObject({
    state: 'undecided',
    reason: 'no difference in a sample of 1/2',
  })
  await site.dx.query(
    `update entities.company_entities set canonical_name = 'Acme', record_version = 7
     where entity_id = $1`,
    [ids[0]],
  )
  await site.settled()
})

test('of more than may be sent nothing is sent', async () => {
  await removeFromHq(1)
  await removeFromHq(2)
  const capped = await outcome({ repair: 'auto', repairLimit: 1 })
  expect(capped).toMatchObject({ state: 'different', cost: { capReached: true } })
  expect(capped.findings.map(({ repair }) => repair)).toEqual(['none', 'none'])
  expect(await outcome({ repair: 'auto', repairLimit: 2 })).toMatchObject({ state: 'repaired' })
  await site.settled()
  expect(await outcome()).toMatchObject({ state: 'equal', findings: [] })
})

test('an org or a window of time is compared by itself', async () => {
  const other = await insertOrg(site.dx)
  const elsewhere = await insertCompany(site.dx, other)
  await site.settled()
  await site.hq.query('delete from hq.dx_company_entities_v1 where entity_id = $1', [elsewhere])
  expect(await outcome({ scope: { org_id: org } })).toMatchObject({ state: 'equal' })
  expect(await outcome({ scope: { until: '2001-01-01T00:00:00Z' } })).toMatchObject({
    state: 'equal',
    result: { source_rows: 0, coverage: 1 },
  })
  const since = { since: '2001-01-01T00:00:00Z' }
  expect(await outcome({ scope: since, repair: 'auto' })).toMatchObject({ state: 'repaired' })
  await site.settled()
  expect(await outcome()).toMatchObject({ state: 'equal' })
})

test('a key that HQ has as a row of another source is named as that, and not sent again', async () => {
  await site.hq.query(
    `update hq.dx_company_entities_v1 set _dx_source = 'another' where entity_id = $1`,
    [ids[3]],
  )
  const found = await outcome({ repair: 'all' })
  expect(found.state).toBe('different')
  expect(brief(found.findings)).toEqual({ [key(3)]: 'foreign' })
  expect(found.findings[0]).toMatchObject({
    repair: 'not_repairable',
    reason: 'HQ has the key as a row of another source',
  })
  await site.hq.query(`update hq.dx_company_entities_v1 set _dx_source = 'data-engine-x'`)
  expect(await outcome()).toMatchObject({ state: 'equal' })
})

test('a row of HQ whose transaction the source has not begun is compared, not waited for', async () => {
  const set = (n: number, change: string) =>
    site.hq.query(
      `update hq.dx_company_entities_v1 set _dx_xid = '9000000000000000', ${change}
       where entity_id = $1`,
      [ids[n]],
    )
  await set(3, 'canonical_name = canonical_name')
  expect(await outcome()).toMatchObject({ state: 'equal', findings: [] })
  await set(2, `canonical_name = 'other'`)
  const found = await outcome({ repair: 'all' })
  expect(brief(found.findings)).toEqual({ [key(2)]: 'different canonical_name' })
  expect(found).toMatchObject({
    state: 'repaired',
    findings: [{ reason: 'HQ names a transaction that the source has not begun' }],
  })
  await site.settled()
  await site.hq.query(`update hq.dx_company_entities_v1 set _dx_xid = '5' where entity_id = $1`, [
    ids[3],
  ])
  expect(await outcome()).toMatchObject({ state: 'equal' })
})

test('a snapshot of an entity that neither side has, of a transaction that never was, is found', async () => {
  const snapshot = { org_id: org, entity_type: 'company', entity_id: randomUUID() }
  const id = snapshotIdOf({ ...snapshot, record_version: '7' })
  await site.hq.query(
    `insert into hq.dx_entity_snapshots_v1
     select (jsonb_populate_record(t, $2 || jsonb_build_object('_dx_xid', '9000000000000000'))).*
     from hq.dx_entity_snapshots_v1 t where t.entity_id = $1 limit 1`,
    [ids[1], { ...snapshot, snapshot_id: id, record_version: 7 }],
  )
  const datasets = [datasetByName('dx_entity_snapshots_v1')]
  const found = await outcome({ datasets, repair: 'all' })
  expect(brief(found.findings)).toEqual({ [`entity_snapshots ${id}`]: 'extra' })
  expect(found).toMatchObject({
    state: 'different',
    findings: [
      {
        repair: 'not_repairable',
        reason: 'HQ names a transaction that the source has not begun',
      },
    ],
  })
  await site.hq.query('delete from hq.dx_entity_snapshots_v1 where snapshot_id = $1', [id])
  expect(await outcome({ datasets })).toMatchObject({ state: 'equal', findings: [] })
})

test('a delete that HQ keeps of a key that never was is no difference until the key is', async () => {
  const id = randomUUID()
  const planted = key(0).replace(`${ids[0]}`, id)
  const set = (change: string) =>
    site.hq.query(`update hq.dx_company_entities_v1 set ${change} where entity_id = $1`, [id])
  await site.hq.query(
    `insert into hq.dx_company_entities_v1
     select (jsonb_populate_record(t, jsonb_build_object(
       'entity_id', $2::text, 'record_version', 9, '_dx_deleted_at', now()))).*
     from hq.dx_company_entities_v1 t where t.entity_id = $1`,
    [ids[1], id],
  )
  expect(await outcome()).toMatchObject({ state: 'equal', findings: [] })

  await insertCompany(site.dx, org, { entity_id: id, record_version: 5 })
  await site.settled()
  expect(brief((await outcome()).findings)).toEqual({ [planted]: 'ahead' })
  await set('record_version = record_version - 5')
  const found = await outcome({ repair: 'auto' })
  expect([found.state, brief(found.findings)]).toEqual(['repaired', { [planted]: 'missing' }])
  await site.settled()
  expect(await outcome()).toMatchObject({ state: 'equal', findings: [] })
})

test('rows of an earlier life of the source are compared, whatever their transaction', async () => {
  await site.stopRelay()
  await site.dx.query('delete from hq_export.incarnation')
  expect(await outcome()).toMatchObject({
    state: 'undecided',
    reason: 'no relay has worked since the source was started or restored',
  })
  await site.startRelay()
  await site.settled()
  await site.hq.query(
    `update hq.dx_company_entities_v1 set _dx_xid = '9000000000000000',
       canonical_name = case entity_id when $1 then 'other' else canonical_name end`,
    [ids[6]],
  )
  const later = await outcome({ repair: 'all' })
  expect(brief(later.findings)).toEqual({ [key(6)]: 'different canonical_name' })
  expect(later.state).toBe('repaired')
  await site.settled()
  expect(await outcome()).toMatchObject({ state: 'equal' })
})

test('a source that lost what HQ has is found out, and HQ is left as it is', async () => {
  await site.dx.query('begin')
  await site.dx.query('alter table entities.company_entities disable trigger user')
  await site.dx.query(
    'update entities.company_entities set record_version = record_version - 1 where entity_id = $1',
    [ids[4]],
  )
  await site.dx.query('delete from entities.company_entities where entity_id = $1', [ids[5]])
  await site.dx.query('alter table entities.company_entities enable trigger user')
  await site.dx.query('commit')
  const restored = await outcome({ repair: 'all' })
  expect(restored.state).toBe('different')
  expect(brief(restored.findings)).toEqual({ [key(4)]: 'ahead', [key(5)]: 'extra' })
  expect(restored.findings.map(({ repair }) => repair)).toEqual([
    'not_repairable',
    'not_repairable',
  ])
  for (const n of [4, 5]) await removeFromHq(n)
  expect(await outcome({ repair: 'auto' })).toMatchObject({ state: 'repaired' })
  await site.settled()
  expect(await outcome()).toMatchObject({ state: 'equal' })
})

test('a relay that does not deliver, a stop, and an HQ that is away leave it undecided', async () => {
  const ending = new AbortController()
  const ended = outcome(
    {},
    { stopping: ending.signal, onProgress: ({ phase }) => phase === 'scan' && ending.abort() },
  )
  expect(await ended).toMatchObject({ state: 'undecided', result: { source_rows: 0 } })
  await waitFor('the sessions to end', async () => {
    const { rows } = await site.dx.query(
      `select from pg_stat_activity where datname = current_database()
       and application_name like 'outbox-relay reconcile%'`,
    )
    return rows.length === 0
  })

  await site.stopRelay()
  await insertCompany(site.dx, org)
  expect(await outcome({}, patient)).toMatchObject({
    state: 'undecided',
    reason: 'the relay is behind: it has not delivered what was to be compared',
  })
  await site.startRelay()
  await site.settled()
  expect(await outcome()).toMatchObject({ state: 'equal' })

  await site.stopGateway()
  const away = await outcome({}, patient)
  expect(away.state).toBe('undecided')
  expect(away.reason).toMatch(/^HQ does not answer: /)
})

test('a key that may read some orgs compares these, and says that it is not all', async () => {
  const [mine, theirs] = [randomUUID(), randomUUID()]
  await using limited = await ReconcileSite.start({ keys: [ingestKey({ orgs: [mine] })] })
  for (const id of [mine, theirs]) {
    await limited.dx.query(`insert into ops.orgs (id, name) values ($1, 'some org')`, [id])
    await insertCompany(limited.dx, id)
  }
  await limited.settled()
  const state = async (orgId?: string) => {
    const scope = orgId === undefined ? {} : { org_id: orgId }
    const [result] = (await limited.run({ datasets: companies, scope })).reconciliation.datasets
    return [result?.state, result?.reason, result?.source_rows, (result?.coverage ?? 0) < 1]
  }
  expect(await state()).toEqual([
    'undecided',
    'the signing key may read only some of the orgs',
    1,
    true,
  ])
  expect(await state(mine)).toEqual(['equal', null, 1, false])
  expect(await state(theirs)).toEqual([
    'undecided',
    'the signing key may not read this org',
    0,
    true,
  ])
})
