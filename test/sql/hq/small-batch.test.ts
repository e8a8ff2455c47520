import { randomUUID } from 'node:crypto'
import { DATASETS, type DatasetName, type Envelope } from '@hq-export/contract'
import { openBatch } from '@hq-export/hq-ingest/batch/open-batch.ts'
import { createPool } from '@hq-export/hq-ingest/db/connect.ts'
import { CLAIM, type LedgerEntry } from '@hq-export/hq-ingest/store/ledger.ts'
import { storeBatch } from '@hq-export/hq-ingest/store/store-batch.ts'
import { storeSmallBatch } from '@hq-export/hq-ingest/store/store-small-batch.ts'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { AnswerLosingProxy } from '../../support/network/answer-losing-proxy.ts'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  deliver,
  problemOf,
  SOURCE,
  send,
  startGateway,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { countLockWaiters } from '../../support/servers/lock-waiters.ts'
import { waitFor } from '../../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'
const COMPANIES = 'dx_company_entities_v1'
/** No short way is as long. */
const LARGE_BYTES = 10_000_000

let hq: TestDatabase
let client: pg.Client
let pool: pg.Pool
let one: TestGateway
let two: TestGateway

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await hq.connect()
  pool = createPool(hq.url, 1)
  // The pool has ended before its session has: dropping the database may end that one first.
  pool.on('error', () => {})
  one = await startGateway(hq.url)
  two = await startGateway(hq.url)
})

beforeEach(async () => {
  const tables = DATASETS.map(({ name }) => `hq.${name}`)
  await client.query(`truncate ingest.batch, ${tables.join(', ')}`)
})

afterAll(async () => {
  await pool.end()
  for (const gateway of [one, two]) await gateway[Symbol.asyncDispose]()
  await hq[Symbol.asyncDispose]()
})

async function incoming(envelope: Envelope, id: string) {
  const body = Buffer.from(JSON.stringify(envelope))
  const entry: LedgerEntry = {
    source: SOURCE,
    batch: id,
    fingerprint: Buffer.alloc(32, id),
    dataset: envelope.dataset,
    schemaVersion: envelope.schema_version,
    epoch: 'epoch',
    keyId: 'key',
    trace: { traceId: 'trace', spanId: 'span' },
    wireBytes: 7,
    decodedBytes: 11,
  }
  return { batch: await openBatch(body, { orgs: undefined }), entry }
}

async function storeShort(envelope: Envelope, id: string) {
  const { batch, entry } = await incoming(envelope, id)
  return storeSmallBatch(pool, entry, batch, id)
}

async function storeOrdinary(envelope: Envelope, id: string) {
  const { batch, entry } = await incoming(envelope, id)
  const large = { ...entry, decodedBytes: LARGE_BYTES }
  return (await storeBatch(pool, large, batch, { id, strict: false })).answer
}

/** All that HQ holds, but for when it came and how large it was. */
async function heldOf(dataset: DatasetName) {
  const { primaryKey } = DATASETS.find(({ name }) => name === dataset) ?? DATASETS[0]
  const { rows } = await client.query(
    `select to_jsonb(t) - '_dx_ingested_at' as row from hq.${dataset} t
     order by ${primaryKey.join(', ')}`,
  )
  const { rows: ledger } = await client.query(
    `select to_jsonb(b) - '{received_at,decoded_bytes,xid}'::text[] as entry
     from ingest.batch b order by batch`,
  )
  return { rows, ledger }
}

