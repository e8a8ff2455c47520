import { WindowOutcomes } from '@hq-export/outbox-relay/balance/window-outcomes.ts'
import { establishEpoch } from '@hq-export/outbox-relay/incarnation/epoch.ts'
import { readAck, writeAck } from '@hq-export/outbox-relay/outbox/ack.ts'
import { takeTick } from '@hq-export/outbox-relay/outbox/tick.ts'
import { WindowAcks } from '@hq-export/outbox-relay/push/window-acks.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { openWindowTrace } from '@hq-export/outbox-relay/tracing/window-trace.ts'
import type pg from 'pg'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { createDxDatabase } from '../../support/servers/databases.ts'

let relay: pg.Client
let writer: pg.Client
let epoch: string
let acks: WindowAcks
const failures: unknown[] = []

beforeAll(async () => {
  const database = await createDxDatabase()
  relay = await connect(database.url, 'test', () => {})
  writer = await database.connect()
  epoch = (await establishEpoch(relay)).epoch
  return async () => {
    await relay.end()
    await database[Symbol.asyncDispose]()
  }
})

beforeEach(async () => {
  failures.length = 0
  acks = new WindowAcks(relay, epoch, await readAck(relay, epoch), (error) => failures.push(error))
})

/** A window that ends now, of which so many rows of one day were inserted. */
async function settled(rows: number) {
  await writer.query('select pg_current_xact_id()')
  const outcomes = new WindowOutcomes()
  outcomes.add('2026-11-28', 2, 'inserted', rows)
  return { to: await takeTick(writer), outcomes, trace: openWindowTrace() }
}

async function writtenSince(id: string) {
  const { rows } = await writer.query<{ acked: string; inserted: number }>(
    `select acked::text as acked, (outcomes -> 0 ->> 'inserted')::int as inserted
     from hq_export.ack where id > $1 order by id`,
    [id],
  )
  return rows
}

test('windows that are settled while an ack is written share the next one, and a flush acks the rest', async () => {
  const { id } = acks.last
  const windows = [await settled(1), await settled(2), await settled(4), await settled(8)]
  for (const window of windows) acks.add(window)
  await acks.pending
  acks.add(await settled(16))
  const last = await settled(32)
  acks.add(last)
  await acks.flush()
  expect(acks.pending).toBeUndefined()
  expect(acks.last).toMatchObject({ acked: last.to })
  const [first, second, ...others] = await writtenSince(id)
  expect(first).toEqual({ acked: windows[0]?.to, inserted: 1 })
  expect(second).toEqual({ acked: windows[3]?.to, inserted: 14 })
  expect(others.reduce((sum, { inserted }) => sum + inserted, 0)).toBe(48)
  expect(others.at(-1)).toMatchObject({ acked: last.to })
  expect(failures).toEqual([])
})

test('where another relay has acked, nothing more is acked until that is read', async () => {
  const { id } = acks.last
  const theirs = await takeTick(writer)
  await writeAck(writer, epoch, acks.last, theirs)
  acks.add(await settled(1))
  await acks.flush()
  expect(acks.isOvertaken).toBe(true)
  acks.add(await settled(2))
  await acks.flush()
  expect(await writtenSince(id)).toEqual([{ acked: theirs, inserted: null }])

  expect(await acks.read(relay)).toMatchObject({ acked: theirs })
  const ours = await settled(4)
  acks.add(ours)
  await acks.flush()
  expect(acks.isOvertaken).toBe(false)
  expect(await writtenSince(id)).toMatchObject([{ acked: theirs }, { acked: ours.to, inserted: 4 }])
  expect(failures).toEqual([])
})

test('an ack that fails is told, and leaves nothing pending', async () => {
  const window = await settled(1)
  await writer.query('begin')
  await writer.query('lock table hq_export.ack in access exclusive mode')
  await relay.query(`set lock_timeout = '10ms'`)
  acks.add(window)
  await acks.flush()
  await writer.query('rollback')
  await relay.query('reset lock_timeout')
  expect(failures).toMatchObject([{ code: '55P03' }])
  expect(acks.pending).toBeUndefined()
})
