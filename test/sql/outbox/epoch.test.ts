import { establishEpoch } from '@hq-export/outbox-relay/incarnation/epoch.ts'
import { readAck, writeAck } from '@hq-export/outbox-relay/outbox/ack.ts'
import { EMPTY_SNAPSHOT, takeTick } from '@hq-export/outbox-relay/outbox/tick.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { expect, test } from 'vitest'
import { insertOutboxRows, readKeys, readRows } from '../../support/outbox.ts'
import { createDxDatabase } from '../../support/servers/databases.ts'

test('the same life of the server goes on from its ack', async () => {
  await using database = await createDxDatabase()
  const relay = await connect(database.url, 'test', () => {})
  const first = await establishEpoch(relay)
  expect(first).toMatchObject({ isNew: true, epoch: expect.stringMatching(/^\d+\.[0-9a-f-]{36}$/) })
  const ack = await writeAck(
    relay,
    first.epoch,
    await readAck(relay, first.epoch),
    await takeTick(relay),
  )
  expect(await establishEpoch(relay)).toEqual({ epoch: first.epoch, isNew: false })
  expect(await readAck(relay, first.epoch)).toEqual(ack)
  await relay.end()
})

test('after recovery, which empties the incarnation, everything retained is sent again', async () => {
  await using database = await createDxDatabase()
  const relay = await connect(database.url, 'test', () => {})
  const writer = await database.connect()
  const before = await establishEpoch(relay)
  await insertOutboxRows(writer, ['retained'])
  await writeAck(relay, before.epoch, await readAck(relay, before.epoch), await takeTick(relay))

  await writer.query('truncate hq_export.incarnation')
  const after = await establishEpoch(relay)
  expect(after.isNew).toBe(true)
  expect(after.epoch).not.toBe(before.epoch)
  const { acked } = await readAck(relay, after.epoch)
  expect(acked).toBe(EMPTY_SNAPSHOT)
  expect(await readKeys(relay, { from: acked, to: await takeTick(relay) })).toEqual(['retained'])
  await relay.end()
})

test('rows restored into another server get transaction ids of that server', async () => {
  await using database = await createDxDatabase()
  const relay = await connect(database.url, 'test', () => {})
  const writer = await database.connect()
  await establishEpoch(relay)
  // What a dump brings: acks of another system identifier, rows whose xid lies in this server's
  // future.
  await writer.query(
    `insert into hq_export.ack (epoch, acked)
     select '1.' || pg_catalog.gen_random_uuid(), '999999999:999999999:'`,
  )
  await writer.query(
    `insert into hq_export.outbox_1 (xid, dataset, key, body)
     values ('999999998', 2, 'restored', '{"event_id":"restored"}')`,
  )
  const { epoch, isNew } = await establishEpoch(relay)
  expect(isNew).toBe(true)
  const { acked } = await readAck(relay, epoch)
  const rows = await readRows(relay, { from: acked, to: await takeTick(relay) })
  expect(rows.map(({ row }) => row.event_id)).toEqual(['restored'])
  expect(BigInt(rows[0]?.xid ?? 0)).toBeLessThan(999_999_998n)
  await relay.end()
})

test('I1: rows of a source whose relay had never acked are written anew all the same, in their order', async () => {
  await using database = await createDxDatabase()
  const relay = await connect(database.url, 'test', () => {})
  const writer = await database.connect()
  const name = new URL(database.url).pathname.slice(1)
  await writer.query(`revoke temporary on database ${name} from public`)
  await writer.query(
    `insert into hq_export.outbox_2 (seq, xid, dataset, body)
     values (2, '999999998', 2, '{"event_id":"second"}');
     insert into hq_export.outbox_0 (seq, xid, dataset, body)
     values (3, '999999999', 2, '{"event_id":"third"}');
     insert into hq_export.outbox_1 (seq, xid, dataset, body)
     values (1, '3', 2, '{"event_id":"first"}')`,
  )
  const { epoch } = await establishEpoch(relay)
  const { acked } = await readAck(relay, epoch)
  expect(await readKeys(relay, { from: acked, to: await takeTick(relay) })).toEqual([
    'first',
    'second',
    'third',
  ])
  const { rows } = await writer.query<{ body: string }>(
    `select body from (select seq, body from hq_export.outbox_0
       union all select seq, body from hq_export.outbox_1
       union all select seq, body from hq_export.outbox_2) o order by seq`,
  )
  expect(rows.map(({ body }) => JSON.parse(body).event_id)).toEqual(['first', 'second', 'third'])
  await relay.end()
})