test.each(DATASETS.map(({ name }) => name))(
  'rows of %s that are news leave the same in one round trip as one by one',
  async (dataset) => {
    const known = buildRow(dataset)
    const fresh = [buildRow(dataset), buildRow(dataset)]
    const isVersioned = 'record_version' in known && dataset !== 'dx_entity_snapshots_v1'
    const news = isVersioned ? [{ ...known, record_version: '2' }, ...fresh] : fresh
    const batches = [buildEnvelope(dataset, [known]), buildEnvelope(dataset, news)]
    const ways = []
    for (const store of [storeShort, storeOrdinary]) {
      await client.query(`truncate ingest.batch, hq.${dataset}`)
      const answers = []
      for (const [n, envelope] of batches.entries()) answers.push(await store(envelope, `${n}`))
      ways.push({ answers, held: await heldOf(dataset) })
    }
    const [short, ordinary] = ways
    expect(short).toEqual(ordinary)
    expect(short?.answers[1]?.counts).toMatchObject({
      inserted: 2,
      updated: isVersioned ? 1 : 0,
    })
  },
)

test('a deleted entity, unknown columns and escapes leave the same', async () => {
  const row = buildRow(COMPANIES, { canonical_name: 'a "b\\ \t{,}\n\\N NULL' })
  const envelope = buildEnvelope(COMPANIES, [
    {
      row: { ...row, later: 1 },
      xid: '7',
      captured_at: '2026-01-02T03:04:06+00:00',
      deleted: true,
    },
    buildRow(COMPANIES, { canonical_name: 'NULL', industry: '' }),
  ])
  const held = []
  for (const store of [storeShort, storeOrdinary]) {
    await client.query(`truncate ingest.batch, hq.${COMPANIES}`)
    expect(await store(envelope, 'id')).toMatchObject({ counts: { inserted: 2 } })
    held.push(await heldOf(COMPANIES))
  }
  expect(held[0]).toEqual(held[1])
})

test('an id that is claimed, or known, writes nothing', async () => {
  const envelope = buildEnvelope(COMPANIES, [buildRow(COMPANIES)])
  await client.query('begin')
  await client.query(CLAIM, [SOURCE, 'id'])
  expect(await storeShort(envelope, 'id')).toBeUndefined()
  await client.query('rollback')
  expect(await storeShort(envelope, 'id')).toBeDefined()
  const before = await heldOf(COMPANIES)
  const other = buildEnvelope(COMPANIES, [buildRow(COMPANIES), buildRow(COMPANIES)])
  expect(await storeShort(other, 'id')).toBeUndefined()
  expect(await heldOf(COMPANIES)).toEqual(before)
})

test.each([RUNS, COMPANIES] as const)(
  'one batch of few rows of %s that reaches two gateways many times at once is applied once',
  async (dataset) => {
    for (let round = 0; round < 3; round++) {
      const batch = buildEnvelope(dataset, [buildRow(dataset), buildRow(dataset)])
      const responses = await Promise.all(
        Array.from({ length: 12 }, (_, n) => send((n % 2 === 0 ? one : two).url, batch)),
      )
      const taken = responses.filter(({ status }) => status === 200)
      const fresh = taken.filter(({ headers }) => headers.get('idempotent-replayed') === null)
      expect(fresh).toHaveLength(1)
      for (const response of taken) {
        expect((await answerOf(response)).counts).toMatchObject({ inserted: 2 })
      }
      for (const response of responses.filter(({ status }) => status !== 200)) {
        expect(await problemOf(response)).toMatchObject({ code: 'in_flight' })
      }
    }
    const held = await heldOf(dataset)
    expect(held.rows).toHaveLength(6)
    expect(held.ledger).toHaveLength(3)
  },
)

test('of different batches that have one id and come at once, one is applied', async () => {
  for (let round = 0; round < 3; round++) {
    const id = `same-${round}`
    const responses = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        send((n % 2 === 0 ? one : two).url, buildEnvelope(RUNS, [buildRow(RUNS)]), { id }),
      ),
    )
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const response of responses.filter(({ status }) => status !== 200)) {
      expect((await problemOf(response)).code).toMatch(/^(?:in_flight|webhook_id_reused)$/)
    }
  }
  const held = await heldOf(RUNS)
  expect(held.rows).toHaveLength(3)
  expect(held.ledger).toHaveLength(3)
})

