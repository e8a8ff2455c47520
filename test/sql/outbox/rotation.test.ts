import { establishEpoch } from '@hq-export/outbox-relay/incarnation/epoch.ts'
import { type Ack, readAck, writeAck } from '@hq-export/outbox-relay/outbox/ack.ts'
import { compactAcks } from '@hq-export/outbox-relay/outbox/compact-acks.ts'
import { rotate } from '@hq-export/outbox-relay/outbox/rotate.ts'
import { takeTick } from '@hq-export/outbox-relay/outbox/tick.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { acceptAll, ScriptedGateway } from '../../support/network/scripted-gateway.ts'
import { insertOutboxRows, readKeys } from '../../support/outbox.ts'
import { startInProcessRelay } from '../../support/programs/in-process-relay.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

let database: TestDatabase
let relay: pg.Client
let writer: pg.Client
let epoch: string

beforeEach(async () => {
  database = await createDxDatabase()
  relay = await connect(database.url, 'test', () => {})
  writer = await database.connect()
  epoch = (await establishEpoch(relay)).epoch
})

afterEach(async () => {
  await relay.end()
  await database[Symbol.asyncDispose]()
})

async function ackEverything(): Promise<Ack> {
  const written = await writeAck(relay, epoch, await readAck(relay, epoch), await takeTick(relay))
  if (written === undefined) throw new Error('the ack was fenced off')
  return written
}

async function currentTable(): Promise<number> {
  const { rows } = await relay.query<{ current: string }>(
    "select pg_catalog.pg_sequence_last_value('hq_export.current_outbox')::text as current",
  )
  return Number(rows[0]?.current)
}

async function rowCounts(): Promise<number[]> {
  const { rows } = await relay.query<{ counts: number[] }>(
    `select array[(select count(*)::int from hq_export.outbox_0),
                  (select count(*)::int from hq_export.outbox_1),
                  (select count(*)::int from hq_export.outbox_2)] as counts`,
  )
  return rows[0]?.counts ?? []
}

test('acked rows stay for one period and are gone after it, without a dead tuple', async () => {
  await insertOutboxRows(writer, ['a', 'b'], 0)
  await rotate(relay, await ackEverything())
  expect(await rowCounts()).toEqual([2, 0, 0])
  expect(await currentTable()).toBe(1)
  await rotate(relay, await ackEverything())
  await rotate(relay, await ackEverything())
  expect(await rowCounts()).toEqual([0, 0, 0])
  const { rows } = await relay.query<{ dead: number; bytes: number }>(
    `select sum(pg_stat_get_dead_tuples(t))::int as dead, sum(pg_relation_size(t))::int as bytes
     from unnest(array['hq_export.outbox_0', 'hq_export.outbox_1',
       'hq_export.outbox_2']::regclass[]) t`,
  )
  expect(rows[0]).toEqual({ dead: 0, bytes: 0 })
})

test('I1: a row that no ack covers is never truncated', async () => {
  const ack = await ackEverything()
  await insertOutboxRows(writer, ['unsettled'], 1)
  expect(await rotate(relay, ack)).toBe(false)
  expect(await rowCounts()).toEqual([0, 1, 0])
  expect(await rotate(relay, await ackEverything())).toBe(true)
  expect(await rowCounts()).toEqual([0, 0, 0])
})

test('a writer with a transaction open on the oldest table delays the rotation and loses nothing', async () => {
  await insertOutboxRows(writer, ['settled'], 1)
  const ack = await ackEverything()
  await writer.query('begin')
  await insertOutboxRows(writer, ['late'], 1)
  expect(await rotate(relay, ack)).toBe(false)
  await writer.query('commit')
  expect(await rotate(relay, ack)).toBe(false)
  expect(await readKeys(relay, { from: ack.acked, to: await takeTick(relay) })).toEqual(['late'])
})

test('a reader that holds the table like pg_dump delays the rotation and is not broken by it', async () => {
  await insertOutboxRows(writer, ['settled'], 1)
  const ack = await ackEverything()
  const dump = await database.connect()
  await dump.query('begin isolation level repeatable read')
  await dump.query('lock table hq_export.outbox_1 in access share mode')
  expect(await rotate(relay, ack)).toBe(false)
  await dump.query('commit')
  expect(await rotate(relay, ack)).toBe(true)
})

test('an old snapshot elsewhere neither delays a rotation nor leaves dead rows', async () => {
  const old = await database.connect()
  await old.query('begin isolation level repeatable read')
  await old.query('select 1')
  await insertOutboxRows(writer, ['settled'], 1)
  expect(await rotate(relay, await ackEverything())).toBe(true)
  expect(await rowCounts()).toEqual([0, 0, 0])
  await old.query('commit')
})

test('a writer that picked its table before two rotations is still read', async () => {
  await insertOutboxRows(writer, ['x'], 0)
  await rotate(relay, await ackEverything())
  await rotate(relay, await ackEverything())
  expect(await currentTable()).toBe(2)
  const from = await takeTick(relay)
  await insertOutboxRows(writer, ['slow'], 0)
  expect(await readKeys(relay, { from, to: await takeTick(relay) })).toEqual(['slow'])
})

