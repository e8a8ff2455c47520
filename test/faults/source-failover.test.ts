import { pipeline as pipe } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { expect, test } from 'vitest'
import { expectEqualSides } from '../support/equal-sides.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../support/reference-rows.ts'
import { createDxDatabase, createOwnDatabase, prepareDx } from '../support/servers/databases.ts'
import { startOwnServer } from '../support/servers/own-server.ts'
import { StandbyCluster } from '../support/servers/standby-cluster.ts'
import { waitFor } from '../support/wait-for.ts'

/** A bit of everything: rows of every dataset, a newer version, a delete. */
async function writeSome(client: pg.Client, orgId: string): Promise<void> {
  const runId = await insertRun(client, orgId)
  await insertEvent(client, orgId, runId)
  const gone = await insertPerson(client, orgId)
  for (let row = 0; row < 20; row++) await insertCompany(client, orgId)
  await client.query(
    `update entities.company_entities
     set canonical_name = 'newer', record_version = record_version + 1 where org_id = $1`,
    [orgId],
  )
  await client.query('delete from entities.person_entities where entity_id = $1', [gone])
}

async function hasCaughtUp(primary: pg.Client, standby: pg.Client): Promise<boolean> {
  const { rows } = await primary.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
  const replayed = await standby.query<{ done: boolean }>(
    'select pg_last_wal_replay_lsn() >= $1::pg_lsn as done',
    [rows[0]?.lsn],
  )
  return replayed.rows[0]?.done ?? false
}

test('I1, I3: a promoted standby is a new life; what it retains is sent again and HQ ends equal', async () => {
  await using server = await startOwnServer('dx-primary', { wal_keep_size: '64MB' })
  const { cluster } = server
  const dxDatabase = await createOwnDatabase(cluster.url(), prepareDx)
  await using pipeline = await Pipeline.create({ dxDatabase })
  await pipeline.runGateway()
  const relay = pipeline.runRelay()
  const orgId = await insertOrg(pipeline.dx)
  await writeSome(pipeline.dx, orgId)

  await using standby = await StandbyCluster.follow(pipeline.dx, dxDatabase.url)
  await using standbyDatabase = await createOwnDatabase(standby.url, async () => {})
  const replica = await standbyDatabase.connect()
  // Nothing is sent from a standby, not even by a relay that is pointed at it and finds no leader.
  const early = pipeline.runRelay({ DX_DATABASE_URL: standby.url })
  await waitFor('the second relay to refuse the standby', () =>
    early.lines.some((line) => line.includes('in recovery')),
  )

  await writeSome(pipeline.dx, orgId)
  await pipeline.settled()
  await relay.terminate()
  // Committed on the primary, replayed on the standby, sent by nobody yet.
  await writeSome(pipeline.dx, orgId)
  await waitFor('the standby to catch up', () => hasCaughtUp(pipeline.dx, replica))
  await cluster.halt('immediate')
  await standby.promote()

  const unsent = await insertCompany(replica, orgId)
  pipeline.dx = replica
  await waitFor('the row of the new primary', async () => {
    const { rowCount } = await pipeline.hq.query(
      'select from hq.dx_company_entities_v1 where entity_id = $1',
      [unsent],
    )
    return rowCount === 1
  })
  await pipeline.settled()
  expect(early.lines.some((line) => line.includes('new incarnation'))).toBe(true)
  await expectEqualSides(replica, pipeline.hq)
  const letters = await replica.query('select reason, detail from hq_export.dead_letter')
  expect(letters.rows).toEqual([])
})

/** What a dump brings along, tables in the order of their foreign keys. */
const DUMPED = [
  'ops.orgs',
  'ops.companies',
  'ops.pipeline_runs',
  'ops.operation_runs',
  'ops.operation_events',
  'entities.company_entities',
  'entities.person_entities',
  'hq_export.outbox_0',
  'hq_export.outbox_1',
  'hq_export.outbox_2',
  'hq_export.ack',
  'hq_export.incarnation',
  'hq_export.version_base',
  'hq_export.dead_letter',
] as const

/**
 * Copies data and sequences as `pg_dump | psql` would, with triggers off as `--disable-triggers`
 * has them.
 */
async function dumpAndRestore(source: pg.Client, target: pg.Client): Promise<void> {
  await source.query('begin isolation level repeatable read')
  for (const table of DUMPED) await target.query(`alter table ${table} disable trigger all`)
  for (const table of DUMPED) {
    const columns = await source.query<{ name: string }>(
      `select quote_ident(attname) as name from pg_attribute
       where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
      [table],
    )
    const names = columns.rows.map(({ name }) => name).join(', ')
    await pipe(
      source.query(copyTo(`copy ${table} (${names}) to stdout`)),
      target.query(copyFrom(`copy ${table} (${names}) from stdin`)),
    )
  }
  for (const sequence of ['outbox_seq', 'current_outbox', 'doorbell', 'ack_seq']) {
    const { rows } = await source.query<{ value: string }>(
      `select last_value::text as value from hq_export.${sequence}`,
    )
    await target.query(`select setval('hq_export.${sequence}', $1)`, [rows[0]?.value])
  }
  await source.query('commit')
  for (const table of DUMPED) await target.query(`alter table ${table} enable trigger all`)
}

/**
 * Uses up transaction ids, so that those of a dump lie in the future of the server that restores
 * it.
 */
async function burnTransactionIds(client: pg.Client, count: number): Promise<void> {
  await client.query(`
    do $$ begin
      for i in 1..${count} loop
        begin
          perform pg_current_xact_id();
          insert into ops.orgs (name) values ('burnt');
          raise exception 'undo';
        exception when raise_exception then null; end;
      end loop;
    end $$`)
}

test.each([
  { relay: 'that had acked', runs: true },
  { relay: 'that had never run', runs: false },
])(
  'I1, I3: after dump and restore into another server, from a source with a relay $relay, HQ ends equal',
  async ({ runs }) => {
    await using server = await startOwnServer('dx-restored')
    await using restored = await createOwnDatabase(server.cluster.url(), prepareDx)
    await using pipeline = await Pipeline.create({ dxDatabase: await createDxDatabase() })
    await burnTransactionIds(pipeline.dx, 20_000)
    await pipeline.runGateway()
    const orgId = await insertOrg(pipeline.dx)
    await writeSome(pipeline.dx, orgId)
    if (runs) {
      const first = pipeline.runRelay()
      await pipeline.settled()
      await first.terminate()
    }
    // Waits in the outbox when the dump is taken.
    await writeSome(pipeline.dx, orgId)

    const target = await restored.connect()
    await dumpAndRestore(pipeline.dx, target)
    const { rows } = await target.query<{ future: boolean }>(
      'select max(xid) > pg_current_xact_id() as future from hq_export.outbox_0',
    )
    expect(rows).toEqual([{ future: true }])
    await writeSome(target, orgId)
    const second = pipeline.runRelay({ DX_DATABASE_URL: restored.url })
    pipeline.dx = target
    await waitFor('the relay to work on the new server', () => {
      second.assertRunning()
      return second.lines.some((line) => line.includes('new incarnation'))
    })
    await pipeline.settled()
    await expectEqualSides(target, pipeline.hq)
    const letters = await target.query('select reason, detail from hq_export.dead_letter')
    expect(letters.rows).toEqual([])
  },
)
