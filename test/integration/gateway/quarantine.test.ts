import { createHash, randomUUID } from 'node:crypto'
import { LIMITS } from '@hq-export/contract'
import type pg from 'pg'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { startSite } from '../../support/programs/gateway-site.ts'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  deliver,
  envelopeRow,
  ingestKey,
  post,
  startGateway,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'
import type { TestDatabase } from '../../support/servers/databases.ts'

const EVENTS = 'dx_operation_events_v1'
const COMPANIES = 'dx_company_entities_v1'
const ALLOWED_ORG = '0a0a0a0a-0000-0000-0000-00000000000b'

let hq: TestDatabase
let gateway: TestGateway
let client: pg.Client

beforeAll(async () => {
  const site = await startSite()
  hq = site.hq
  gateway = site.gateway
  client = site.client
  return site.stop
})

afterEach(async () => {
  await client.query(`truncate hq.${EVENTS}, hq.${COMPANIES}, ingest.batch, ingest.quarantine`)
})

async function rowsOf(sql: string): Promise<Record<string, unknown>[]> {
  return (await client.query(sql)).rows
}

const event = (values: Record<string, unknown> = {}) => buildRow(EVENTS, values)

function without(row: Record<string, unknown>, column: string) {
  const { [column]: _, ...rest } = row
  return rest
}

test.each([
  {
    name: 'a missing column',
    bad: without(event(), 'event_type'),
    code: 'missing_column',
    column: 'event_type',
  },
  {
    name: 'a missing nullable column',
    bad: without(event(), 'provider'),
    code: 'missing_column',
    column: 'provider',
  },
  {
    name: 'NULL where the contract has a value',
    bad: event({ event_type: null }),
    code: 'invalid_type',
    column: 'event_type',
  },
  {
    name: 'a number for a text',
    bad: event({ event_type: 1 }),
    code: 'invalid_type',
    column: 'event_type',
  },
  {
    name: 'an object for json',
    bad: event({ metadata_json: {} }),
    code: 'invalid_type',
    column: 'metadata_json',
  },
  {
    name: 'text that is no json',
    bad: event({ metadata_json: '{' }),
    code: 'invalid_value',
    column: 'metadata_json',
  },
  {
    name: 'an id that is no uuid',
    bad: event({ run_id: 'run-1' }),
    code: 'invalid_value',
    column: 'run_id',
  },
  {
    name: 'a value outside a closed set',
    bad: event({ entity_type: 'robot' }),
    code: 'invalid_value',
    column: 'entity_type',
  },
  {
    name: 'an integer out of range',
    bad: event({ http_status: 2147483648 }),
    code: 'invalid_value',
    column: 'http_status',
  },
  {
    name: 'a timestamp without offset',
    bad: event({ occurred_at: '2026-01-01T00:00:00' }),
    code: 'invalid_value',
    column: 'occurred_at',
  },
  {
    name: 'U+0000 in a text',
    bad: event({ provider: 'a\u0000b' }),
    code: 'unrepresentable_nul',
    column: 'provider',
  },
  {
    name: 'U+0000 in json',
    bad: event({ metadata_json: '{"a":["\\u0000"]}' }),
    code: 'unrepresentable_nul',
    column: 'metadata_json',
  },
  {
    name: 'a lone surrogate in json',
    bad: event({ metadata_json: '{"\\ud83e":1}' }),
    code: 'unrepresentable_surrogate',
    column: 'metadata_json',
  },
  {
    name: 'a lone surrogate in a text',
    bad: event({ provider: '\udd86' }),
    code: 'unrepresentable_surrogate',
    column: 'provider',
  },
  {
    name: 'U+0000 in an unknown column',
    bad: event({ extra: { deep: ['\u0000'] } }),
    code: 'unrepresentable_nul',
    column: 'extra',
  },
  {
    name: 'a lone surrogate in an unknown column',
    bad: event({ extra: ['\ud800x'] }),
    code: 'unrepresentable_surrogate',
    column: 'extra',
  },
  {
    name: 'a name with U+0000',
    bad: event({ 'a\u0000': 1 }),
    code: 'unrepresentable_nul',
    column: undefined,
  },
  {
    name: 'U+0000 in the key',
    bad: event({ event_id: '\u0000' }),
    code: 'unrepresentable_nul',
    column: 'event_id',
  },
])('$name is quarantined as $code and the rows around it arrive', async ({ bad, code, column }) => {
  const answer = await deliver(gateway.url, buildEnvelope(EVENTS, [event(), bad, event()]))
  expect(answer.status).toBe('partial')
  expect(answer.counts).toMatchObject({ inserted: 2, quarantined: 1 })
  const pointer = column === undefined ? '/rows/1/row' : `/rows/1/row/${column}`
  expect(answer.rows).toMatchObject([{ index: 1, outcome: 'quarantined', code, pointer }])
  expect(await rowsOf(`select code, pointer, row_index, row_text from ingest.quarantine`)).toEqual([
    { code, pointer, row_index: 1, row_text: JSON.stringify(bad) },
  ])
})

