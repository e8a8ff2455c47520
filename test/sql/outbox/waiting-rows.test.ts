import { readBalance } from '@hq-export/outbox-relay/balance/read-balance.ts'
import { adoptRows } from '@hq-export/outbox-relay/incarnation/adopt-rows.ts'
import { establishEpoch } from '@hq-export/outbox-relay/incarnation/epoch.ts'
import { type Ack, readAck, writeAck } from '@hq-export/outbox-relay/outbox/ack.ts'
import { countCaptured } from '@hq-export/outbox-relay/outbox/count-captured.ts'
import { takeTick } from '@hq-export/outbox-relay/outbox/tick.ts'
import { WaitingRows } from '@hq-export/outbox-relay/outbox/waiting-rows.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { LOOKING_SESSION } from '@hq-export/outbox-relay/session/looking-session.ts'
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { randomSeed, seededRandom } from '../../support/random.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { countLockWaiters } from '../../support/servers/lock-waiters.ts'
import { waitFor } from '../../support/wait-for.ts'

const MONDAY = '2026-03-30'
const TUESDAY = '2026-03-31'
const EVENTS = 2
const COMPANIES = 3

let database: TestDatabase
let looker: pg.Client
let relay: pg.Client
let writer: pg.Client
let epoch: string
let waiting: WaitingRows

beforeEach(async () => {
  database = await createDxDatabase()
  looker = await connect(database.url, 'test', () => {}, LOOKING_SESSION)
  relay = await connect(database.url, 'test', () => {})
  writer = await database.connect()
  epoch = (await establishEpoch(relay)).epoch
  waiting = new WaitingRows()
})

afterEach(async () => {
  await looker.end()
  await relay.end()
  await database[Symbol.asyncDispose]()
})

interface Written {
  readonly table?: number
  readonly dataset?: number
  readonly at?: string
  readonly xid?: string
}

async function write(
  client: pg.ClientBase,
  count: number,
  { table = 0, dataset = EVENTS, at = `${MONDAY}T12:00:00Z`, xid }: Written = {},
): Promise<void> {
  await client.query(
    `insert into hq_export.outbox_${table} (dataset, key, captured_at, body, xid)
     select $1, 'k' || i, $2, '{}', coalesce($3::xid8, pg_current_xact_id())
     from generate_series(1, $4::int) i`,
    [dataset, at, xid, count],
  )
}

/** Acks everything that is visible now. */
async function ack(): Promise<Ack> {
  const acked = await writeAck(relay, epoch, await readAck(relay, epoch), await takeTick(relay))
  if (acked === undefined) throw new Error('another relay has acked')
  return acked
}

const COUNT_ALL = `
select o.captured_at::date::text as day, o.dataset, count(*)::int as rows,
  to_json(min(o.captured_at)) #>> '{}' as oldest
from (table hq_export.outbox_0 union all table hq_export.outbox_1
  union all table hq_export.outbox_2) o
where not pg_visible_in_snapshot(o.xid,
  (select acked from hq_export.ack order by id desc limit 1))
group by 1, 2`

const inOrder = (groups: readonly object[]) => groups.map((group) => JSON.stringify(group)).sort()

/** What a look says, in the order of a plain count. */
async function look(client: pg.ClientBase = looker): Promise<string[]> {
  const groups: { day: string; dataset: number; rows: number; oldest: string }[] = JSON.parse(
    await waiting.look(client),
  )
  return inOrder(groups.map(({ day, dataset, rows, oldest }) => ({ day, dataset, rows, oldest })))
}

async function countAll(): Promise<string[]> {
  return inOrder((await relay.query(COUNT_ALL)).rows)
}

const DIFFERENCE = `
select coalesce(sum(captured), 0)::int as captured from hq_export.balance`

async function captured(): Promise<number> {
  return (await relay.query<{ captured: number }>(DIFFERENCE)).rows[0]?.captured ?? 0
}

test('a look reads what came since the one before, of whichever session, until the next ack', async () => {
  expect(await look()).toEqual([])
  await write(writer, 3)
  await write(writer, 2, { table: 1, dataset: COMPANIES, at: `${TUESDAY}T00:00:00.000001Z` })
  const first = await look()
  expect(first).toEqual(await countAll())
  expect(first).toHaveLength(2)

  // What is gone shows that it is not read once more: it is missed with the next ack.
  await writer.query(`delete from hq_export.outbox_0 where key = 'k2'`)
  await write(writer, 1, { at: `${MONDAY}T11:59:59.999999Z` })
  const [events] = await look(relay)
  expect(JSON.parse(events ?? '')).toEqual({
    ...{ day: MONDAY, dataset: EVENTS, rows: 4, oldest: `${MONDAY}T11:59:59.999999+00:00` },
  })
  await ack()
  await write(writer, 1)
  expect(await look()).toEqual(await countAll())
})

