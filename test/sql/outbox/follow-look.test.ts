import {
  lookIntoOutbox,
  NOTHING_SEEN,
  type Seen,
  skipOutbox,
} from '@hq-export/outbox-relay/reconcile/follow/look.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

const COMPANIES = 3
const EVERYTHING = 1_000

let database: TestDatabase
let writer: pg.Client
let reader: pg.Client

beforeAll(async () => {
  database = await createDxDatabase()
  writer = await database.connect()
  reader = await connect(database.url, 'follow', () => {})
})

beforeEach(async () => {
  await writer.query(
    `truncate hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2;
     select setval('hq_export.current_outbox', 0)`,
  )
})

afterAll(async () => {
  await reader.end()
  await database[Symbol.asyncDispose]()
})

async function write(table: number, ...keys: readonly (string | null)[]): Promise<void> {
  await writer.query(
    `insert into hq_export.outbox_${table} (dataset, key, body)
     select $1, key, '{}' from unnest($2::text[]) key`,
    [COMPANIES, keys],
  )
}

/** Makes another table the current one, as a rotation does; it does not truncate here. */
async function turn(to: number): Promise<void> {
  await writer.query(`select setval('hq_export.current_outbox', $1)`, [to])
}

async function look(last: Seen, limit = EVERYTHING) {
  const { keys, ...found } = await lookIntoOutbox(reader, last, limit)
  return { ...found, keys: keys.map(({ key }) => key).toSorted() }
}

test('each key that was committed since is found once, whichever table it is in', async () => {
  const { seen } = await look(NOTHING_SEEN)
  await write(0, 'a', 'a', 'b', null)
  await write(1, 'a', 'c')
  await writer.query(`insert into hq_export.outbox_0 (dataset, key) values (0, 'heartbeat')`)
  const first = await look(seen)
  expect(first).toMatchObject({ keys: ['a', 'b', 'c'], leftOut: 0, missed: 0 })

  await writer.query('begin')
  await write(0, 'd')
  const second = await look(first.seen)
  expect(second.keys).toEqual([])
  await writer.query('commit')
  const third = await look(second.seen)
  expect(third.keys).toEqual(['d'])
  expect((await look(third.seen)).keys).toEqual([])
})

test('what is truncated after it was seen is not missed, and what was not seen is counted', async () => {
  await write(0, 'a')
  const first = await look(NOTHING_SEEN)
  await turn(1)
  const second = await look(first.seen)
  await write(1, 'b')
  await writer.query('truncate hq_export.outbox_0')
  const third = await look(second.seen)
  expect(third.keys).toEqual(['b'])
  // A transaction of another database of this server, open at the closing and ended by now, cannot
  // be told from one that wrote here: that counts as one row, and never as more.
  expect(third.missed).toBeLessThanOrEqual(1)

  await write(1, 'c', 'd')
  await turn(2)
  await writer.query('truncate hq_export.outbox_1')
  const fourth = await look(third.seen)
  expect(fourth).toMatchObject({ keys: [], missed: 2 })
  expect(await look(fourth.seen)).toMatchObject({ keys: [], missed: 0 })
})

test('a transaction that was open when its table was closed, and is gone with it, is missed', async () => {
  const other = await database.connect()
  const { seen } = await look(NOTHING_SEEN)
  await other.query('begin')
  await other.query(
    `insert into hq_export.outbox_0 (dataset, key, body) values (${COMPANIES}, 'late', '{}')`,
  )
  await turn(1)
  const closed = await look(seen)
  await other.query('commit')
  await writer.query('truncate hq_export.outbox_0')
  expect((await look(closed.seen)).missed).toBeGreaterThan(0)
})

test('beyond the limit it is a stable sample, and the rest is counted', async () => {
  const keys = Array.from({ length: 200 }, (_, n) => `key ${n}`)
  const { seen } = await look(NOTHING_SEEN)
  await write(0, ...keys)
  const half = await look(seen, 100)
  expect(half.keys.length + half.leftOut).toBe(200)
  expect(half.keys.length).toBeGreaterThan(60)
  expect(half.keys.length).toBeLessThan(140)
  expect((await look(seen, 100)).keys).toEqual(half.keys)
  const quarter = await look(seen, 50)
  expect(quarter.keys.length).toBeLessThan(half.keys.length)
  expect(half.keys).toEqual(expect.arrayContaining(quarter.keys))

  const skipped = await skipOutbox(reader, seen)
  expect(skipped).toMatchObject({ keys: [], missed: 200 })
})