test('text that only looks like U+0000 or half a surrogate pair arrives', async () => {
  const row = event({
    provider: '\\u0000 \\ud83e 🦆',
    metadata_json: '{"a": "\\\\u0000 \\\\ud83e \\ud83e\\udd86"}',
  })
  const answer = await deliver(gateway.url, buildEnvelope(EVENTS, [row]))
  expect(answer.counts.inserted).toBe(1)
  expect(await rowsOf(`select provider, metadata_json ->> 'a' as a from hq.${EVENTS}`)).toEqual([
    { provider: '\\u0000 \\ud83e 🦆', a: '\\u0000 \\ud83e 🦆' },
  ])
})

test('a row of 50,000 levels in an unknown column costs itself alone', async () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
  const row = JSON.stringify(event({ deep: 0 })).replace('"deep":0', `"deep":${deep}`)
  const good = JSON.stringify(envelopeRow(event()))
  const body = `{"source":"data-engine-x","dataset":"${EVENTS}","schema_version":"v1","rows":[${good},
    {"row":${row},"xid":"1","captured_at":"2026-01-01T00:00:00Z"}]}`
  const answer = await answerOf(await post(gateway.url, body))
  expect(answer.counts).toMatchObject({ inserted: 1, quarantined: 1 })
  expect(await rowsOf('select code, row_text from ingest.quarantine')).toEqual([
    { code: 'invalid_value', row_text: row },
  ])
})

test('quarantine keeps the row exactly as sent, with where it came from', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const id = randomUUID()
  const org = randomUUID()
  const text = `{ "event_id": "${id}", "org_id":"${org}",  "cost": 1.10, "id": 12345678901234567890, "cost": 2.0 }`
  const body = `{"source":"data-engine-x","dataset":"${EVENTS}","schema_version":"v1",
    "rows":[{"row":${text},"xid":"77","captured_at":"2026-03-04T05:06:07.000001Z","traceparent":"${traceparent}"}]}`
  const answer = await answerOf(await post(gateway.url, body, { id: 'bad-batch' }))
  expect(answer.rows[0]).toMatchObject({ key: id, code: 'missing_column' })
  expect(
    await rowsOf(`select source, dataset, schema_version, batch, row_index, key, org_id, deleted,
      traceparent, xid::text, (captured_at at time zone 'UTC')::text as captured_at, row_text,
      resolved_at, encode(row_sha256, 'hex') as hash
      from ingest.quarantine`),
  ).toEqual([
    {
      source: 'data-engine-x',
      dataset: EVENTS,
      schema_version: 'v1',
      batch: 'bad-batch',
      row_index: 0,
      key: id,
      org_id: org,
      deleted: false,
      traceparent,
      xid: '77',
      captured_at: '2026-03-04 05:06:07.000001',
      row_text: text,
      resolved_at: null,
      hash: createHash('sha256').update(text).digest('hex'),
    },
  ])
})

