import { expect, test } from 'vitest'
import { Pipeline } from '../support/programs/pipeline.ts'
import { reconcileAll } from '../support/programs/reconcile-under-load.ts'
import { insertCompany, insertEvent, insertOrg, insertRun } from '../support/reference-rows.ts'
import { createOwnDatabase, prepareDx } from '../support/servers/databases.ts'
import { startOwnServer } from '../support/servers/own-server.ts'
import { StandbyCluster } from '../support/servers/standby-cluster.ts'
import { waitFor } from '../support/wait-for.ts'

const UPDATE = `update entities.company_entities
  set canonical_name = $2, record_version = record_version + 1 where entity_id = $1`

test('what a source lost by a failover, and HQ has, is found, whatever transaction ids are used again', async () => {
  await using server = await startOwnServer('dx-lost', { wal_keep_size: '64MB' })
  const dxDatabase = await createOwnDatabase(server.cluster.url(), prepareDx)
  await using before = await Pipeline.create({ dxDatabase })
  await before.startGateway()
  const relay = before.startRelay()
  const { dx } = before
  const orgId = await insertOrg(dx)
  const run = await insertRun(dx, orgId)
  const company = await insertCompany(dx, orgId)
  const untouched = await insertCompany(dx, orgId)
  await before.settled()

  await using standby = await StandbyCluster.follow(dx, dxDatabase.url)
  await using standbyDatabase = await createOwnDatabase(standby.url, async () => {})
  const replica = await standbyDatabase.connect()
  await replica.query(`alter system set primary_conninfo = ''`)
  await replica.query('select pg_reload_conf()')
  await waitFor('the standby to be cut off', async () => {
    const { rowCount } = await replica.query('select from pg_stat_wal_receiver')
    return rowCount === 0
  })
  const lost = [await insertCompany(dx, orgId), await insertEvent(dx, orgId, run)]
  await dx.query(UPDATE, [company, 'newer'])
  await before.settled()
  await relay.terminate()
  await server.cluster.halt('immediate')
  await standby.promote()

  // The databases go with the first of them.
  const hqDatabase = { ...before.hqDatabase, [Symbol.asyncDispose]: async () => {} }
  await using after = await Pipeline.create({ dxDatabase: standbyDatabase, hqDatabase })
  await after.startGateway()
  after.startRelay()
  // Their transaction ids are those of what is lost.
  for (let n = 0; n < 10; n++) await insertCompany(replica, orgId)
  await waitFor('a relay of the new life', async () => {
    const { rowCount } = await replica.query(
      `select from hq_export.ack a, hq_export.incarnation i
       where a.epoch = (select system_identifier::text from pg_control_system()) || '.' || i.id`,
    )
    return (rowCount ?? 0) > 0
  })
  await after.settled()
  const { state, findings } = await reconcileAll(after)
  const entities = findings.filter(({ dataset }) => !dataset.includes('snapshots'))
  const found = entities.map(({ key, class: each }) => `${each} ${key.split('/').at(-1)}`)
  expect([state, found.sort()]).toEqual([
    'different',
    [`ahead ${company}`, ...lost.map((id) => `extra ${id}`)].sort(),
  ])
  expect(JSON.stringify(findings)).not.toContain(untouched)

  // It goes past what HQ has of it, and is the same again; what the source never wrote again is not.
  for (const name of ['a', 'b']) await replica.query(UPDATE, [company, name])
  await after.settled()
  const later = await reconcileAll(after)
  expect(later.state).toBe('different')
  expect(JSON.stringify(later.findings)).not.toContain(company)
})
