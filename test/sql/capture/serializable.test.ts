import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { capturing, ofDataset } from '../../support/capture-rows.ts'
import {
  createDxDatabase,
  createEmptyDxDatabase,
  installReferenceSchema,
  type TestDatabase,
} from '../../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'
const SESSIONS = 3
const TRANSACTIONS_PER_SESSION = 60

/**
 * Tenants far apart in every index, so that the application's own reads never meet the other's
 * writes.
 */
const orgOf = (side: number): string => `${'048c'[side]}0000000-0000-0000-0000-000000000000`
const keyOf = (serial: number): string =>
  `00000000-0000-0000-0000-${String(serial).padStart(12, '0')}`

type Change = (client: pg.Client, side: number, serial: number) => Promise<unknown>

const change =
  (sql: string): Change =>
  (client, side, serial) =>
    client.query(sql, [orgOf(side), keyOf(serial)])

const where = 'where org_id = $1 and entity_id = $2'
const CHANGES: Readonly<Record<string, Change>> = {
  insert: change(
    `insert into entities.company_entities (org_id, entity_id, canonical_name)
     values ($1, overlay($2 placing '1' from 1)::uuid, 'new')`,
  ),
  update: change(
    `update entities.company_entities
     set canonical_name = 'u', record_version = record_version + 1 ${where}`,
  ),
  'silent update': change(`update entities.company_entities set canonical_name = 's' ${where}`),
  delete: change(`delete from entities.company_entities ${where}`),
  'key change': change(
    `update entities.company_entities set entity_id = gen_random_uuid() ${where}`,
  ),
}

/** 40001 is what a serializable transaction may be refused with; nothing else is expected. */
async function isRefused(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return false
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === '40001') return true
    throw error
  }
}

/** Entities per tenant; enough for several index pages each. */
async function fill(database: TestDatabase): Promise<void> {
  const client = await database.connect()
  for (let side = 0; side <= SESSIONS; side++) {
    await client.query(`insert into ops.orgs (id, name) values ($1, 'tenant')`, [orgOf(side)])
    await client.query(
      `insert into entities.company_entities (org_id, entity_id)
       select $1, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid
       from generate_series(1, 1000) n`,
      [orgOf(side)],
    )
  }
  await client.query('vacuum analyze entities.company_entities')
  await client.query('vacuum analyze ops.orgs')
}

let captured: TestDatabase
/** Bound over rows that no backfill has sent yet. */
let unsent: TestDatabase
let bare: TestDatabase
let serial = 0

beforeAll(async () => {
  captured = await createDxDatabase()
  bare = await createEmptyDxDatabase()
  unsent = await createEmptyDxDatabase()
  await Promise.all([bare, unsent].map(({ url }) => installReferenceSchema(url)))
  await Promise.all([captured, bare, unsent].map(fill))
  await dxMigrations.apply(unsent.url)
  await bind(unsent.url, 'reference')
})

afterAll(async () => {
  for (const database of [captured, unsent, bare]) await database[Symbol.asyncDispose]()
})

async function serializableSessions(database: TestDatabase, count: number): Promise<pg.Client[]> {
  const sessions = await Promise.all(Array.from({ length: count }, () => database.connect()))
  for (const session of sessions)
    await session.query(`set default_transaction_isolation = 'serializable'`)
  return sessions
}

/** Pairs of changes of two open transactions, one after the other, that ended in a refusal. */
async function refusedPairs(database: TestDatabase): Promise<string[]> {
  const [first, second] = await serializableSessions(database, 2)
  if (first === undefined || second === undefined) throw new Error('two sessions')
  const refused: string[] = []
  for (const [oneName, one] of Object.entries(CHANGES)) {
    for (const [otherName, other] of Object.entries(CHANGES)) {
      const [a, b] = [++serial, ++serial]
      const outcome = await isRefused(
        (async () => {
          for (const session of [first, second]) await session.query('begin')
          await one(first, 0, a)
          await other(second, 1, a)
          await other(first, 0, b)
          await one(second, 1, b)
          await first.query('commit')
          await second.query('commit')
        })(),
      )
      for (const session of [first, second]) await session.query('rollback')
      if (outcome) refused.push(`${oneName} beside ${otherName}`)
    }
  }
  return refused
}

