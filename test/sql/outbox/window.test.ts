import { cutPageStatement } from '@hq-export/outbox-relay/outbox/cut-page.ts'
import { readWindow } from '@hq-export/outbox-relay/outbox/read-window.ts'
import { MAX_BODY_BYTES } from '@hq-export/outbox-relay/outbox/row-size.ts'
import { tickWithRows } from '@hq-export/outbox-relay/outbox/small-window.ts'
import { EMPTY_SNAPSHOT, takeTick } from '@hq-export/outbox-relay/outbox/tick.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { copyOut } from '@hq-export/outbox-relay/session/copy-out.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { insertOutboxRows, readKeys, readRows } from '../../support/outbox.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

let database: TestDatabase
let relay: pg.Client
let writer: pg.Client
let other: pg.Client

beforeAll(async () => {
  database = await createDxDatabase()
  relay = await connect(database.url, 'test', () => {})
  writer = await database.connect()
  other = await database.connect()
})

afterAll(async () => {
  await relay.end()
  await database[Symbol.asyncDispose]()
})

/** Rows of the outbox that the relay's session has fetched in its transaction. */
async function fetchedRows(): Promise<number> {
  const { rows } = await relay.query<{ fetched: number }>(
    `select pg_catalog.sum(idx_tup_fetch)::int as fetched
     from pg_catalog.pg_stat_xact_user_tables where relname like 'outbox%'`,
  )
  return rows[0]?.fetched ?? 0
}

test('I2: a transaction that took its sequence number first and committed last is in the next window', async () => {
  const start = await takeTick(relay)
  await writer.query('begin')
  await insertOutboxRows(writer, ['first-seq'])
  await insertOutboxRows(other, ['second-seq'])
  const middle = await takeTick(relay)
  await writer.query('commit')
  const end = await takeTick(relay)

  expect(await readKeys(relay, { from: start, to: middle })).toEqual(['second-seq'])
  expect(await readKeys(relay, { from: middle, to: end })).toEqual(['first-seq'])
  const { rows } = await relay.query<{ key: string }>(
    "select key from hq_export.outbox_0 where key like '%-seq' order by seq",
  )
  expect(rows.map(({ key }) => key)).toEqual(['first-seq', 'second-seq'])
})

test('I2: an open transaction, even in another database, holds nobody back', async () => {
  await using elsewhere = await createDxDatabase()
  const stranger = await elsewhere.connect()
  await stranger.query('begin')
  await insertOutboxRows(stranger, ['elsewhere'])
  const start = await takeTick(relay)
  await insertOutboxRows(writer, ['not-held'])
  expect(await readKeys(relay, { from: start, to: await takeTick(relay) })).toEqual(['not-held'])
  await stranger.query('rollback')
})

test('I1: what was rolled back, whole or to a savepoint, is in no window', async () => {
  const start = await takeTick(relay)
  await writer.query('begin')
  await insertOutboxRows(writer, ['rolled-back'])
  await writer.query('rollback')
  await writer.query('begin')
  await writer.query('savepoint s')
  await insertOutboxRows(writer, ['undone'])
  await writer.query('rollback to savepoint s')
  await insertOutboxRows(writer, ['kept'])
  await writer.query('commit')
  expect(await readKeys(relay, { from: start, to: await takeTick(relay) })).toEqual(['kept'])
})

test('a chain of windows has every row exactly once, whatever tables the rows went to', async () => {
  const start = await takeTick(relay)
  const keys = Array.from({ length: 30 }, (_, index) => `chain-${String(index).padStart(2, '0')}`)
  const seen: unknown[] = []
  let from = start
  await other.query('begin')
  for (const [index, key] of keys.entries()) {
    await insertOutboxRows(index % 5 === 0 ? other : writer, [key], (index % 3) as 0 | 1 | 2)
    if (index % 10 === 4) {
      await other.query('commit')
      await other.query('begin')
    }
    const to = await takeTick(relay)
    seen.push(...(await readKeys(relay, { from, to })))
    from = to
  }
  await other.query('commit')
  seen.push(...(await readKeys(relay, { from, to: await takeTick(relay) })))
  expect(seen.sort()).toEqual(keys)
})

test('pages cut by rows and by bytes lose and repeat nothing', async () => {
  const start = await takeTick(relay)
  const keys = Array.from({ length: 53 }, (_, index) => `page-${String(index).padStart(2, '0')}`)
  await insertOutboxRows(writer, keys.slice(0, 40))
  await insertOutboxRows(writer, keys.slice(40))
  const window = { from: start, to: await takeTick(relay) }
  expect(await readKeys(relay, window, { maxRows: 7, maxBytes: 1_000_000 })).toEqual(keys)
  // A body has 24 bytes, so a page holds two rows.
  expect(await readKeys(relay, window, { maxRows: 1000, maxBytes: 40 })).toEqual(keys)
  expect(await readKeys(relay, window, { maxRows: 1000, maxBytes: 1 })).toEqual(keys)
})

