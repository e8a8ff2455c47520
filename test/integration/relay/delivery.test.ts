import {
  type BatchResult,
  DATASETS,
  emptyCounts,
  PROBLEMS,
  type ProblemCode,
  parseSigningKey,
  parseVerificationKey,
  problemType,
  verify,
} from '@hq-export/contract'
import { scanBatch } from '@hq-export/hq-ingest/row-scan/scan-batch.ts'
import { createLog } from '@hq-export/outbox-relay/process/log.ts'
import { Relay, type WorkConfig } from '@hq-export/outbox-relay/relay.ts'
import type pg from 'pg'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  acceptAll,
  type ReceivedBatch,
  type ScriptedAnswer,
  ScriptedGateway,
} from '../../support/network/scripted-gateway.ts'
import { insertOutboxRows } from '../../support/outbox.ts'
import { createSecret } from '../../support/programs/pipeline.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

let database: TestDatabase
let writer: pg.Client
let gateway: ScriptedGateway
let relay: Relay
let secret: string

function config(): WorkConfig {
  return {
    databaseUrl: database.url,
    ingestUrl: gateway.url,
    signingKeys: [parseSigningKey(secret)],
    source: 'data-engine-x',
    compression: 'none',
  }
}

beforeEach(async () => {
  secret = createSecret()
  database = await createDxDatabase()
  writer = await database.connect()
  gateway = await ScriptedGateway.start()
  relay = new Relay(config(), createLog('silent'))
})

