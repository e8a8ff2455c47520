import {
  type BalanceRow,
  balanceDifference,
  balanceSchema,
  emptyCounts,
  PROBLEMS,
  problemType,
} from '@hq-export/contract'
import { readBalance } from '@hq-export/outbox-relay/balance/read-balance.ts'
import { countCaptured } from '@hq-export/outbox-relay/outbox/count-captured.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  acceptAll,
  type ReceivedBatch,
  type ScriptedAnswer,
  ScriptedGateway,
} from '../../support/network/scripted-gateway.ts'
import { runApp } from '../../support/programs/app-process.ts'
import { startInProcessRelay } from '../../support/programs/in-process-relay.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const EVENTS = 'dx_operation_events_v1'
const COMPANIES = 'dx_company_entities_v1'
const MONDAY = '2026-03-30'
const TUESDAY = '2026-03-31'

let database: TestDatabase
let writer: pg.Client
let reader: pg.Client
let gateway: ScriptedGateway

beforeEach(async () => {
  database = await createDxDatabase()
  writer = await database.connect()
  reader = await connect(database.url, 'test', () => {})
  gateway = await ScriptedGateway.start()
})

afterEach(async () => {
  await gateway[Symbol.asyncDispose]()
  await reader.end()
  await database[Symbol.asyncDispose]()
})

interface Written {
  readonly dataset?: number
  readonly key: string
  readonly version?: number
  readonly at?: string
  readonly sqlstate?: string
}

/** Rows as captures write them, in one transaction, captured when the test says. */
async function write(rows: readonly Written[]): Promise<void> {
  await writer.query(
    `insert into hq_export.outbox_0 (dataset, key, version, captured_at, sqlstate, body)
     select n.dataset, n.key, n.version, n.at, n.sqlstate,
       case when n.sqlstate is null then json_build_object('event_id', n.key,
         'record_version', n.version::text)::text end
     from json_to_recordset($1) n (dataset smallint, key text, version bigint, at timestamptz,
       sqlstate text)`,
    [JSON.stringify(rows.map((row) => ({ dataset: 2, at: `${MONDAY}T12:00:00Z`, ...row })))],
  )
}

const many = (prefix: string, count: number, rest: Omit<Written, 'key'> = {}): Written[] =>
  Array.from({ length: count }, (_, n) => ({ ...rest, key: `${prefix}${n}` }))

const start = (timing = {}) =>
  startInProcessRelay({ databaseUrl: database.url, ingestUrl: gateway.url, timing })

/** What is not 0 of each day and dataset. */
async function balance(): Promise<Record<string, Partial<BalanceRow>>> {
  const rows = balanceSchema.parse(await readBalance(reader))
  const days = await Promise.all([MONDAY, TUESDAY].map(async (day) => readBalance(reader, day)))
  const known = new Map([...rows, ...days.flat()].map((row) => [`${row.day} ${row.dataset}`, row]))
  return Object.fromEntries(
    [...known].map(([name, { day: _, dataset: __, ...counts }]) => [
      name,
      Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    ]),
  )
}

async function differences(): Promise<number[]> {
  return (await readBalance(reader)).map(balanceDifference).filter((rows) => rows !== 0)
}

const command = (...args: readonly string[]) =>
  runApp('outbox-relay', ['balance', ...args], { DX_DATABASE_URL: database.url })

const settled = () =>
  waitFor('everything to be acked', async () => {
    const rows = await readBalance(reader)
    return rows.every(({ waiting }) => waiting === 0)
  })

/** Answers each row by the word its key begins with. */
function answerByKey(batch: ReceivedBatch): ScriptedAnswer {
  const counts = emptyCounts(batch.envelope.rows.length)
  const rows = batch.envelope.rows.flatMap(({ row }, index) => {
    const key = String((row as { event_id: string }).event_id)
    const words = ['updated', 'duplicate', 'stale', 'quarantined'] as const
    const outcome = words.find((word) => key.startsWith(word)) ?? 'inserted'
    counts[outcome]++
    return outcome === 'inserted' || outcome === 'updated'
      ? []
      : [{ index, key, outcome, code: 'x' }]
  })
  const body = {
    batch: String(batch.headers['webhook-id']),
    status: counts.quarantined > 0 ? 'partial' : 'applied',
    counts,
    rows,
  }
  return { status: 200, body }
}

test.each([
  ['a window that its tick has read', 1],
  ['windows in pages', 100],
])('a day adds up to the row, across midnight, in %s', async (_, times) => {
  gateway.answer(answerByKey)
  const late = { at: `${TUESDAY}T00:00:00Z` }
  await using _relay = await start()
  await write([
    ...many('inserted', 3 * times),
    ...many('duplicate', 2 * times),
    ...many('quarantined', times),
    ...many('stale', times, late),
    ...many('inserted-late', times, late),
    // Of each key one version travels.
    ...[1, 2, 3].flatMap((version) =>
      many('company', times, { dataset: 3, version, at: `${MONDAY}T23:59:59.999999Z` }),
    ),
    ...many('company', times, { dataset: 3, version: 4, ...late }),
    ...many('person', times, { dataset: 4, version: 1, ...late }),
    ...many('updated', times, { dataset: 4, version: 2, ...late }),
  ])
  await writer.query(`select nextval('hq_export.filtered_3') from generate_series(1, 7)`)
  await settled()
  const today = new Date().toISOString().slice(0, 10)
  expect(await balance()).toEqual({
    [`${MONDAY} ${EVENTS}`]: {
      captured: 6 * times,
      inserted: 3 * times,
      duplicate: 2 * times,
      refused: times,
    },
    [`${TUESDAY} ${EVENTS}`]: { captured: 2 * times, stale: times, inserted: times },
    [`${MONDAY} ${COMPANIES}`]: { captured: 3 * times, superseded: 3 * times },
    [`${TUESDAY} ${COMPANIES}`]: { captured: times, inserted: times },
    [`${TUESDAY} dx_person_entities_v1`]: {
      captured: 2 * times,
      inserted: times,
      updated: times,
    },
    [`${today} ${COMPANIES}`]: { captured: 7, filtered: 7 },
  })
})