test('the empty snapshot finds everything that is retained', async () => {
  const { rows } = await relay.query<{ count: string }>(
    `select (select count(*) from hq_export.outbox_0) + (select count(*) from hq_export.outbox_1)
       + (select count(*) from hq_export.outbox_2) as count`,
  )
  const all = await readKeys(relay, { from: EMPTY_SNAPSHOT, to: await takeTick(relay) })
  expect(String(all.length)).toBe(rows[0]?.count)
})

test.each([
  ['began since', false],
  ['were open then', true],
])(
  'a page of rows that %s is read by the index, without a sort over what waits',
  async (_, hasLate) => {
    const values = ["'9'", '0', "'3'", "'9:9:'", '2000', '1000000', "'{1,2}'"]
    const statement = cutPageStatement(0, hasLate).text.replace(
      /\$(\d)/g,
      (__, number: string) => values[Number(number) - 1] ?? '',
    )
    const { rows } = await relay.query<{ 'QUERY PLAN': string }>(`explain ${statement}`)
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    const scans = plan.match(/Index Scan Backward using outbox_0_window_idx/g)
    expect(scans).toHaveLength(hasLate ? 2 : 1)
    expect(plan.includes('Merge Append')).toBe(hasLate)
    // Neither what waits is sorted, nor the page.
    expect(plan).not.toMatch(/-> {2}(?:Incremental )?Sort/)
  },
)

test('transactions that were open when a window began cost no statements of their own', async () => {
  const late = await Promise.all(Array.from({ length: 9 }, () => database.connect()))
  const keys: string[] = []
  const write = async (client: pg.Client, name: string, table: number, count = 3) => {
    const some = Array.from({ length: count }, (_, n) => `${name}-${table}-${n}`)
    keys.push(...some)
    await insertOutboxRows(client, some, table as 0 | 1 | 2)
  }
  for (const [index, client] of late.entries()) {
    await client.query('begin')
    await write(client, `open-${index}`, index % 3)
    // Between two of them, and sent with the window before.
    await insertOutboxRows(writer, [`sent-${index}`], (index % 3) as 0 | 1 | 2)
  }
  const from = await takeTick(relay)
  for (const client of late) await client.query('commit')
  for (const table of [0, 1, 2]) await write(writer, 'begun', table, 4)
  const window = { from, to: await takeTick(relay) }
  keys.sort()
  for (const maxRows of [1, 2, 4, 5, 1000]) {
    expect(await readKeys(relay, window, { maxRows, maxBytes: 1_000_000 })).toEqual(keys)
  }
  const asked = vi.spyOn(relay, 'query')
  try {
    expect(await readKeys(relay, window)).toEqual(keys)
    // The bounds, and for each table the cut of its only page and the page.
    expect(asked).toHaveBeenCalledTimes(7)
  } finally {
    asked.mockRestore()
  }
  // Once to cut the pages and once as rows; nothing of what was written between them.
  await relay.query('begin')
  const before = await fetchedRows()
  await readKeys(relay, window)
  expect((await fetchedRows()) - before).toBe(2 * keys.length)
  await relay.query('commit')
})