afterEach(async () => {
  await relay.stop()
  await gateway[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

function settledRows(count: number): Promise<boolean> {
  return waitFor(`${count} settled rows`, () => relay.progress.settledRows === count)
}

const EVENTS = 'dx_operation_events_v1'

/** As our gateway refuses. */
function refusal(code: ProblemCode): ScriptedAnswer {
  const { status, title } = PROBLEMS[code]
  return { status, body: { type: problemType(code), title, status, code } }
}

const notInTime = refusal('not_in_time')

/** HQ quarantines the only row of a batch. */
function quarantineOne(batch: ReceivedBatch): ScriptedAnswer {
  return {
    status: 200,
    body: {
      batch: batch.headers['webhook-id'],
      status: 'partial',
      counts: { ...emptyCounts(1), quarantined: 1 },
      rows: [{ index: 0, key: 'a', outcome: 'quarantined', code: 'invalid_value' }],
    },
  }
}

function keysOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`)
}

async function deadLetters() {
  const { rows } = await writer.query('select key, reason from hq_export.dead_letter order by key')
  return rows
}

test('every attempt has the same id and body and a signature of its own', async () => {
  let attempts = 0
  gateway.answer((batch) => (++attempts < 3 ? { status: 503 } : acceptAll(batch)))
  await insertOutboxRows(writer, ['a'])
  relay.start()
  await settledRows(1)
  const ids = gateway.received.map(({ headers }) => headers['webhook-id'])
  expect(new Set(ids).size).toBe(1)
  expect(gateway.received).toHaveLength(3)
  for (const { bytes } of gateway.received) expect(bytes).toEqual(gateway.received[0]?.bytes)
})

test('progress says whether the loop turns, when HQ last decided, and that HQ is in trouble', async () => {
  let isUp = true
  gateway.answer((batch) => (isUp ? acceptAll(batch) : { status: 503 }))
  expect(relay.progress).toMatchObject({ lastTickAtMs: undefined, breaker: undefined })
  const startedAtMs = Date.now()
  await insertOutboxRows(writer, ['a'])
  relay.start()
  await settledRows(1)
  const { lastTickAtMs, lastSettledAtMs, breaker } = relay.progress
  expect(lastTickAtMs).toBeGreaterThanOrEqual(startedAtMs)
  expect(lastSettledAtMs).toBeGreaterThanOrEqual(startedAtMs)
  expect(breaker).toMatchObject({ isOpen: false })
  isUp = false
  await insertOutboxRows(writer, ['b'])
  await waitFor('the circuit breaker to open', () => relay.progress.breaker?.isOpen)
  expect(relay.progress.lastSettledAtMs).toBe(lastSettledAtMs)
  isUp = true
  await settledRows(2)
})

test('the official Standard Webhooks library verifies what the relay sends', async () => {
  await insertOutboxRows(writer, ['a'])
  relay.start()
  await settledRows(1)
  const [batch] = gateway.received
  if (batch === undefined) throw new Error('nothing was sent')
  const headers = Object.fromEntries(
    Object.entries(batch.headers).map(([name, value]) => [name, String(value)]),
  )
  expect(() => new Webhook(secret).verify(batch.bytes.toString('utf8'), headers)).not.toThrow()
})

test('I5: a later attempt waits as long as Retry-After says', async () => {
  let attempts = 0
  gateway.answer((batch) =>
    ++attempts === 1 ? { status: 429, headers: { 'retry-after': '1' } } : acceptAll(batch),
  )
  await insertOutboxRows(writer, ['a'])
  relay.start()
  await settledRows(1)
  const [first, second] = gateway.received
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(1000)
})

test('I5: a connection that is cut before the answer leads to a resend, and to no dead letter', async () => {
  let attempts = 0
  gateway.answer((batch) => (++attempts === 1 ? 'reset' : acceptAll(batch)))
  await insertOutboxRows(writer, ['a'])
  relay.start()
  await settledRows(1)
  expect(gateway.received).toHaveLength(2)
  expect(await deadLetters()).toEqual([])
})

test('a batch that is too large is sent in halves, and only a row too large alone is a dead letter', async () => {
  gateway.answer((batch) =>
    batch.bytes.includes('"huge"') || batch.envelope.rows.length > 2
      ? { status: 413 }
      : acceptAll(batch),
  )
  await insertOutboxRows(writer, ['a', 'b', 'c', 'd', 'e'])
  await writer.query(
    `insert into hq_export.outbox_0 (dataset, key, body) values (2, 'huge', '{"event_id":"huge"}')`,
  )
  relay.start()
  await settledRows(5)
  await waitFor('the dead letter', async () => (await deadLetters()).length === 1)
  expect(await deadLetters()).toEqual([{ key: 'huge', reason: 'too_large' }])
})

test.each([401, 403, 404, 422, 301])(
  'I5: answer %i halts delivery and dead-letters nothing',
  async (status) => {
    gateway.answer(() => ({ status }))
    await insertOutboxRows(writer, ['a'])
    relay.start()
    await waitFor('the relay to halt', () => relay.progress.state === 'halted')
    expect(relay.progress.haltReason).toContain(String(status))
    expect(await deadLetters()).toEqual([])
    await relay.stop()
    // Nothing was acked: the next relay sends the same batch.
    gateway.answer(acceptAll)
    relay = new Relay(config(), createLog('silent'))
    relay.start()
    await settledRows(1)
  },
)

test('a version that HQ holds with other content is sent again above it once; refused again, it is a dead letter', async () => {
  const keyOf = ({ row }: ReceivedBatch['envelope']['rows'][number]) =>
    `${row.org_id}/${row.entity_id}`
  gateway.answer((batch) => {
    if (batch.envelope.dataset !== 'dx_company_entities_v1') return acceptAll(batch)
    const received = batch.envelope.rows.length
    const rows = batch.envelope.rows.map((row, index) => {
      return { index, key: keyOf(row), outcome: 'quarantined', code: 'version_conflict' } as const
    })
    const counts = { ...emptyCounts(received), quarantined: received }
    const body = { batch: batch.headers['webhook-id'], status: 'partial', counts, rows }
    return { status: 200, body }
  })
  const orgId = await insertOrg(writer)
  const entityId = await insertCompany(writer, orgId)
  relay.start()
  const { rows } = await waitFor('an open letter', async () => {
    const open = await writer.query(
      `select key, reason, resent_xid, (select count(*)::int from hq_export.dead_letter) as letters
       from hq_export.dead_letter where resolved_at is null`,
    )
    return open.rowCount === 1 && open
  })
  const reason = 'version_conflict'
  expect(rows).toEqual([{ key: `${orgId}/${entityId}`, reason, resent_xid: null, letters: 2 }])
  const sent = gateway.received.filter(({ envelope }) => envelope.dataset.includes('company'))
  const versions = sent.flatMap(({ envelope }) =>
    envelope.rows.map(({ row }) => BigInt(String(row.record_version))),
  )
  expect(versions).toHaveLength(2)
  expect((versions[1] ?? 0n) - (versions[0] ?? 0n)).toBeGreaterThan(1_000_000n)
})

test('I4: the rows that HQ refused are dead letters with its reasons, the others are settled', async () => {
  gateway.answer((batch) => {
    const received = batch.envelope.rows.length
    return {
      status: 200,
      body: {
        batch: batch.headers['webhook-id'],
        status: 'partial',
        counts: {
          received,
          inserted: received - 1,
          updated: 0,
          duplicate: 0,
          stale: 0,
          superseded: 0,
          quarantined: 1,
        },
        rows: [
          {
            index: 1,
            key: 'b',
            outcome: 'quarantined',
            code: 'invalid_value',
            detail: 'no\0\ud800',
          },
        ],
      },
    }
  })
  await insertOutboxRows(writer, ['a', 'b', 'c'])
  relay.start()
  await settledRows(3)
  expect(await deadLetters()).toEqual([{ key: 'b', reason: 'invalid_value' }])
})

test('a row that could not be captured is a dead letter with its SQLSTATE', async () => {
  await writer.query(
    `insert into hq_export.outbox_0 (dataset, sqlstate, body)
     values (3, '42703', '{"raw":1}'), (3, '57014', null)`,
  )
  relay.start()
  await waitFor('the dead letters', async () => (await deadLetters()).length === 2)
  const { rows } = await writer.query('select detail from hq_export.dead_letter order by detail')
  expect(rows.map(({ detail }) => detail)).toEqual([
    'gap: SQLSTATE 57014',
    'raw row: SQLSTATE 42703',
  ])
})

test('I4: a row that kills every request is found and kept as a dead letter, and all others arrive', async () => {
  gateway.answer((batch) => (batch.bytes.includes('"poison"') ? 'reset' : acceptAll(batch)))
  const keys = Array.from({ length: 16 }, (_, index) => `good-${index}`)
  await insertOutboxRows(writer, [...keys.slice(0, 5), 'poison', ...keys.slice(5)])
  relay.start()
  await settledRows(16)
  await waitFor('the dead letter', async () => (await deadLetters()).length === 1)
  expect(await deadLetters()).toEqual([{ key: 'poison', reason: 'unanswered' }])
})

test('I5: an outage never turns good rows into dead letters, however it looks', async () => {
  gateway.isReady = false
  let attempts = 0
  gateway.answer((batch) => {
    attempts++
    if (attempts <= 4) return 'reset'
    if (attempts === 5) return { status: 500 }
    return acceptAll(batch)
  })
  await insertOutboxRows(writer, ['a', 'b'])
  relay.start()
  await settledRows(2)
  expect(await deadLetters()).toEqual([])
  const batches = gateway.received.filter(({ envelope }) => envelope.dataset === EVENTS)
  expect(new Set(batches.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
})

test('I5: a few quick 502 of a rolling deploy, with /readyz green, make no dead letter', async () => {
  let attempts = 0
  gateway.answer((batch) => (++attempts <= 7 ? { status: 502 } : acceptAll(batch)))
  await insertOutboxRows(writer, ['a', 'b'])
  relay.start()
  await settledRows(2)
  expect(await deadLetters()).toEqual([])
})

test('I5: a gateway that answers 500 to every POST, with /readyz green, makes no dead letter, and all arrives when it is mended', async () => {
  let isBroken = true
  gateway.answer((batch) => (isBroken ? { status: 500 } : acceptAll(batch)))
  await insertOutboxRows(writer, keysOf('row', 50))
  relay.start()
  await waitFor('many attempts', () => gateway.received.length >= 6)
  // One batch, and whether anything else is accepted: nothing is cut.
  expect(gateway.received.map(({ envelope }) => envelope.rows.length)).not.toContain(25)
  isBroken = false
  await settledRows(50)
  expect(await deadLetters()).toEqual([])
})

test('I5: where heartbeats alone are accepted a few rows are given up, then none: delivery halts and says so', async () => {
  let isBroken = true
  gateway.answer((batch) =>
    isBroken && batch.envelope.dataset === EVENTS ? { status: 500 } : acceptAll(batch),
  )
  await insertOutboxRows(writer, keysOf('row', 20))
  relay.start()
  await waitFor('the relay to halt', () => relay.progress.state === 'halted')
  expect(relay.progress.haltReason).toContain('one after the other')
  expect(await deadLetters()).toHaveLength(3)
  await relay.stop()
  isBroken = false
  relay = new Relay(config(), createLog('silent'))
  relay.start()
  await settledRows(20)
  expect(await deadLetters()).toHaveLength(3)
})

test('I4: a poison row alone in a quiet system is a dead letter, because a heartbeat is accepted', async () => {
  gateway.isReady = false
  gateway.answer((batch) => (batch.bytes.includes('"poison"') ? 'reset' : acceptAll(batch)))
  await insertOutboxRows(writer, ['poison'])
  relay.start()
  await waitFor('the dead letter', async () => (await deadLetters()).length === 1)
  expect(await deadLetters()).toEqual([{ key: 'poison', reason: 'unanswered' }])
  const asked = gateway.received.filter(({ envelope }) => envelope.dataset === 'dx_heartbeat_v1')
  expect(new Set(asked.map(({ headers }) => headers['webhook-id'])).size).toBe(3)
  await insertOutboxRows(writer, ['good'])
  await settledRows(1)
})

test('I4: many poison rows among good ones are all found', async () => {
  gateway.answer((batch) => (batch.bytes.includes('poison') ? { status: 500 } : acceptAll(batch)))
  await insertOutboxRows(writer, [
    ...keysOf('good', 3),
    ...keysOf('poison', 5),
    ...keysOf('fine', 3),
  ])
  relay.start()
  await settledRows(6)
  await waitFor('the dead letters', async () => (await deadLetters()).length === 5)
})

test.each([
  { name: 'its 403 page', answer: { status: 403, body: '<html>blocked</html>' } },
  { name: 'a redirect', answer: { status: 302, headers: { location: '/blocked' } } },
  { name: 'a page with status 200', answer: { status: 200, body: '<html>blocked</html>' } },
  { name: 'a 400', answer: { status: 400 } },
])(
  'I4: somebody in between refuses the text of one row by $name: it alone is a dead letter',
  async ({ answer }) => {
    gateway.answer((batch) => (batch.bytes.includes('<script>') ? answer : acceptAll(batch)))
    await insertOutboxRows(writer, ['a', 'b', '<script>', 'c', 'd'])
    relay.start()
    await settledRows(4)
    await waitFor('the dead letter', async () => (await deadLetters()).length === 1)
    expect(await deadLetters()).toEqual([{ key: '<script>', reason: 'blocked' }])
  },
)

test('I4: a batch that is too much for the time HQ has is cut, and all of it arrives', async () => {
  gateway.answer((batch) => (batch.envelope.rows.length > 4 ? notInTime : acceptAll(batch)))
  await insertOutboxRows(writer, keysOf('row', 30))
  relay.start()
  await settledRows(30)
  expect(await deadLetters()).toEqual([])
})

test('I4: what is decided of a cut batch is settled while the rest is still tried', async () => {
  let isHeld = true
  gateway.answer((batch) => {
    if (batch.envelope.rows.length > 1) return notInTime
    if (batch.bytes.includes('"refused"')) return quarantineOne(batch)
    return isHeld ? refusal('in_flight') : acceptAll(batch)
  })
  await insertOutboxRows(writer, ['held', 'refused'])
  relay.start()
  await waitFor('the dead letter', async () => (await deadLetters()).length === 1)
  expect(await deadLetters()).toEqual([{ key: 'refused', reason: 'invalid_value' }])
  await settledRows(1)
  const attempts = gateway.received.length
  await waitFor('one more attempt', () => gateway.received.length > attempts)
  isHeld = false
  await settledRows(2)
  expect(await deadLetters()).toHaveLength(1)
})

test('I4: a batch that HQ cannot write while it writes others is cut, whatever 503 says so', async () => {
  gateway.answer((batch) => (batch.envelope.rows.length > 4 ? { status: 503 } : acceptAll(batch)))
  await insertOutboxRows(writer, keysOf('row', 10))
  relay.start()
  await settledRows(10)
  expect(await deadLetters()).toEqual([])
})

test('I4: a row that somebody holds locked in HQ holds nobody up, and arrives by itself when it is free', async () => {
  let isLocked = true
  gateway.answer((batch) =>
    isLocked && batch.bytes.includes('"locked"') ? notInTime : acceptAll(batch),
  )
  await insertOutboxRows(writer, ['a', 'locked', 'b'])
  relay.start()
  await settledRows(2)
  await waitFor('the dead letter', async () => (await deadLetters()).length === 1)
  expect(await deadLetters()).toEqual([{ key: 'locked', reason: 'not_in_time' }])
  // In later windows: this one is acked.
  await insertOutboxRows(writer, ['c'])
  await settledRows(3)
  isLocked = false
  await settledRows(4)
  const letter = await waitFor('the letter to be settled', async () => {
    const { rows } = await writer.query(
      `select resolution, retry_at, attempts from hq_export.dead_letter
       where resolved_at is not null`,
    )
    return rows[0]
  })
  expect(letter).toMatchObject({ resolution: 'replayed', retry_at: null })
  const held = gateway.received.filter(({ bytes }) => bytes.includes('"locked"'))
  const last = held.at(-1)
  expect(last?.envelope.rows).toHaveLength(1)
  // The row as it was captured, under the id that its batch had.
  expect(
    held.filter(({ bytes }) => bytes.equals(last?.bytes ?? Buffer.alloc(0))).length,
  ).toBeGreaterThan(1)
})

test('a row that was left for later and is refused then has the reason of HQ', async () => {
  let answer: ScriptedAnswer = notInTime
  gateway.answer(() => answer)
  await insertOutboxRows(writer, ['a'])
  relay.start()
  await waitFor('the dead letter', async () => (await deadLetters()).length === 1)
  gateway.answer((batch) => {
    answer = quarantineOne(batch)
    return answer
  })
  await waitFor('the reason', async () => (await deadLetters())[0]?.reason === 'invalid_value')
  const { rows } = await writer.query('select resolved_at, retry_at from hq_export.dead_letter')
  expect(rows).toEqual([{ resolved_at: null, retry_at: null }])
})

test('I4: what a refused version superseded is sent, down to the newest that HQ takes; a failed one supersedes nothing', async () => {
  const sentBy = (entity: string) =>
    gateway.received.flatMap(({ envelope }) =>
      envelope.rows
        .filter(({ row }) => row.entity_id === entity)
        .map(({ row }) => row.record_version),
    )
  gateway.answer((batch) => {
    const rows = batch.envelope.rows.flatMap(({ row }, index) =>
      Number(row.record_version) > 2
        ? [{ index, key: null, outcome: 'quarantined', code: 'secret_detected' } as const]
        : [],
    )
    const received = batch.envelope.rows.length
    const counts = {
      ...emptyCounts(received),
      quarantined: rows.length,
      inserted: received - rows.length,
    }
    const status = rows.length > 0 ? 'partial' : 'applied'
    return { status: 200, body: { batch: batch.headers['webhook-id'], status, counts, rows } }
  })
  // Versions 1 to 5 of one entity and 1 to 2 of another in one window, and a capture that failed
  // above all of them.
  await writer.query(
    `insert into hq_export.outbox_0 (dataset, key, version, body)
     select 3, 'o/' || e, v, format('{"org_id":"o","entity_id":"%s","record_version":"%s"}', e, v)
     from (values ('bad', 5), ('good', 2)) as k(e, last), generate_series(1, last) v`,
  )
  await writer.query(
    `insert into hq_export.outbox_0 (dataset, key, version, sqlstate)
     values (3, 'o/good', 9, 'P0001')`,
  )
  relay.start()
  await waitFor('version 2', () => sentBy('bad').includes('2'))
  expect(sentBy('bad')).toEqual(['5', '4', '3', '2'])
  expect(sentBy('good')).toEqual(['2'])
  expect(await deadLetters()).toMatchObject([
    ...['o/bad', 'o/bad', 'o/bad'].map((key) => ({ key, reason: 'secret_detected' })),
    { key: 'o/good', reason: 'capture_failed' },
  ])
})

test('I1: an answer that contradicts itself is no ack', async () => {
  gateway.answer((batch) => {
    const { body } = acceptAll(batch) as { body: BatchResult }
    return { status: 200, body: { ...body, counts: { ...body.counts, inserted: 1 } } }
  })
  await insertOutboxRows(writer, ['a', 'b'])
  relay.start()
  await waitFor('the relay to halt', () => relay.progress.state === 'halted')
  expect(relay.progress.haltReason).toContain('does not decide every row')
  await relay.stop()
  gateway.answer(acceptAll)
  relay = new Relay(config(), createLog('silent'))
  relay.start()
  await settledRows(2)
})

test('I5: an HQ in trouble gets one request at a time, however many batches wait', async () => {
  let isDown = true
  let running = 0
  let mostAfterOpening = 0
  gateway.answer(async (batch) => {
    running++
    if (gateway.received.length > 5) mostAfterOpening = Math.max(mostAfterOpening, running)
    await new Promise(setImmediate)
    running--
    return isDown ? { status: 503 } : acceptAll(batch)
  })
  const keys = Array.from({ length: 9000 }, (_, index) => `row-${index}`)
  await insertOutboxRows(writer, keys)
  relay.start()
  await waitFor('the circuit breaker to open', () => gateway.received.length > 6)
  expect(mostAfterOpening).toBe(1)
  isDown = false
  await settledRows(9000)
})

/** So many that their batch is worth being compressed. */
const manyKeys = (count: number) => Array.from({ length: count }, (_, index) => `key-${index}`)

test.each(['zstd', 'gzip'] as const)('a batch travels as %s', async (compression) => {
  await relay.stop()
  relay = new Relay({ ...config(), compression }, createLog('silent'))
  await insertOutboxRows(writer, manyKeys(240))
  relay.start()
  await settledRows(240)
  expect(gateway.received[0]?.headers['content-encoding']).toBe(compression)
})

test('windows that are large in turn are cut at least 50 ms apart, so that each takes more', async () => {
  const paced = 6
  // Whoever waits for the answer finds the next large window there.
  gateway.answer(async (batch) => {
    const count = gateway.received.length
    if (count < paced) await insertOutboxRows(writer, keysOf(`window-${count}`, 100))
    return acceptAll(batch)
  })
  await insertOutboxRows(writer, keysOf('window-0', 100))
  relay.start()
  await settledRows(paced * 100)
  const atMs = gateway.received.map((batch) => batch.atMs)
  expect(atMs).toHaveLength(paced)
  // The second is cut when the first is settled; a timer may be a millisecond early.
  const tookMs = Number(atMs.at(-1)) - Number(atMs[0])
  expect(tookMs).toBeGreaterThanOrEqual((paced - 2) * 49)
})

test('a batch that fits into a few packets travels as it is', async () => {
  await relay.stop()
  relay = new Relay({ ...config(), compression: 'zstd' }, createLog('silent'))
  await insertOutboxRows(writer, ['a'])
  relay.start()
  await settledRows(1)
  expect(gateway.received[0]?.headers).not.toHaveProperty('content-encoding')
})

test('the signature covers the bytes on the wire, after compression', async () => {
  await relay.stop()
  relay = new Relay({ ...config(), compression: 'zstd' }, createLog('silent'))
  await insertOutboxRows(writer, manyKeys(240))
  relay.start()
  await settledRows(240)
  const [batch] = gateway.received
  expect(batch?.headers['content-encoding']).toBe('zstd')
  const result = verify(
    {
      id: String(batch?.headers['webhook-id']),
      timestamp: String(batch?.headers['webhook-timestamp']),
      signature: String(batch?.headers['webhook-signature']),
      body: batch?.bytes ?? Buffer.alloc(0),
      nowMs: Date.now(),
    },
    [{ key: parseVerificationKey(secret) }],
  )
  expect(result.ok).toBe(true)
})

test('one relay works and the other takes over when its session is gone', async () => {
  relay.start()
  await waitFor('the first to work', () => relay.progress.state === 'working')
  const second = new Relay(config(), createLog('silent'))
  second.start()
  await waitFor('the second to stand by', () => second.progress.state === 'standby')
  await relay.stop()
  await waitFor('the second to work', () => second.progress.state === 'working')
  await insertOutboxRows(writer, ['a'])
  await waitFor('delivery', () => second.progress.settledRows === 1)
  await second.stop()
})

test('a relay can be stopped before it was started, and twice', async () => {
  const idle = new Relay(config(), createLog('silent'))
  await idle.stop()
  await idle.stop()
  expect(idle.progress.state).toBe('stopped')
})

test('whatever the datasets, what the relay sends is read by HQ in one pass', async () => {
  const orgId = await insertOrg(writer)
  const canonical_name = 'Ütf "8"\\ 🙂\t\r\n\b\f/\u2028'
  await insertCompany(writer, orgId, { canonical_name, employee_count: 7 })
  const personId = await insertPerson(writer, orgId)
  await writer.query('delete from entities.person_entities where entity_id = $1', [personId])
  const runId = await insertRun(writer, orgId)
  await insertEvent(writer, orgId, runId)
  await relay.start()
  const seen = () => new Map(gateway.received.map((batch) => [batch.envelope.dataset, batch]))
  await waitFor('a batch of every dataset', () => DATASETS.every(({ name }) => seen().has(name)))
  for (const { bytes, envelope } of gateway.received) {
    if (DATASETS.every(({ name }) => name !== envelope.dataset)) continue
    const scanned = await scanBatch(bytes, { orgs: undefined })
    expect(scanned?.rows.count, envelope.dataset).toBe(envelope.rows.length)
  }
})