test('a version that others commit between the look and the write makes its row stale, and no other', async () => {
  const known = buildRow(COMPANIES)
  await deliver(one.url, buildEnvelope(COMPANIES, [known]))
  await client.query('begin')
  await client.query(`update hq.${COMPANIES} set record_version = 5`)
  const batch = buildEnvelope(COMPANIES, [{ ...known, record_version: '3' }, buildRow(COMPANIES)])
  const observer = await hq.connect()
  const answer = deliver(one.url, batch)
  await waitFor('the batch to wait for the row', async () => (await countLockWaiters(observer)) > 0)
  await client.query('commit')
  expect((await answer).counts).toMatchObject({ inserted: 1, updated: 0, stale: 1 })
  const { rows } = await client.query(
    `select record_version::text as version from hq.${COMPANIES} order by 1`,
  )
  expect(rows).toEqual([{ version: '1' }, { version: '5' }])
  expect(await deliver(one.url, batch)).toEqual(await answer)
})

test('a batch whose answer from HQ is lost is answered from the ledger, and applied once', async () => {
  await using proxy = await AnswerLosingProxy.start(hq.url)
  await using gateway = await startGateway(proxy.url)
  const known = buildRow(COMPANIES)
  await deliver(gateway.url, buildEnvelope(COMPANIES, [known]))
  const batch = buildEnvelope(COMPANIES, [{ ...known, record_version: '2' }, buildRow(COMPANIES)])
  proxy.isLosing = true
  expect((await send(gateway.url, batch)).status).toBe(503)
  proxy.isLosing = false
  await waitFor('HQ to have it', async () => (await heldOf(COMPANIES)).rows.length === 2)
  const again = await send(gateway.url, batch)
  expect(again.headers.get('idempotent-replayed')).toBe('true')
  expect((await answerOf(again)).counts).toMatchObject({ inserted: 1, updated: 1 })
  expect((await heldOf(COMPANIES)).ledger).toHaveLength(2)
})

test('rows and ledger are reached by their keys, by plans that were made while they were empty', async () => {
  const orgId = randomUUID()
  const rowOf = (version: string, entityId: string) =>
    buildRow(COMPANIES, { org_id: orgId, record_version: version, entity_id: entityId })
  await client.query('analyze')
  const entityIds = Array.from({ length: 64 }, () => randomUUID())
  expect(
    await storeShort(buildEnvelope(COMPANIES, [rowOf('1', randomUUID())]), 'first'),
  ).toBeDefined()
  await client.query(
    `insert into hq.${COMPANIES}
     select (jsonb_populate_record(t, jsonb_build_object('entity_id', gen_random_uuid()))).*
     from hq.${COMPANIES} t, generate_series(1, 5000)`,
  )
  await client.query(
    `insert into ingest.batch
     select (jsonb_populate_record(b, jsonb_build_object('batch', n))).*
     from ingest.batch b, generate_series(1, 5000) n`,
  )
  const readSoFar = async () => {
    const writer = await pool.connect()
    await writer.query('select pg_stat_force_next_flush()')
    writer.release()
    await client.query('select pg_stat_clear_snapshot()')
    const { rows } = await client.query<{ read: number }>(
      `select sum(idx_tup_read)::int as read from pg_stat_user_indexes
       where schemaname in ('hq', 'ingest')`,
    )
    return rows[0]?.read ?? 0
  }
  const before = await readSoFar()
  for (const version of ['1', '2', '3', '4']) {
    const rows = entityIds.map((entityId) => rowOf(version, entityId))
    expect(await storeShort(buildEnvelope(COMPANIES, rows), `version ${version}`)).toBeDefined()
  }
  // By the org, or by the source, each look would be 5,000.
  expect((await readSoFar()) - before).toBeLessThan(2_000)
})

test('other statements of the session are planned as before, whatever became of the batch', async () => {
  const row = buildRow(RUNS)
  for (const id of ['taken', 'key is known']) {
    await storeShort(buildEnvelope(RUNS, [row]), id)
    const { rows } = await pool.query('show plan_cache_mode')
    expect(rows).toEqual([{ plan_cache_mode: 'force_custom_plan' }])
  }
})