test('rows of late transactions are told apart as all others are: failed, too large, superseded', async () => {
  const late = await database.connect()
  await late.query('begin')
  await late.query(
    `insert into hq_export.outbox_1 (dataset, key, version, captured_at, sqlstate, body)
     values (3, 'late/company', 1, now() - interval '1 day', null, '{"v": 1}'),
       (2, 'late-failed', null, now(), '22012', '{"raw": true}'),
       (2, 'late-large', null, now(), null, repeat('x', $1))`,
    [MAX_BODY_BYTES + 1],
  )
  const from = await takeTick(relay)
  await writer.query(
    `insert into hq_export.outbox_1 (dataset, key, version, body)
     values (3, 'late/company', 2, '{"v": 2}')`,
  )
  await late.query('commit')
  const window = { from, to: await takeTick(relay) }
  const { rows: days } = await relay.query<{ day: string }>(
    `select (captured_at at time zone 'UTC')::date::text as day from hq_export.outbox_1
     where key = 'late/company' and version = 1`,
  )
  for (const maxRows of [1, 2, 1000]) {
    const pages = await Array.fromAsync(readWindow(relay, window, { maxRows, maxBytes: 1e9 }))
    expect(pages.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(4)
    expect(pages.flatMap(({ wireRows }) => wireRows.map(({ text }) => String(text)))).toEqual([
      expect.stringContaining('{"row":{"v": 2}'),
    ])
    expect(pages.flatMap(({ failed }) => failed)).toMatchObject([{ key: 'late-failed' }])
    expect(pages.flatMap(({ oversized }) => oversized)).toMatchObject([{ key: 'late-large' }])
    const superseded = { day: days[0]?.day, dataset: 3, rowCount: 1 }
    expect(pages.flatMap((page) => page.superseded.filter(({ rowCount }) => rowCount > 0))).toEqual(
      [superseded],
    )
  }
})

/** Blocks of the index of `outbox_2` that the relay's session has looked at so far. */
async function indexBlocks(): Promise<number> {
  await relay.query('select pg_catalog.pg_stat_force_next_flush()')
  const { rows } = await other.query<{ blocks: number }>(
    `select (idx_blks_read + idx_blks_hit)::int as blocks from pg_catalog.pg_statio_user_indexes
     where indexrelname = 'outbox_2_window_idx'`,
  )
  return rows[0]?.blocks ?? 0
}

test.each([
  ['began since', false],
  ['was open then', true],
])(
  'what a page costs is no more for what is before and behind it: a transaction that %s',
  async (_, isLate) => {
    const late = await database.connect()
    await late.query('begin')
    await insertOutboxRows(late, ['first'], 2)
    const before = await takeTick(relay)
    const keys = Array.from({ length: 20_000 }, (__, n) => `of-many-${n}`)
    await insertOutboxRows(isLate ? late : writer, keys, 2)
    await late.query('commit')
    const window = { from: before, to: await takeTick(relay) }
    const readBlocks = async (maxRows: number) => {
      const blocks = await indexBlocks()
      expect(await readKeys(relay, window, { maxRows, maxBytes: 1e9 })).toHaveLength(20_001)
      return (await indexBlocks()) - blocks
    }
    const [few, many] = [await readBlocks(10_000), await readBlocks(200)]
    // Each page goes down the index twice or thrice; none of a hundred passes the others' leaves.
    expect(many - few).toBeLessThan(100 * 3 * 4)
  },
)

test('pages go by number where the numbers change their length', async () => {
  const from = await takeTick(relay)
  await writer.query("select pg_catalog.setval('hq_export.outbox_seq', 99990)")
  const keys = Array.from({ length: 40 }, (_, index) => `digits-${String(index).padStart(2, '0')}`)
  await insertOutboxRows(writer, keys)
  const rows = await readRows(
    relay,
    { from, to: await takeTick(relay) },
    { maxRows: 15, maxBytes: 1_000_000 },
  )
  expect(rows.map(({ row }) => row.event_id).sort()).toEqual(keys)
})

test('a page of several datasets arrives as it was written, whatever the size of its rows', async () => {
  const from = await takeTick(relay)
  const texts = ['grün 🚀 \\ "', 'x'.repeat(70_000), '', 'y'.repeat(65_536), 'z'.repeat(30_000)]
  const bodies = [2, 3].flatMap((dataset) =>
    texts.map((text, n) => ({ dataset, body: JSON.stringify({ event_id: n, text }) })),
  )
  await writer.query(
    `insert into hq_export.outbox_0 (dataset, key, body)
     select dataset, body, body
     from jsonb_to_recordset($1) as (dataset int2, body text) where length(body) < 1000
     union all
     select dataset, 'long', body
     from jsonb_to_recordset($1) as (dataset int2, body text) where length(body) >= 1000`,
    [JSON.stringify(bodies)],
  )
  const rows = await readRows(relay, { from, to: await takeTick(relay) })
  const read = rows.map(({ dataset, row }) => ({ dataset, body: JSON.stringify(row) }))
  const inOrder = (some: typeof bodies) => some.map((row) => JSON.stringify(row)).sort()
  expect(inOrder(read)).toEqual(inOrder(bodies))
})

test('rows that are copied out end with the error of their query, and the session goes on', async () => {
  const shown: number[] = []
  const query = (text: string) =>
    copyOut(relay, text, (bytes, at) => shown.push(bytes.readInt32BE(at + 4)))
  await expect(query('select 1 / (3 - n) from generate_series(1, 3) n')).rejects.toMatchObject({
    code: '22012',
  })
  await query('select n from generate_series(5, 6) n')
  await query('select 1 where false')
  expect(shown.slice(-2)).toEqual([5, 6])
})

test('only what is on disk is sent: a tick flushes what an asynchronous commit left in memory', async () => {
  await writer.query('set synchronous_commit = off')
  const from = await takeTick(relay)
  for (let round = 0; round < 20; round++) {
    await insertOutboxRows(writer, [`async-${round}`])
    const { rows } = await writer.query<{ lsn: string }>(
      'select pg_catalog.pg_current_wal_insert_lsn()::text as lsn',
    )
    if (round % 2 === 0) await takeTick(relay)
    else expect((await tickWithRows(relay, from)).rows).not.toEqual([])
    const flushed = await relay.query<{ flushed: boolean }>(
      'select pg_catalog.pg_current_wal_flush_lsn() >= $1::pg_lsn as flushed',
      [rows[0]?.lsn],
    )
    expect(flushed.rows[0]?.flushed).toBe(true)
  }
  await writer.query('set synchronous_commit = on')
})
