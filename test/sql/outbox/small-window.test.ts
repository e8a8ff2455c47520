import { NewestVersions } from '@hq-export/outbox-relay/outbox/newest-versions.ts'
import type { Page } from '@hq-export/outbox-relay/outbox/read-page.ts'
import { readWindow } from '@hq-export/outbox-relay/outbox/read-window.ts'
import { tickWithRows } from '@hq-export/outbox-relay/outbox/small-window.ts'
import { type Snapshot, takeTick } from '@hq-export/outbox-relay/outbox/tick.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertOutboxRows } from '../../support/outbox.ts'
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

const LIMITS = { maxRows: 1000, maxBytes: 1_000_000 }

/**
 * What a window has to say, whichever way it was read: the order within a page promises nothing.
 */
function contentOf(pages: readonly Page[]) {
  const rows = pages.flatMap(({ wireRows }) =>
    wireRows.flatMap(({ dataset, rowCount, text }) => {
      const parsed: unknown[] = JSON.parse(`[${text}]`)
      expect(parsed).toHaveLength(rowCount)
      return parsed.map((row) => `${dataset} ${JSON.stringify(row)}`)
    }),
  )
  return {
    rows: rows.sort(),
    rowCount: pages.reduce((sum, page) => sum + page.rowCount, 0),
    deleteRaces: pages.flatMap(({ deleteRaces }) => deleteRaces),
  }
}

/** Reads a small window both ways, expects the same, and returns its rows. */
async function readBothWays(
  from: Snapshot,
): Promise<{ to: Snapshot; rows: string[]; rowCount: number }> {
  const { to, rows } = await tickWithRows(relay, from)
  expect(rows).toBeDefined()
  const small = await Array.fromAsync(
    readWindow(relay, { from, to, rows }, LIMITS, new NewestVersions()),
  )
  const paged = await Array.fromAsync(readWindow(relay, { from, to }, LIMITS, new NewestVersions()))
  const [ours, theirs] = [contentOf(small), contentOf(paged)]
  // Pages meet the tables one by one, so they may send a version that is superseded in another.
  expect(theirs.rows).toEqual(expect.arrayContaining(ours.rows))
  const isAppend = (row: string) => row.startsWith('2 ')
  expect(ours.rows.filter(isAppend)).toEqual(theirs.rows.filter(isAppend))
  expect({ ...ours, rows: [] }).toEqual({ ...theirs, rows: [] })
  return { to, ...ours }
}

function insertVersion(client: pg.Client, table: number, key: string, version: number) {
  return client.query(
    `insert into hq_export.outbox_${table} (dataset, key, version, deleted, traceparent, body)
     values (3, $1, $2::bigint, $2::bigint % 2 = 0, $3, '{"n": "\\u00e4\\"\\\\"}')`,
    [key, version, version % 3 === 0 ? `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` : null],
  )
}

test('I2: a small window holds what the same window read in pages holds, late transactions of all tables, and of versions the newest', async () => {
  let from = await takeTick(relay)
  expect((await readBothWays(from)).rows).toEqual([])

  await other.query('begin')
  await insertOutboxRows(other, ['late'], 2)
  await insertOutboxRows(writer, ['a', 'b'], 0)
  await writer.query('begin')
  await insertOutboxRows(writer, ['undone'], 1)
  await writer.query('rollback')
  const first = await readBothWays(from)
  expect(first.rows).toHaveLength(2)
  from = first.to

  await other.query('commit')
  for (const [table, key, version] of [
    [0, 'k', 1],
    [1, 'k', 2],
    [2, 'k', 3],
    [0, 'l', 7],
    [0, 'l', 5],
  ] as const)
    await insertVersion(writer, table, key, version)
  const second = await readBothWays(from)
  // The late one, the newest of k, and both of l, whose versions do not rise.
  expect(second.rows).toHaveLength(4)
  expect((await readBothWays(second.to)).rows).toEqual([])
})

test('I2: whatever writers do, chains of small windows and of pages hold the same', async () => {
  const start = await takeTick(relay)
  let from = start
  let seen = 0
  for (let round = 0; round < 40; round++) {
    const client = round % 3 === 0 ? other : writer
    if (round % 9 === 0) await other.query('begin')
    if (round % 2 === 0)
      await insertOutboxRows(client, [`chain-${round}`], (round % 3) as 0 | 1 | 2)
    else await insertVersion(client, round % 3, `key-${round % 5}`, round)
    if (round % 9 === 6) await other.query('commit')
    const { to, rowCount } = await readBothWays(from)
    seen += rowCount
    from = to
  }
  await other.query('commit')
  const { to, rowCount } = await readBothWays(from)
  expect(seen + rowCount).toBe(40)
  expect((await tickWithRows(relay, to)).rows).toEqual([])
})

test('a window with more rows, more bytes, a row too large, or one that was not captured is left to pages', async () => {
  async function isSmall(statement: string): Promise<boolean> {
    const from = await takeTick(relay)
    await writer.query(statement)
    const { to, rows } = await tickWithRows(relay, from)
    if (rows !== undefined) await readBothWays(from)
    expect((await tickWithRows(relay, to)).rows).toEqual([])
    return rows !== undefined
  }
  const many = (count: number, body: string) =>
    `insert into hq_export.outbox_1 (dataset, key, body) select 2, n::text, ${body}
     from generate_series(1, ${count}) n`
  expect(await isSmall(many(64, `'{}'`))).toBe(true)
  expect(await isSmall(many(65, `'{}'`))).toBe(false)
  expect(await isSmall(many(4, `to_json(repeat('x', 60000))::text`))).toBe(true)
  expect(await isSmall(many(5, `to_json(repeat('x', 60000))::text`))).toBe(false)
  expect(
    await isSmall(
      `insert into hq_export.outbox_0 (dataset, key, body) values (2, repeat('k', 1025), '{}')`,
    ),
  ).toBe(false)
  expect(
    await isSmall(`insert into hq_export.outbox_0 (dataset, sqlstate) values (2, '22P02')`),
  ).toBe(false)
})

test('its plan is look-ups in the index, however much is retained', async () => {
  await writer.query(
    `insert into hq_export.outbox_0 (dataset, key, body) select 2, n::text, '{}'
     from generate_series(1, 20000) n`,
  )
  const from = await takeTick(relay)
  await tickWithRows(relay, from)
  const before = await statistics()
  await tickWithRows(relay, from)
  const after = await statistics()
  expect(after - before).toBeLessThan(100)

  /** Rows of the table that scans of this session have read. */
  async function statistics(): Promise<number> {
    await relay.query('select pg_catalog.pg_stat_force_next_flush()')
    const found = await relay.query<{ read: string }>(
      `select coalesce(pg_catalog.pg_stat_get_tuples_returned('hq_export.outbox_0'::regclass), 0)
        + coalesce(pg_catalog.pg_stat_get_tuples_returned(
            'hq_export.outbox_0_window_idx'::regclass), 0) as read`,
    )
    return Number(found.rows[0]?.read)
  }
})