test('the same bad row in another batch is the same entry, seen again', async () => {
  const bad = event({ entity_type: 'robot' })
  await deliver(gateway.url, buildEnvelope(EVENTS, [bad]), { id: 'first' })
  const [before] = await rowsOf('select * from ingest.quarantine')
  const answer = await deliver(gateway.url, buildEnvelope(EVENTS, [event(), bad, bad]), {
    id: 'second',
  })
  expect(answer.counts).toMatchObject({ inserted: 1, quarantined: 2 })
  const after = await rowsOf('select * from ingest.quarantine')
  expect(after).toEqual([
    {
      ...before,
      batch: 'second',
      row_index: 1,
      pointer: '/rows/1/row/entity_type',
      seen_count: 3,
      last_seen_at: expect.any(Date),
    },
  ])
  expect(after[0]?.last_seen_at).not.toEqual(before?.last_seen_at)
})

test('a bad row that was resolved is recorded again when it comes again', async () => {
  const bad = event({ entity_type: 'robot' })
  await deliver(gateway.url, buildEnvelope(EVENTS, [bad]), { id: 'first' })
  await client.query(
    `update ingest.quarantine set resolved_at = now(), resolution = $$discarded$$,
       resolved_by = $$test$$`,
  )
  await deliver(gateway.url, buildEnvelope(EVENTS, [bad]), { id: 'second' })
  expect(
    await rowsOf('select batch, resolved_at is null as open from ingest.quarantine order by id'),
  ).toEqual([
    { batch: 'first', open: false },
    { batch: 'second', open: true },
  ])
})

test('a row above the size limit is quarantined, one below is not', async () => {
  const large = event({ error_message: 'ä'.repeat(LIMITS.maxRowBytes / 2 + 1) })
  const fits = event({ error_message: 'ä'.repeat(LIMITS.maxRowBytes / 2 - 1000) })
  const answer = await deliver(gateway.url, buildEnvelope(EVENTS, [large, fits, event()]))
  expect(answer.counts).toMatchObject({ inserted: 2, quarantined: 1 })
  expect(answer.rows).toMatchObject([{ index: 0, code: 'row_too_large' }])
})

test('an append-only row cannot be deleted', async () => {
  const answer = await deliver(
    gateway.url,
    buildEnvelope(EVENTS, [envelopeRow(event(), { deleted: true })]),
  )
  expect(answer.rows).toMatchObject([{ code: 'invalid_value' }])
  expect(await rowsOf(`select from hq.${EVENTS}`)).toEqual([])
})

test('a row of an org that the key may not write is quarantined, and the others arrive', async () => {
  await using scoped = await startGateway(hq.url, { keys: [ingestKey({ orgs: [ALLOWED_ORG] })] })
  const foreign = buildRow(COMPANIES)
  const own = buildRow(COMPANIES, { org_id: ALLOWED_ORG.toUpperCase() })
  const answer = await deliver(scoped.url, buildEnvelope(COMPANIES, [foreign, own]))
  expect(answer.rows).toMatchObject([
    { index: 0, outcome: 'quarantined', code: 'org_not_allowed', pointer: '/rows/0/row/org_id' },
  ])
  expect(await rowsOf(`select org_id from hq.${COMPANIES}`)).toEqual([{ org_id: ALLOWED_ORG }])
})

test('no refusal says what a row holds', async () => {
  const secret = 'sk_live_do_not_repeat'
  const answer = await deliver(
    gateway.url,
    buildEnvelope(EVENTS, [
      event({ entity_type: secret }),
      event({ occurred_at: secret }),
      event({ http_status: secret }),
      event({ metadata_json: secret }),
    ]),
  )
  expect(answer.counts.quarantined).toBe(4)
  expect(JSON.stringify(answer)).not.toContain(secret)
  expect(await rowsOf(`select from ingest.quarantine where detail like '%${secret}%'`)).toEqual([])
})

test('the same bad rows in reversed order at the same time are recorded once and deadlock nothing', async () => {
  const bad = Array.from({ length: 200 }, () => event({ entity_type: 'robot' }))
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, turn) =>
      deliver(gateway.url, buildEnvelope(EVENTS, turn % 2 === 0 ? bad : bad.toReversed()), {
        id: randomUUID(),
      }),
    ),
  )
  for (const { counts } of answers) expect(counts.quarantined).toBe(200)
  expect(await rowsOf('select from ingest.quarantine')).toHaveLength(200)
})
