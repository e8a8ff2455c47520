import { randomUUID } from 'node:crypto'
import { datasetByName } from '@hq-export/contract'
import type { ReconcileRequest } from '@hq-export/outbox-relay/reconcile/reconcile-context.ts'
import { readReconciliation } from '@hq-export/outbox-relay/reconcile/record/reconciliation-record.ts'
import { runRecorded } from '@hq-export/outbox-relay/reconcile/record/run-recorded.ts'
import { beforeAll, expect, test } from 'vitest'
import { AppProcess } from '../../support/programs/app-process.ts'
import { SECRET } from '../../support/programs/ingest-client.ts'
import { brief, ReconcileSite } from '../../support/programs/reconcile-site.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { countLockWaiters } from '../../support/servers/lock-waiters.ts'
import { waitFor } from '../../support/wait-for.ts'

let site: ReconcileSite
let org: string
const ids: string[] = []
const COMPANIES = 'hq.dx_company_entities_v1'
const companies = [datasetByName('dx_company_entities_v1')]

beforeAll(async () => {
  site = await ReconcileSite.start()
  org = await insertOrg(site.dx)
  for (let n = 0; n < 20; n++) ids.push(await insertCompany(site.dx, org))
  await site.settled()
  return () => site[Symbol.asyncDispose]()
})

const recorded = (request: Partial<ReconcileRequest> = {}) =>
  runRecorded(site.context(), {
    id: randomUUID(),
    kind: 'command',
    datasets: null,
    scope: {},
    repair: 'auto',
    ...request,
  })

const removeFromHq = (some: readonly string[]) =>
  site.hq.query(`delete from ${COMPANIES} where entity_id = any ($1)`, [some])

test('what somebody takes out of HQ again and again is sent once, and no repair from then on', async () => {
  await removeFromHq(ids.slice(0, 1))
  const first = await recorded()
  expect([first.state, first.findings.map(({ repair }) => repair)]).toEqual(['repaired', ['sent']])
  await site.settled()
  await removeFromHq(ids.slice(0, 1))
  for (const kind of ['daily', 'daily'] as const) {
    const again = await recorded({ kind, rotation: true })
    expect(brief(again.findings)).toEqual({ [`company_entities ${org}/${ids[0]}`]: 'missing' })
    expect([again.state, again.findings[0]?.repair]).toEqual(['different', 'failed'])
  }
  // Asked for, it is tried again.
  expect(await recorded({ repair: 'all' })).toMatchObject({ state: 'repaired' })
  await site.settled()
  expect(await recorded()).toMatchObject({ state: 'equal', findings: [] })
  await removeFromHq(ids.slice(0, 1))
  expect(await recorded()).toMatchObject({ state: 'repaired' })
  await site.settled()
  expect(await recorded()).toMatchObject({ state: 'equal' })
})

test('three reconciliations at once repair what differs, and none fails by the others', async () => {
  await removeFromHq(ids.slice(0, 8))
  const runs = await Promise.all([
    recorded({ rangeRows: 5 }),
    recorded({ kind: 'daily', rotation: true, rangeRows: 7 }),
    recorded({ repair: 'all', rangeRows: 3 }),
  ])
  for (const { state, reason, findings } of runs) {
    expect(['repaired', 'equal', 'undecided'], `${reason}`).toContain(state)
    if (state === 'undecided') expect(reason).toMatch(/keys changed all the while$/)
    for (const finding of findings) expect(finding.class).toBe('missing')
  }
  await site.settled()
  expect(await recorded()).toMatchObject({ state: 'equal', findings: [] })
})

