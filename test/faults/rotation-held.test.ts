import type { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { arm, DOORBELL_CHANNEL } from '@hq-export/outbox-relay/doorbell/doorbell.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { acceptAll, ScriptedGateway } from '../support/network/scripted-gateway.ts'
import { startInProcessRelay } from '../support/programs/in-process-relay.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import { createOwnDatabase, prepareDx, type TestDatabase } from '../support/servers/databases.ts'
import { startOwnServer } from '../support/servers/own-server.ts'
import { waitFor } from '../support/wait-for.ts'
import { Writers } from '../support/writers.ts'

const ROTATION_PERIOD_MS = 40
/** Rotations that a test waits for where they must happen. */
const ROTATIONS = 6
/** Rows that arrive while something is held: enough for many periods. */
const ROWS_WHILE_HELD = 300

const SETTINGS = {
  max_prepared_transactions: '10',
  // No slot can exist here and no change can be decoded from the WAL: nothing of ours can pin it.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_replication_slots: '0',
}

let server: { readonly cluster: EmbeddedCluster } & AsyncDisposable
let database: TestDatabase
let application: pg.Client
let gateway: ScriptedGateway
let relay: AsyncDisposable
let orgId: string
let writers: Writers
let arrived: Map<string, number>

beforeAll(async () => {
  server = await startOwnServer('dx-rotation', SETTINGS)
  database = await createOwnDatabase(server.cluster.url(), prepareDx)
  application = await database.connect()
  orgId = await insertOrg(application)
  arrived = new Map()
  gateway = await ScriptedGateway.start()
  gateway.answer((batch) => {
    if (batch.envelope.dataset === 'dx_company_entities_v1') {
      for (const { row } of batch.envelope.rows) {
        const entityId = String(row.entity_id)
        arrived.set(entityId, (arrived.get(entityId) ?? 0) + 1)
      }
    }
    gateway.received.length = 0
    return acceptAll(batch)
  })
  relay = await startInProcessRelay({
    databaseUrl: database.url,
    ingestUrl: gateway.url,
    timing: { rotationPeriodMs: ROTATION_PERIOD_MS },
  })
  writers = await Writers.start({ database, orgId, sessions: 2 })
})

afterAll(async () => {
  await writers[Symbol.asyncDispose]()
  await relay[Symbol.asyncDispose]()
  await gateway[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

/** A truncated table has another file. */
async function files(): Promise<number[]> {
  const { rows } = await application.query<{ files: number[] }>(
    `select array[pg_relation_filenode('hq_export.outbox_0')::int,
                  pg_relation_filenode('hq_export.outbox_1')::int,
                  pg_relation_filenode('hq_export.outbox_2')::int] as files`,
  )
  return rows[0]?.files ?? []
}

/** Waits for so many truncations, counted by new files. */
async function rotations(count: number): Promise<void> {
  let last = await files()
  let seen = 0
  await waitFor(`${count} rotations`, async () => {
    const now = await files()
    seen += now.filter((file, table) => file !== last[table]).length
    last = now
    return seen >= count
  })
}

/** Everything that the writers have committed until now arrives. */
async function arriveAll(): Promise<void> {
  const committed = [...writers.committed]
  await waitFor('everything committed to arrive', () => committed.every((id) => arrived.has(id)))
}

async function moreArrive(rows: number): Promise<void> {
  const before = arrived.size
  await waitFor(`${rows} more rows to arrive`, () => arrived.size >= before + rows)
  await arriveAll()
}

test('changes are pushed from a server without logical WAL and without a replication slot', async () => {
  const { rows } = await application.query('show wal_level')
  expect(rows).toEqual([{ wal_level: 'minimal' }])
  await moreArrive(1)
})

test('rotation goes on under traffic and leaves no dead row behind', async () => {
  await rotations(ROTATIONS)
  await arriveAll()
  const { rows } = await waitFor('statistics of the outbox and the acks', async () => {
    const found = await application.query<{ relname: string; dead: string; changed: string }>(
      `select relname, n_dead_tup::text as dead, (n_tup_upd + n_tup_del)::text as changed
       from pg_stat_user_tables
       where schemaname = 'hq_export' and (relname like 'outbox_%' or relname = 'ack')
         and n_tup_ins > 0 order by relname`,
    )
    return found.rowCount === 4 && found
  })
  expect(rows).toEqual(
    ['ack', 'outbox_0', 'outbox_1', 'outbox_2'].map((relname) => ({
      relname,
      dead: '0',
      changed: '0',
    })),
  )
})

test('I1, I5: a prepared transaction that holds the outbox delays rotation, stops nobody, and arrives after COMMIT PREPARED', async () => {
  await application.query('begin')
  const prepared = await insertCompany(application, orgId)
  const { rows } = await application.query<{ table: number }>(
    `select right(relation::regclass::text, 1)::int as table from pg_locks
     where pid = pg_backend_pid() and mode = 'RowExclusiveLock'
       and relation::regclass::text ~ 'outbox_[012]$'`,
  )
  const held = rows[0]?.table ?? -1
  await application.query("prepare transaction 'held'")
  const before = await files()
  await moreArrive(ROWS_WHILE_HELD)
  expect((await files())[held]).toBe(before[held])
  expect(arrived.has(prepared)).toBe(false)
  await application.query("commit prepared 'held'")
  await waitFor('the prepared row to arrive', () => arrived.has(prepared))
  await rotations(ROTATIONS)
  await arriveAll()
})

test('I5: where transactions can be prepared nothing rings, because NOTIFY would make PREPARE TRANSACTION fail', async () => {
  const listener = await database.connect()
  let rings = 0
  listener.on('notification', () => rings++)
  await listener.query(`listen ${DOORBELL_CHANNEL}`)
  const { rows } = await application.query<{ door: string }>(
    'select last_value::text as door from hq_export.doorbell',
  )
  await arm(application)
  await application.query('begin')
  const prepared = await insertCompany(application, orgId)
  await application.query("prepare transaction 'silent'")
  await application.query("commit prepared 'silent'")
  await waitFor('the prepared row to arrive', () => arrived.has(prepared))
  await listener.query('select 1')
  expect(rings).toBe(0)
  await application.query("select setval('hq_export.doorbell', $1)", [rows[0]?.door])
})

test('I5: a dump that holds every table in one old snapshot delays rotation and is not broken by it', async () => {
  const dump = await database.connect()
  await dump.query('begin isolation level repeatable read read only')
  const tables = await dump.query<{ name: string }>(
    `select relation::regclass::text as name
     from (select oid as relation from pg_class
       where relkind = 'r' and relnamespace::regnamespace::text in ('ops', 'entities', 'hq_export')) r`,
  )
  for (const { name } of tables.rows) await dump.query(`lock table ${name} in access share mode`)
  const countAll = `select (select count(*) from hq_export.outbox_0)
    + (select count(*) from hq_export.outbox_1)
    + (select count(*) from hq_export.outbox_2) as outbox,
      (select count(*) from entities.company_entities) as entities`
  const first = await dump.query(countAll)
  const before = await files()
  await moreArrive(ROWS_WHILE_HELD)
  expect((await dump.query(countAll)).rows).toEqual(first.rows)
  expect(await files()).toEqual(before)
  await dump.query('commit')
  await rotations(ROTATIONS)
  await arriveAll()
})

test('an old snapshot that holds no table of ours neither delays rotation nor leaves dead rows', async () => {
  const old = await database.connect()
  await old.query('begin isolation level repeatable read')
  await old.query('select count(*) from ops.orgs')
  await rotations(ROTATIONS)
  await arriveAll()
  // Its own next write goes where writers write now, not where they wrote when its snapshot was
  // taken.
  const late = await insertCompany(old, orgId)
  await old.query('commit')
  await waitFor('its row to arrive', () => arrived.has(late))
  const { rows } = await application.query<{ dead: string }>(
    `select sum(n_dead_tup)::text as dead from pg_stat_user_tables
     where schemaname = 'hq_export' and (relname like 'outbox_%' or relname = 'ack')`,
  )
  expect(rows).toEqual([{ dead: '0' }])
})

test('all of this lost nothing', async () => {
  await writers.stop()
  await arriveAll()
  const { rows } = await application.query<{ entity_id: string }>(
    'select entity_id from entities.company_entities',
  )
  expect(new Set(rows.map(({ entity_id }) => entity_id))).toEqual(new Set(arrived.keys()))
})