test('I5: rows restored from elsewhere are taken over beside a dump and an open writer, and nobody waits', async () => {
  await using database = await createDxDatabase()
  const relay = await connect(database.url, 'test', () => {})
  const writer = await database.connect()
  await insertOutboxRows(writer, ['restored'])
  await writer.query("update hq_export.outbox_0 set xid = '999999998'")
  const dump = await database.connect()
  await dump.query('begin isolation level repeatable read')
  await dump.query('lock table hq_export.outbox_0 in access share mode')
  await writer.query('begin')
  await insertOutboxRows(writer, ['written meanwhile'])
  const { epoch } = await establishEpoch(relay)
  await writer.query('commit')
  await dump.query('commit')
  const { acked } = await readAck(relay, epoch)
  expect(await readKeys(relay, { from: acked, to: await takeTick(relay) })).toEqual([
    'restored',
    'written meanwhile',
  ])
  await relay.end()
})

test('I1, I5: much that was restored is taken over in small transactions: under a time-out, again after a crash, beside writers', async () => {
  const RESTORED = 100_000
  await using database = await createDxDatabase()
  const name = new URL(database.url).pathname.slice(1)
  const owner = await database.connect()
  await owner.query(`insert into hq_export.outbox_1 (xid, dataset, key, body)
    select (999999000 + n / 100)::text::xid8, 2, n::text, '{"event_id":"' || n || '"}'
    from generate_series(1, ${RESTORED}) n`)
  // Before PostgreSQL 17 there is none.
  await owner.query(`do $$ begin
    if current_setting('transaction_timeout', true) is not null then
      alter database ${name} set transaction_timeout = '1s';
    end if;
  end $$`)
  const relay = await connect(database.url, 'test', () => {})
  const writer = await database.connect()
  await writer.query("set lock_timeout = '100ms'")
  let isOver = false
  let written = 0
  const writing = (async () => {
    for (; !isOver; written++) await insertOutboxRows(writer, [`new ${written}`], 1)
  })()

  let updates = 0
  const dying = new Proxy(relay, {
    get: (client, property) =>
      property !== 'query'
        ? Reflect.get(client, property)
        : (...args: [string]) => {
            if (String(args[0]).startsWith('\nupdate') && ++updates > 3) throw new Error('killed')
            return client.query(...args)
          },
  })
  await expect(establishEpoch(dying)).rejects.toThrow('killed')
  const { epoch } = await establishEpoch(relay)
  isOver = true
  await writing
  expect(updates).toBeGreaterThan(3)
  expect(written).toBeGreaterThan(0)
  const { acked } = await readAck(relay, epoch)
  const window = { from: acked, to: await takeTick(relay) }
  const limits = { maxRows: 20_000, maxBytes: 10_000_000 }
  const keys = await readKeys(relay, window, limits)
  expect(keys).toHaveLength(RESTORED + written)
  expect(new Set(keys).size).toBe(RESTORED + written)
  await relay.end()
})

test('two relays that find a new life at once agree on it', async () => {
  await using database = await createDxDatabase()
  const one = await connect(database.url, 'one', () => {})
  const two = await connect(database.url, 'two', () => {})
  const [first, second] = await Promise.all([establishEpoch(one), establishEpoch(two)])
  expect(first.epoch).toBe(second.epoch)
  expect([first.isNew, second.isNew].sort()).toEqual([false, true])
  await Promise.all([one.end(), two.end()])
})