test('killed when it has sent a repair and not recorded it, it is undecided, and the next is equal', async () => {
  await removeFromHq(ids.slice(0, 3))
  const holder = await site.dxDatabase.connect()
  const last = (await readReconciliation(site.dx, 'latest'))?.number ?? '0'
  await using program = new AppProcess('outbox-relay', ['reconcile', '--repair'], {
    DX_DATABASE_URL: site.dxDatabase.url,
    HQ_INGEST_URL: site.gatewayUrl,
    HQ_SIGNING_SECRET: SECRET,
  })
  await holder.query('begin')
  await waitFor('the run to begin', async () => {
    program.assertRunning()
    const { rowCount } = await holder.query(
      'select from hq_export.reconciliation where number > $1 for update',
      [last],
    )
    return rowCount === 1
  })
  await waitFor('the run to record its end', async () => {
    program.assertRunning()
    return (await countLockWaiters(site.dx, 'outbox-relay reconcile record')) === 1
  })
  await program.kill()
  await holder.query('rollback')
  await site.settled()
  await waitFor('its session to end', async () => {
    const killed = await readReconciliation(site.dx, 'latest')
    return killed?.isUnderWay === false
  })
  expect(await readReconciliation(site.dx, 'latest')).toMatchObject({
    state: 'undecided',
    reason: 'it was killed, or lost its session',
    findings: [],
  })
  expect(await recorded()).toMatchObject({ state: 'equal', findings: [] })
})

test('locks and snapshots of roles without rights to anything of ours hold no run up', async () => {
  const stranger = await site.dxDatabase.connect()
  const reader = await site.hqDatabase.connect()
  const role = `stranger_${randomUUID().slice(0, 8)}`
  const last = (await readReconciliation(site.dx, 'latest'))?.number ?? '0'
  await stranger.query(
    `create role ${role}; grant usage on schema entities, ops to ${role};
     grant select on all tables in schema entities, ops to ${role}; set role ${role}`,
  )
  await reader.query(
    `create role ${role}; grant usage on schema hq to ${role};
     grant select on all tables in schema hq to ${role}; set role ${role}`,
  )
  try {
    // As a standby that reads, or a dump, holds one; with a transaction id of its own.
    await stranger.query('begin isolation level repeatable read')
    await stranger.query('select pg_current_xact_id()')
    await stranger.query(
      `lock table entities.company_entities, entities.person_entities, ops.operation_runs,
       ops.operation_events in access share mode`,
    )
    await stranger.query(
      `select pg_advisory_lock(1380272966, n) from generate_series($1::int, $1::int + 20) n`,
      [last],
    )
    await reader.query('begin isolation level repeatable read')
    await reader.query(`lock table ${COMPANIES}, hq.dx_entity_snapshots_v1 in access share mode`)
    await removeFromHq(ids.slice(0, 2))
    expect(await recorded()).toMatchObject({ state: 'repaired' })
    await site.settled()
    expect(await recorded({ kind: 'daily', rotation: true })).toMatchObject({ state: 'equal' })
  } finally {
    await stranger.query('rollback; reset role; select pg_advisory_unlock_all()')
    await stranger.query(`drop owned by ${role}; drop role ${role}`)
    await reader.query('rollback; reset role')
    await reader.query(`drop owned by ${role}; drop role if exists ${role}`)
  }
})

test('of 1,001 missing rows none is sent, asked for or not, and of 1,000 all are', async () => {
  await site.dx.query(
    `insert into entities.company_entities (org_id, canonical_name)
     select $1::uuid, 'many ' || n from generate_series(1, 1001) n`,
    [org],
  )
  await site.settled()
  await site.hq.query(
    `create table public.kept as select * from ${COMPANIES} where canonical_name = 'many 1'`,
  )
  await site.hq.query(`delete from ${COMPANIES} where canonical_name like 'many %'`)
  for (const repair of ['auto', 'all'] as const) {
    const capped = await recorded({ repair, datasets: companies })
    expect(capped).toMatchObject({ state: 'different', cost: [{ capReached: true }] })
    expect(capped.run?.datasets[0]).toMatchObject({ repairs: { none: 1_001, sent: 0 } })
  }
  await site.hq.query(`insert into ${COMPANIES} select * from public.kept`)
  const repaired = await recorded({ datasets: companies })
  expect(repaired).toMatchObject({ state: 'repaired', cost: [{ capReached: false }] })
  expect(repaired.run?.datasets[0]?.repairs.sent).toBe(1_000)
  await site.settled()
  expect(await recorded()).toMatchObject({ state: 'equal' })
})