test('what was open at a look is read when it has committed, and not before', async () => {
  const other = await database.connect()
  await other.query('begin')
  await write(other, 5)
  await write(writer, 1)
  expect(await look()).toEqual(await countAll())
  await other.query('savepoint later')
  await write(other, 7, { dataset: COMPANIES })
  expect(await look()).toEqual(await countAll())
  await other.query('commit')
  const found = await look()
  expect(found).toEqual(await countAll())
  expect(found).toHaveLength(2)

  await other.query('begin')
  await write(other, 5)
  expect(await look()).toEqual(found)
  await other.query('rollback')
  expect(await look()).toEqual(found)
})

test('counting tells what waits of what it reads', async () => {
  await write(writer, 3)
  await ack()
  await write(writer, 2)
  await countCaptured(looker)
  await write(writer, 4, { at: `${TUESDAY}T03:00:00Z` })
  await countCaptured(looker, waiting)
  expect(await captured()).toBe(9)
  // A look after it reads nothing that it has read.
  await writer.query('delete from hq_export.outbox_0')
  const counts = (await look()).map((group) => JSON.parse(group))
  expect(counts).toMatchObject([
    { day: MONDAY, rows: 2 },
    { day: TUESDAY, rows: 4 },
  ])
})

test('rows of another server are shown each time and remembered never, and counted with the id that they get', async () => {
  await write(writer, 2)
  await write(writer, 3, { xid: '9000000000000' })
  for (let turn = 0; turn < 2; turn++) {
    expect(await look()).toEqual(await countAll())
    await countCaptured(looker, waiting)
    expect(await captured()).toBe(2)
  }
  await adoptRows(relay, false)
  await countCaptured(looker, waiting)
  expect(await captured()).toBe(5)
  expect(await look()).toEqual(await countAll())
})

test('another life of the server begins with nothing known', async () => {
  await write(writer, 2)
  expect(await look()).toEqual(await countAll())
  // As recovery does; what a lost transaction wrote is gone with it. Nobody knows which life it is
  // until a relay begins it.
  await writer.query('truncate hq_export.incarnation')
  for (let turn = 0; turn < 2; turn++) {
    await writer.query('truncate hq_export.outbox_0')
    await write(writer, 1)
    expect(await look()).toEqual(await countAll())
  }
  epoch = (await establishEpoch(relay)).epoch
  expect(await look()).toEqual(await countAll())
})

test('a truncation that a look waits for does not make the balance differ', async () => {
  await write(writer, 4)
  await countCaptured(looker)
  const rotation = await database.connect()
  await rotation.query('begin; lock table hq_export.outbox_0 in access exclusive mode')
  const balance = readBalance(looker, MONDAY, waiting)
  await waitFor('the balance to wait', async () => (await countLockWaiters(writer)) > 0)
  await ack()
  await relay.query('update hq_export.balance set inserted = captured')
  await rotation.query('truncate hq_export.outbox_0; commit')
  expect(await balance).toMatchObject([{ captured: 4, inserted: 4, waiting: 0 }])
})

test('whatever is written, acked, rolled back and counted in whatever order: a look is a plain count', async () => {
  const seed = randomSeed()
  const random = seededRandom(seed)
  const draw = (below: number) => Math.floor(random() * below)
  const writers = [writer, await database.connect(), await database.connect()]
  const open = new Set<pg.Client>()
  for (let step = 0; step < 300; step++) {
    const client = writers[draw(writers.length)] ?? writer
    const rows = {
      ...{ table: draw(3), dataset: draw(5) },
      at: `2026-03-${10 + draw(3)}T0${draw(10)}:00:00Z`,
    }
    switch (draw(8)) {
      case 0:
        if (!open.has(client)) await client.query('begin')
        open.add(client)
        break
      case 1:
      case 2:
        if (open.delete(client)) await client.query(draw(3) === 0 ? 'rollback' : 'commit')
        break
      case 3:
        await ack()
        break
      case 4:
        await countCaptured(looker, draw(2) === 0 ? waiting : undefined)
        break
      case 5:
        expect(await look(draw(2) === 0 ? looker : relay), `seed ${seed}`).toEqual(await countAll())
        break
      default:
        await write(client, 1 + draw(4), rows)
    }
  }
  for (const client of open) await client.query('commit')
  await countCaptured(looker, waiting)
  expect(await look()).toEqual(await countAll())
  const written = await relay.query<{ rows: number }>(
    `select count(*)::int as rows from (table hq_export.outbox_0 union all
       table hq_export.outbox_1 union all table hq_export.outbox_2) o where dataset <> 0`,
  )
  expect(await captured()).toBe(written.rows[0]?.rows)
})