/** A truncated table has another file. */
async function files(): Promise<string[]> {
  const { rows } = await writer.query<{ file: string }>(
    `select t::text || pg_relation_filenode(t) as file
     from unnest(array['outbox_0', 'outbox_1', 'outbox_2', 'ack', 'settle_0', 'settle_1']) n,
       lateral (select ('hq_export.' || n)::regclass as t) t
     order by 1`,
  )
  return rows.map(({ file }) => file)
}

test('at rest, with heartbeats alone, nothing is truncated; a burst costs the turns that empty it', async () => {
  await using gateway = await ScriptedGateway.start()
  let heartbeats = 0
  gateway.answer((batch) => {
    if (batch.envelope.dataset === 'dx_heartbeat_v1') heartbeats++
    return acceptAll(batch)
  })
  const moreHeartbeats = async () => {
    const before = heartbeats
    await waitFor('heartbeats', () => heartbeats >= before + 10)
  }
  await using _relay = await startInProcessRelay({
    databaseUrl: database.url,
    ingestUrl: gateway.url,
    heartbeatMs: 10,
    timing: { rotationPeriodMs: 5, renewalMs: 10 },
  })
  const atRest = await files()
  await moreHeartbeats()
  expect(await files()).toEqual(atRest)
  await insertOutboxRows(writer, ['a', 'b', 'c'], (await currentTable()) as 0 | 1 | 2)
  const changed = new Set<string>()
  await waitFor('the burst to be gone', async () => {
    for (const file of await files()) if (!atRest.includes(file)) changed.add(file)
    const { rows } = await writer.query<{ left: number }>(
      `select (select count(*) from hq_export.outbox_0 where dataset <> 0)
         + (select count(*) from hq_export.outbox_1 where dataset <> 0)
         + (select count(*) from hq_export.outbox_2 where dataset <> 0) as left`,
    )
    return Number(rows[0]?.left) === 0
  })
  await moreHeartbeats()
  const after = await files()
  for (const file of after) if (!atRest.includes(file)) changed.add(file)
  expect(changed.size).toBeLessThanOrEqual(3)
  await moreHeartbeats()
  expect(await files()).toEqual(after)
})

test('I1: a row of a transaction that was open at the ack keeps its table, whatever is settled around it', async () => {
  await insertOutboxRows(writer, ['open'], 1)
  const open = await database.connect()
  await open.query('begin')
  await open.query('select pg_current_xact_id()')
  await insertOutboxRows(
    writer,
    Array.from({ length: 500 }, (_, n) => String(n)),
    1,
  )
  const before = await ackEverything()
  await insertOutboxRows(open, ['late'], 2)
  await open.query('commit')
  // Rows that the snapshot shows around a transaction that it does not.
  expect(await rotate(relay, before)).toBe(true)
  expect(await rowCounts()).toEqual([0, 0, 1])
  expect(await rotate(relay, before)).toBe(false)
  expect(await rotate(relay, await ackEverything())).toBe(true)
  expect(await rowCounts()).toEqual([0, 0, 0])
})

test('an ack of a relay that was overtaken is refused', async () => {
  const stale = await readAck(relay, epoch)
  const newer = await ackEverything()
  expect(await writeAck(relay, epoch, stale, await takeTick(relay))).toBeUndefined()
  expect(await readAck(relay, epoch)).toEqual(newer)
})

test('the table of acks is emptied but for the newest', async () => {
  const last = await readAck(relay, epoch)
  await writer.query(
    `insert into hq_export.ack (epoch, acked) select $1, $2::pg_snapshot
     from generate_series(1, 1500)`,
    [epoch, last.acked],
  )
  const newest = await ackEverything()
  await compactAcks(relay, 0)
  expect(await readAck(relay, epoch)).toEqual(newest)
  const { rows } = await relay.query<{ count: number }>('select count(*)::int from hq_export.ack')
  expect(rows[0]?.count).toBe(1)
})

test('acks are compacted where the right to make temporary tables was revoked', async () => {
  const name = new URL(database.url).pathname.slice(1)
  await writer.query(`revoke temporary on database ${name} from public`)
  await writer.query(
    "insert into hq_export.ack (epoch, acked) select $1, '1:1:' from generate_series(1, 1500)",
    [epoch],
  )
  const newest = await ackEverything()
  await compactAcks(relay, 0)
  expect(await readAck(relay, epoch)).toEqual(newest)
  const { rows } = await relay.query<{ count: number }>('select count(*)::int from hq_export.ack')
  expect(rows[0]?.count).toBe(1)
})

test('acks that a dump reads are left for a later period', async () => {
  await writer.query(
    "insert into hq_export.ack (epoch, acked) select $1, '1:1:' from generate_series(1, 1500)",
    [epoch],
  )
  const newest = await ackEverything()
  const dump = await database.connect()
  await dump.query('begin isolation level repeatable read')
  await dump.query('lock table hq_export.ack in access share mode')
  await compactAcks(relay, 0)
  expect(await readAck(relay, epoch)).toEqual(newest)
  await dump.query('commit')
  await compactAcks(relay, 0)
  expect(await readAck(relay, epoch)).toEqual(newest)
  const { rows } = await relay.query<{ count: number }>('select count(*)::int from hq_export.ack')
  expect(rows[0]?.count).toBe(1)
})
