import {
  hasSqlstate,
  LOCK_NOT_AVAILABLE,
  QUERY_CANCELED,
} from '@hq-export/outbox-relay/session/sqlstate.ts'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createEmptyDxDatabase, type TestDatabase } from '../support/servers/databases.ts'

let database: TestDatabase
let client: pg.Client
let observer: pg.Client

beforeAll(async () => {
  database = await createEmptyDxDatabase()
  client = await database.connect()
  observer = await database.connect()
  await observer.query('create table kept (n int unique)')
})

beforeEach(() => observer.query('truncate kept'))

afterAll(() => database[Symbol.asyncDispose]())

async function keep(n: number): Promise<number> {
  await client.query('insert into kept values ($1)', [n])
  return n
}

async function kept(): Promise<number[]> {
  const { rows } = await observer.query<{ n: number }>('select n from kept order by n')
  return rows.map(({ n }) => n)
}

test('what work did is there when its result is', async () => {
  expect(await transact(client, () => keep(1))).toBe(1)
  expect(await kept()).toEqual([1])
})

test('what work throws undoes it, and the session can be used again', async () => {
  const thrown = new Error('of the work')
  const work = () => keep(1).then(() => Promise.reject(thrown))
  await expect(transact(client, work)).rejects.toBe(thrown)
  await transact(client, () => keep(2))
  expect(await kept()).toEqual([2])
})

test('a result that is not kept is returned, and nothing else of it stays', async () => {
  const isKept = (n: number) => n > 1
  expect(await transact(client, () => keep(1), { isKept })).toBe(1)
  expect(await transact(client, () => keep(2), { isKept })).toBe(2)
  expect(await kept()).toEqual([2])
})

test('work that swallows the failure of a statement is not taken for committed', async () => {
  const work = async () => {
    await keep(1)
    await keep(1).catch(() => {})
  }
  await expect(transact(client, work)).rejects.toThrow('commit answered ROLLBACK')
  expect(await kept()).toEqual([])
})

test('a transaction that is only read writes nothing', async () => {
  const work = () => transact(client, () => keep(1), { mode: 'read only' })
  await expect(work()).rejects.toMatchObject({ code: '25006' })
  await transact(client, () => keep(2))
})

test('a session that is lost in between is told by the statement that it broke', async () => {
  const lost = await database.connect()
  const work = () => lost.query('select pg_terminate_backend(pg_backend_pid())')
  await expect(transact(lost, work)).rejects.toMatchObject({ code: '57P01' })
})

test('an SQLSTATE counts if PostgreSQL reported it', async () => {
  const locked = () => client.query('lock table kept in access exclusive mode nowait')
  await transact(observer, async () => {
    await observer.query('lock table kept')
    const error = await transact(client, locked).catch((caught: unknown) => caught)
    expect(hasSqlstate(error, QUERY_CANCELED, LOCK_NOT_AVAILABLE)).toBe(true)
    expect(hasSqlstate(error, QUERY_CANCELED)).toBe(false)
  })
  expect(hasSqlstate({ code: LOCK_NOT_AVAILABLE }, LOCK_NOT_AVAILABLE)).toBe(false)
})