/** Refusals among transactions of several sessions at once, each on its own tenant. */
async function refusalsOfMix(database: TestDatabase): Promise<number> {
  const changes = Object.values(CHANGES)
  const sessions = await serializableSessions(database, SESSIONS)
  const counts = await Promise.all(
    sessions.map(async (session, side) => {
      let refused = 0
      for (let n = 0; n < TRANSACTIONS_PER_SESSION; n++) {
        const outcome = await isRefused(
          (async () => {
            await session.query('begin')
            await changes[n % changes.length]?.(session, side, 500 + n)
            await changes[(n * 3 + side) % changes.length]?.(session, side, 600 + n)
            await session.query('commit')
          })(),
        )
        if (outcome) {
          refused++
          await session.query('rollback')
        }
      }
      return refused
    }),
  )
  return counts.reduce((sum, count) => sum + count)
}

/**
 * Relations of ours that the open transaction of a session holds a predicate lock on which
 * unrelated keys may share. One of a single row is none: PostgreSQL 15 leaves it where ON CONFLICT
 * finds the row, and who writes that row holds its source row as well.
 */
async function predicateLocks(session: pg.Client): Promise<string[]> {
  const { rows } = await session.query<{ relation: string }>(
    `select distinct l.relation::regclass::text as relation
     from pg_locks l join pg_class c on c.oid = l.relation
     where l.mode = 'SIReadLock' and l.locktype <> 'tuple' and l.pid = pg_backend_pid()
       and c.relnamespace = 'hq_export'::regnamespace`,
  )
  return rows.map(({ relation }) => relation)
}

describe('I5: serializable transactions', () => {
  test.each(
    Object.entries(CHANGES).flatMap(([name, make]) => [
      [name, make, 'complete'] as const,
      [name, make, 'incomplete'] as const,
    ]),
  )(
    'the capture of one %s leaves no predicate lock that unrelated keys share',
    async (_name, make, history) => {
      const [session] = await serializableSessions(history === 'complete' ? captured : unsent, 1)
      if (session === undefined) throw new Error('one session')
      const key = ++serial
      for (const isRebased of [false, true]) {
        if (isRebased) await CHANGES['silent update']?.(session, 2, key)
        await session.query('begin')
        await make(session, 2, key)
        expect(await predicateLocks(session)).toEqual([])
        await session.query('rollback')
      }
    },
  )

  test('no two changes are refused that would not be refused without capture', async () => {
    expect(await refusedPairs(bare)).toEqual([])
    expect(await refusedPairs(captured)).toEqual([])
    expect(await refusedPairs(unsent)).toEqual([])
  })

  test('none of a mix is refused that would not be refused without capture', async () => {
    expect(await refusalsOfMix(bare)).toBe(0)
    expect(await refusalsOfMix(captured)).toBe(0)
    expect(await refusalsOfMix(unsent)).toBe(0)
  })

  test('a base that another transaction has written since costs no write, and leaves its raw row', async () => {
    const [session, other] = await serializableSessions(captured, 2)
    if (session === undefined || other === undefined) throw new Error('two sessions')
    const key = `${orgOf(2)}/${keyOf(++serial)}`
    const rows = await capturing(session, async () => {
      await session.query('begin')
      await session.query('select from ops.orgs limit 1')
      await other.query('set default_transaction_isolation = default')
      await other.query(
        `insert into hq_export.version_base (dataset, key, base) values (3, $1, 5)`,
        [key],
      )
      await CHANGES.update?.(session, 2, serial)
      await session.query('commit')
    })
    expect(rows).toMatchObject([{ sqlstate: '40001', row: { entity_id: keyOf(serial) } }])
  })

  test('versions rise as they do in any other transaction', async () => {
    const [session] = await serializableSessions(captured, 1)
    if (session === undefined) throw new Error('one session')
    const insert = change(
      `insert into entities.company_entities (org_id, entity_id) values ($1, $2)`,
    )
    const { update, 'silent update': silent, delete: remove } = CHANGES
    const rows = await capturing(session, async () => {
      for (const make of [insert, update, silent, remove, insert, update, silent])
        await make?.(session, 3, 5000)
    })
    expect(
      ofDataset(rows, COMPANIES).map(({ version, deleted }) => `${version}${deleted ? '!' : ''}`),
    ).toEqual(['1', '2', '3', '4!', '5', '6', '7'])
    expect(rows.filter(({ sqlstate }) => sqlstate !== null)).toEqual([])
    const { rows: bases } = await session.query(
      'select deleted_at from hq_export.version_base where key = $1',
      [`${orgOf(3)}/${keyOf(5000)}`],
    )
    expect(bases).toEqual([{ deleted_at: null }])
  })
})
