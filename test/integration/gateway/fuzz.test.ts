import { gzipSync, zstdCompressSync } from 'node:zlib'
import { DATASETS, type DatasetName, type Envelope } from '@hq-export/contract'
import fc from 'fast-check'
import type pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { RawConnection } from '../../support/network/raw-connection.ts'
import { startSite } from '../../support/programs/gateway-site.ts'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  post,
  problemOf,
  type SendOptions,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'

/** The same requests in every run; another seed finds others. */
const SEED = 20_260_216
const ENTITIES = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`)

let gateway: TestGateway
let client: pg.Client

/** What the gateway said of the batches that it took. */
const said = { batches: 0, inserted: 0, quarantined: 0 }

beforeAll(async () => {
  const site = await startSite()
  gateway = site.gateway
  client = site.client
  return site.stop
})

/** Values that have broken somebody's ingestion. */
const nasty = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    '\0',
    'a\0b',
    '\ud800',
    '\udc00\ud800',
    '\ud83d\ude00',
    -0,
    1e308,
    '9223372036854775807',
    '9223372036854775808',
    '-0',
    'NaN',
    '1e5',
    '9'.repeat(200_000),
    '2026-02-30T00:00:00Z',
    '0001-01-01T00:00:00-15:59',
    'infinity',
    '{"a":"\\u0000"}',
    '{"a":"\\\\u0000"}',
    '"\\ud800"',
    '1e200000',
    `${'['.repeat(9_000)}${']'.repeat(9_000)}`,
    '{"a":1,"a":2}',
    "'; drop table hq.dx_operation_runs_v1; --",
    '\\N',
    '\t\n\r\b\f\v',
    true,
    [],
    {},
    [[[[[[{}]]]]]],
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary' }),
)

/** Mostly nothing. */
function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
}

const names = DATASETS.map(({ name }) => name)

const row = fc.record({
  dropped: seldom(fc.nat()),
  column: fc.nat(),
  value: fc.option(nasty, { nil: undefined }),
  entity: fc.constantFrom(...ENTITIES),
  version: fc.constantFrom('1', '2', '9223372036854775807'),
  extra: fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', '\0')),
    nasty,
    { maxKeys: 2, noNullPrototype: true },
  ),
})

type RowPlan = typeof row extends fc.Arbitrary<infer Plan> ? Plan : never

function rowOf(name: DatasetName, { dropped, column, value, entity, version, extra }: RowPlan) {
  const built = buildRow(name)
  if ('entity_id' in built) built.entity_id = entity
  if ('record_version' in built) built.record_version = version
  const columns = Object.keys(built)
  if (value !== undefined) built[columns[column % columns.length] ?? ''] = value
  if (dropped !== undefined) delete built[columns[dropped % columns.length] ?? '']
  return { ...built, ...extra }
}

const batch = fc
  .record({ name: fc.constantFrom(...names), rows: fc.array(row, { minLength: 1, maxLength: 6 }) })
  .map(({ name, rows }) =>
    buildEnvelope(
      name,
      rows.map((plan) => rowOf(name as DatasetName, plan)),
    ),
  )

/** A batch of which a member or two may not be what they should. */
const envelope = fc
  .tuple(
    batch,
    seldom(
      fc.tuple(
        fc.constantFrom('source', 'dataset', 'schema_version', 'epoch', 'rows', 'more'),
        nasty,
      ),
    ),
    seldom(fc.tuple(fc.constantFrom('row', 'xid', 'captured_at', 'traceparent', 'deleted'), nasty)),
  )
  .map(([good, member, rowMember]): Envelope => {
    const rows = good.rows.map((each, index) =>
      index === 0 && rowMember !== undefined ? { ...each, [rowMember[0]]: rowMember[1] } : each,
    )
    return { ...good, rows, ...(member !== undefined && { [member[0]]: member[1] }) } as Envelope
  })

const coding = fc.constantFrom<SendOptions>(
  {},
  { encode: (body) => gzipSync(body), encoding: 'gzip' },
  { encode: (body) => zstdCompressSync(body), encoding: 'zstd' },
)

/** A refusal is a problem that blames the request; an answer accounts for every row. */
async function check(response: Response): Promise<void> {
  if (response.status !== 200) {
    const { status } = await problemOf(response)
    expect([400, 401, 413, 415, 422]).toContain(status)
    return
  }
  const isReplay = response.headers.get('idempotent-replayed') !== null
  const { counts } = await answerOf(response)
  const { received, ...outcomes } = counts
  expect(Object.values(outcomes).reduce((sum, count) => sum + count, 0)).toBe(received)
  if (isReplay) return
  said.batches++
  said.inserted += counts.inserted
  said.quarantined += counts.quarantined
}

test('whatever a signed batch holds: it is accounted for row by row, or refused as the caller’s fault', async () => {
  await fc.assert(
    fc.asyncProperty(envelope, coding, async (body, options) => {
      await check(await post(gateway.url, JSON.stringify(body), options))
    }),
    { seed: SEED, numRuns: 300 },
  )
})

test('whatever a signed body is, in whatever coding: it is refused as the caller’s fault', async () => {
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.json({ maxDepth: 40 }).map((text) => Buffer.from(text)),
    envelope.chain((body) => {
      const text = Buffer.from(JSON.stringify(body))
      return fc.nat({ max: text.length }).map((length) => text.subarray(0, length))
    }),
  )
  const codings = fc.constantFrom('gzip', 'zstd', 'identity', 'br', 'gzip, gzip', '')
  await fc.assert(
    fc.asyncProperty(junk, codings, fc.boolean(), async (body, encoding, isEncoded) => {
      const compress = encoding === 'zstd' ? zstdCompressSync : gzipSync
      const wire = isEncoded ? compress(body) : body
      await check(await post(gateway.url, wire, encoding === '' ? {} : { encoding }))
    }),
    { seed: SEED, numRuns: 150 },
  )
})

test('a column whose name and value are U+0000 costs its own row and no other', async () => {
  const rows = [buildRow('dx_operation_runs_v1', { '\0': '\0' }), buildRow('dx_operation_runs_v1')]
  const body = JSON.stringify(buildEnvelope('dx_operation_runs_v1', rows))
  const response = await post(gateway.url, body)
  await check(response.clone())
  const answer = await answerOf(response)
  expect(answer.counts).toMatchObject({ inserted: 1, quarantined: 1 })
  expect(answer.rows[0]).toMatchObject({ code: 'unrepresentable_nul', pointer: '/rows/0/row' })
})

/** A credential, made when the test runs, so that no scanner takes this file for a leak. */
const SECRET = [
  'ghp',
  Array.from({ length: 36 }, (_, n) => 'A7bQ2xLm9Z'[(n * 7) % 10]).join(''),
].join('_')

test('I4: whatever the name of a column whose value is a credential: it costs its own row and no other, and stays unseen', async () => {
  const piece = fc.constantFrom(...'\0/~"\\\n\u2028é', '\ud800', '\udc00', 'a b ', SECRET)
  const hostile = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''))
  const name = fc.oneof(
    { weight: 9, arbitrary: hostile },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'x'.repeat(900_000),
        '\0'.repeat(100_000),
        '🙂'.repeat(150),
        `a${'🙂'.repeat(150)}`,
      ),
    },
  )
  const value = fc.oneof(fc.constant(SECRET), fc.constant(`\0${SECRET}`), hostile)
  const extra = fc.dictionary(name, value, { minKeys: 1, maxKeys: 2, noNullPrototype: true })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), extra, async (dataset, members) => {
      const [bad, good] = [{ ...buildRow(dataset), ...members }, buildRow(dataset)]
      const body = JSON.stringify(buildEnvelope(dataset, [bad, good]))
      const response = await post(gateway.url, body)
      await check(response.clone())
      expect(response.status).toBe(200)
      expect(await response.text()).not.toContain(SECRET)
    }),
    { seed: SEED, numRuns: 150 },
  )
  const { rows } = await client.query(
    `select count(*)::int4 as clear from ingest.quarantine q where q::text like '%' || $1 || '%'`,
    [SECRET],
  )
  expect(rows).toEqual([{ clear: 0 }])
})

test('I4: a row that cannot even be kept as it is gets its decision, and stops no other', async () => {
  await client.query(`
    create function public.refuse() returns trigger language plpgsql as $$
    begin
      if new.row_text like '%unkeepable%' then raise exception 'told'; end if;
      return new;
    end $$;
    create trigger refuse before insert on ingest.quarantine
      for each row execute function public.refuse()`)
  const rows = ['unkeepable', 'kept', 'good'].map((name) =>
    buildRow('dx_operation_runs_v1', name === 'good' ? {} : { duration_ms: name }),
  )
  const body = JSON.stringify(buildEnvelope('dx_operation_runs_v1', rows))
  const response = await post(gateway.url, body)
  await check(response.clone())
  expect((await answerOf(response)).counts).toMatchObject({ inserted: 1, quarantined: 2 })
  const { rows: entries } = await client.query(
    `select row_index, key, detail, row_text like '%sha256%' as "isHash"
     from ingest.quarantine q order by q.id desc limit 2`,
  )
  expect(entries.toSorted((a, b) => a.row_index - b.row_index)).toMatchObject([
    { key: null, detail: expect.stringContaining('SQLSTATE P0001'), isHash: true },
    { key: expect.any(String), isHash: false },
  ])
  await client.query('drop trigger refuse on ingest.quarantine')
})

test('whatever the headers are: refused, or the batch is taken whole', async () => {
  const header = fc.constantFrom(
    'webhook-id',
    'webhook-timestamp',
    'webhook-signature',
    'content-type',
    'content-encoding',
    'prefer',
    'traceparent',
    'expect-ct',
  )
  // What a client may send at all: visible ASCII and spaces inside.
  const value = fc
    .oneof(
      fc.string({ unit: 'grapheme-ascii', maxLength: 60 }),
      fc.constantFrom('v1,', 'v1a,AAAA', '9'.repeat(20), '-1', '1e3', 'application/json', 'a,b'),
    )
    .map((text) => text.trim())
  await fc.assert(
    fc.asyncProperty(batch, fc.dictionary(header, value, { maxKeys: 3 }), async (body, headers) => {
      await check(await post(gateway.url, JSON.stringify(body), { headers: { ...headers } }))
    }),
    { seed: SEED, numRuns: 150 },
  )
})

test('whatever comes over the wire: a problem or silence, and the gateway lives on', async () => {
  const line = fc.constantFrom(
    'POST /v1/batches HTTP/1.1\r\n',
    'host: x\r\n',
    'content-length: 5\r\n',
    'content-length: 99999999999999999999\r\n',
    'transfer-encoding: chunked\r\n',
    'expect: 100-continue\r\n',
    'content-type: application/json\r\n',
    'connection: upgrade\r\nupgrade: h2c\r\n',
    '\r\n',
    'ffffffffffffffff\r\n',
    '0\r\n\r\n',
  )
  const bytes = fc.uint8Array({ maxLength: 40 }).map((data) => Buffer.from(data).toString('latin1'))
  const lines = fc.array(
    fc.oneof({ weight: 4, arbitrary: line }, { weight: 1, arbitrary: bytes }),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  await fc.assert(
    fc.asyncProperty(lines, async (parts) => {
      using connection = new RawConnection(gateway.url)
      connection.send(Buffer.from(parts.join(''), 'latin1'))
      expect((await fetch(`${gateway.url}/livez`)).status).toBe(200)
      expect(connection.text).not.toMatch(/^HTTP\/1.1 (?:5|200)/m)
    }),
    { seed: SEED, numRuns: 100 },
  )
})

test('after all of it HQ holds what was accepted, and nothing else', async () => {
  const counts = DATASETS.map(({ name }) => `(select count(*) from hq.${name})`)
  const { rows } = await client.query<Record<string, number>>(
    `select (${counts.join(' + ')})::int4 as inserted,
       (select count(*)::int4 from ingest.batch) as batches,
       (select count(*)::int4 from ingest.quarantine) as quarantined`,
  )
  expect(said.batches).toBeGreaterThan(100)
  expect(said.inserted).toBeGreaterThan(100)
  expect(rows[0]).toMatchObject({ batches: said.batches, inserted: said.inserted })
  // The same bad row is kept once.
  expect(rows[0]?.quarantined).toBeLessThanOrEqual(said.quarantined)
  expect(rows[0]?.quarantined).toBeGreaterThan(0)
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200)
})