test('a relay that dies between the answer and the ack counts each row once', async () => {
  const blocker = await database.connect()
  await using _relay = await start()
  await blocker.query('begin')
  await blocker.query('lock table hq_export.ack in exclusive mode')
  await write(many('e', 5))
  const received = () => gateway.received.flatMap(({ envelope }) => envelope.rows).length
  // It may be the ack of a window before theirs.
  await waitFor('the rows at HQ', async () => received() >= 5)
  // Other databases of the server have relays, whose acks may wait, too.
  await waitFor('the ack to wait, and its session to be ended', async () => {
    const { rowCount } = await writer.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'
         and query ~ 'insert into hq_export.ack'`,
    )
    return rowCount === 1
  })
  await blocker.query('rollback')
  await settled()
  expect(received()).toBeGreaterThan(5)
  expect(await balance()).toEqual({ [`${MONDAY} ${EVENTS}`]: { captured: 5, inserted: 5 } })
})

test('a poisonous row is cut out of its batch and counted as refused, a failed capture too; a replay counts as a row of its own', async () => {
  gateway.answer((batch) => {
    const isPoisoned = batch.bytes.includes('poison')
    return isPoisoned ? { status: 400, body: {} } : acceptAll(batch)
  })
  await using _relay = await start()
  await write([...many('good', 20), { key: 'poison' }, ...many('fine', 20)])
  await write([{ key: 'raw', sqlstate: '22P02' }])
  await settled()
  const expected = { captured: 42, inserted: 40, refused: 2 }
  expect(await balance()).toEqual({ [`${MONDAY} ${EVENTS}`]: expected })
  // As a replay does: the row is in the outbox once more.
  gateway.answer(acceptAll)
  await write([{ key: 'poison', at: `${TUESDAY}T01:00:00Z` }])
  await settled()
  expect(await balance()).toEqual({
    [`${MONDAY} ${EVENTS}`]: expected,
    [`${TUESDAY} ${EVENTS}`]: { captured: 1, inserted: 1 },
  })
})

test('of a retired dataset every row of a batch is counted as refused', async () => {
  const { status, title } = PROBLEMS.dataset_retired
  const type = problemType('dataset_retired')
  gateway.answer(() => ({ status, body: { type, title, status, code: 'dataset_retired' } }))
  await using _relay = await start()
  await write(many('e', 5))
  await settled()
  expect(await balance()).toEqual({ [`${MONDAY} ${EVENTS}`]: { captured: 5, refused: 5 } })
})

test('what waits is shown, survives rotation, and a new life of the server counts what it sends again', async () => {
  await using running = await start({ rotationPeriodMs: 20, pollMs: 50 })
  await write(many('e', 3))
  await settled()
  await waitFor('the outbox to be empty', async () => {
    const { rows } = await writer.query('select from hq_export.outbox_0 where dataset <> 0')
    return rows.length === 0
  })
  await running.relay.stop()
  await write(many('waiting', 2))
  const before = { captured: 5, inserted: 3, waiting: 2 }
  expect(await balance()).toEqual({ [`${MONDAY} ${EVENTS}`]: before })
  await countCaptured(reader)
  await countCaptured(reader)
  expect(await balance()).toEqual({ [`${MONDAY} ${EVENTS}`]: before })

  await writer.query('truncate hq_export.incarnation')
  expect(await readBalance(reader)).toEqual([])
  await using _next = await start()
  await settled()
  expect(await balance()).toEqual({ [`${MONDAY} ${EVENTS}`]: { captured: 5, inserted: 5 } })
})

test('a row that somebody deleted from the outbox is a difference, and stays one in a new life', async () => {
  expect(await command()).toMatchObject({ exitCode: 2, stdout: 'nothing was counted\n' })
  {
    await using _relay = await start()
    await write(many('other', 1))
    await settled()
  }
  expect(await command('--day', MONDAY)).toMatchObject({ exitCode: 0 })
  expect(await command('--day', '2026-02-30')).toMatchObject({ exitCode: 2, stdout: '' })
  await write(many('e', 10))
  await countCaptured(reader)
  await writer.query(`delete from hq_export.outbox_0 where key = 'e4'`)
  expect(await differences()).toEqual([1])
  const shown = await command('--json')
  expect(shown.exitCode).toBe(1)
  expect(balanceSchema.parse(JSON.parse(shown.stdout))).toMatchObject([
    { day: MONDAY, dataset: EVENTS, captured: 11, inserted: 1, waiting: 9 },
  ])
  {
    await using _relay = await start()
    await settled()
  }
  expect(await differences()).toEqual([1])
  await writer.query('truncate hq_export.incarnation')
  await using _relay = await start()
  await settled()
  expect(await differences()).toEqual([1])
})
