import { randomUUID } from 'node:crypto'
import {
  type BatchResult,
  type Column,
  DATASETS,
  type Dataset,
  type DatasetName,
} from '@hq-export/contract'
import { HqWatcher } from '@hq-export/hq-ingest/metrics/watch-hq.ts'
import { scanBatch } from '@hq-export/hq-ingest/row-scan/scan-batch.ts'
import { createLogger } from '@hq-export/observability/logger.ts'
import type pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { startSite } from '../../support/programs/gateway-site.ts'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  deliver,
  envelopeRow,
  post,
  send,
  startGateway,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { countLockWaiters } from '../../support/servers/lock-waiters.ts'
import { waitFor } from '../../support/wait-for.ts'

const EVENTS = 'dx_operation_events_v1'
const RUNS = 'dx_operation_runs_v1'
const COMPANIES = 'dx_company_entities_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'

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

function apply(dataset: DatasetName, ...rows: Parameters<typeof buildEnvelope>[1][]) {
  return deliver(gateway.url, buildEnvelope(dataset, rows.flat()), { id: randomUUID() })
}

/** `index outcome code` of every row that the answer lists. */
function listed(answer: BatchResult): string[] {
  return answer.rows.map(({ index, outcome, code }) =>
    [index, outcome, code].filter((part) => part !== undefined).join(' '),
  )
}

async function one(sql: string, values: unknown[] = []): Promise<Record<string, unknown>> {
  const { rows } = await client.query(sql, values)
  expect(rows).toHaveLength(1)
  return rows[0]
}

function company(values: Record<string, unknown> = {}) {
  return buildRow(COMPANIES, values)
}

test.each(DATASETS.map(({ name }) => name))(
  'rows of %s arrive, with where they came from',
  async (dataset) => {
    const rows = [buildRow(dataset), buildRow(dataset)]
    const answer = await apply(dataset, rows)
    expect(answer).toMatchObject({
      status: 'applied',
      counts: {
        received: 2,
        inserted: 2,
        updated: 0,
        duplicate: 0,
        stale: 0,
        superseded: 0,
        quarantined: 0,
      },
      rows: [],
    })
    const { rows: stored } = await client.query(
      `select _dx_xid::text, _dx_source, _dx_extra, _dx_deleted_at from hq.${dataset}
       where _dx_batch = $1`,
      [answer.batch],
    )
    const origin = {
      _dx_xid: '4242',
      _dx_source: 'data-engine-x',
      _dx_extra: null,
      _dx_deleted_at: null,
    }
    expect(stored).toEqual([origin, origin])
  },
)

test('values arrive bit for bit', async () => {
  const long = '123456789012345678901234567890.0123456789'
  const run = buildRow(RUNS, {
    cost_usd: long,
    created_at: '2026-12-31T23:59:59.999999+05:30',
    workflow_id: '',
    error_message: 'tab\t newline\n return\r backslash\\ \\N \\. quote" null-like NULL 🦆 \u0001',
    error_code: null,
    attempt_count: -2147483648,
  })
  await apply(RUNS, [run])
  expect(
    await one(
      `select cost_usd::text, (extract(epoch from created_at)::numeric)::text as created,
         workflow_id, error_message, error_code, attempt_count
       from hq.${RUNS} where run_id = $1`,
      [run.run_id],
    ),
  ).toEqual({
    cost_usd: long,
    created: '1798741799.999999',
    workflow_id: '',
    error_message: run.error_message,
    error_code: null,
    attempt_count: -2147483648,
  })
})

test('values of an upserted row arrive bit for bit', async () => {
  const row = company({
    record_version: '9223372036854775807',
    enrichment_confidence: '0.10',
    canonical_name: 'tab\t backslash\\ \\N 🦆 \u0001 "quoted"',
    canonical_domain: '',
    updated_at: '0001-01-01T00:00:00.000001Z',
  })
  await apply(COMPANIES, [row])
  expect(
    await one(
      `select record_version::text, enrichment_confidence::text, canonical_name, canonical_domain,
         updated_at::text
       from hq.${COMPANIES} where entity_id = $1`,
      [row.entity_id],
    ),
  ).toMatchObject({
    record_version: '9223372036854775807',
    enrichment_confidence: '0.10',
    canonical_name: row.canonical_name,
    canonical_domain: '',
  })
})

/** Of each type, what is at the edge of what the fast way takes. */
const EDGES: Readonly<Record<Column['type'], readonly unknown[]>> = {
  text: ['', 'a', '\b\f\n\r\t"\\/ \\N NULL {} é 🦆 \u2028', 'word '.repeat(400)],
  uuid: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-fffffffffffe'],
  int4: [0, 1, -1, 65_536, 2_147_483_647, -2_147_483_647],
  int8: ['0', '1', '-1', '4294967296', '-4294967297', '999999999999999', '-999999999999999'],
  numeric: ['0', '0.00', '1', '1.50', '-1.5', '10000', '9999.9999', '100000000.00001', '0.00001'],
  boolean: [true, false],
  timestamptz: [
    ...['2000-01-01T00:00:00+00:00', '1999-12-31T23:59:59.999999+00:00', '2024-02-29T00:00:00Z'],
    ...['0001-01-01T00:00:00.000001+00:00', '9999-12-31T23:59:59.999999-15:59'],
    ...['2100-03-01T12:34:56.1+05:30', '1900-03-01T00:00:00-00:30', '2026-12-31T23:59:59.5+00:00'],
  ],
  jsonb: ['{}', '[1.10, "a\\n\\"b", {"c": null}]', '12345678901234567890.10', '"\\\\"'],
}

/** Part of what no two rows have in common. */
function isUnique({ primaryKey, uniquenessGuard = [] }: Dataset, name: string): boolean {
  return [...primaryKey, ...uniquenessGuard].includes(name)
}

/** More rows than are stored at once, each value in some of them, and NULLs. */
function edgeRows(dataset: Dataset): Record<string, unknown>[] {
  const columns = dataset.columns.filter(({ name }) => !isUnique(dataset, name))
  return Array.from({ length: 66 }, (_, n) => {
    const values = columns.map(({ name, type, values: known, reference, nullable }, i) => {
      const edges = known ?? (reference ? ['s3://raw/1', 'a-_.~%20'] : EDGES[type])
      const isNull = nullable && (n + i) % 5 === 0
      return [name, isNull ? null : edges[(n + i) % edges.length]]
    })
    return buildRow(dataset.name as DatasetName, Object.fromEntries(values))
  })
}

test.each(DATASETS)(
  'I6: of $name HQ stores the same of a batch that is scanned and of one that is parsed',
  async (dataset) => {
    const scanned = edgeRows(dataset)
    const id = dataset.primaryKey.at(-1) ?? ''
    const own: string[] = dataset.columns
      .filter(({ name, type }) => type === 'uuid' && isUnique(dataset, name))
      .map(({ name }) => name)
    const parsed = scanned.map((row) => {
      // In another order of the columns, which the scan does not know.
      const others = Object.entries(row).filter(([name]) => !own.includes(name))
      return Object.fromEntries([...others, ...own.map((name) => [name, randomUUID()])])
    })
    const columns = dataset.columns
      .filter(({ name }) => !own.includes(name))
      .map(({ name }) => `${name}::text`)
    const stored: unknown[][] = []
    for (const [rows, isScanned] of [
      [scanned, true],
      [parsed, false],
    ] as const) {
      const envelope = buildEnvelope(dataset.name, rows)
      const found = await scanBatch(Buffer.from(JSON.stringify(envelope)), { orgs: undefined })
      expect(found !== undefined).toBe(isScanned)
      const answer = await deliver(gateway.url, envelope, { id: randomUUID() })
      expect(answer.counts).toMatchObject({ inserted: rows.length, quarantined: 0 })
      const { rows: kept } = await client.query<{ id: string; fields: unknown }>(
        `select ${id}::text as id, array[${columns.join(', ')}] as fields
         from hq.${dataset.name} where _dx_batch = $1`,
        [answer.batch],
      )
      const byId = new Map(kept.map(({ id: key, fields }) => [key, fields]))
      stored.push(rows.map((row) => byId.get(String((row as Record<string, unknown>)[id]))))
    }
    expect(stored[0]).toEqual(stored[1])
  },
)

test('json keeps every digit, by COPY and by the careful path', async () => {
  const json =
    '{"z": 1.10, "big": 12345678901234567890, "text": "a\\nb \\\\u0000 \\ud83e\\udd86", "deep": [[null]]}'
  const expected =
    '{"z": 1.10, "big": 12345678901234567890, "deep": [[null]], "text": "a\\nb \\\\u0000 🦆"}'
  const first = buildRow(EVENTS, { metadata_json: json })
  const second = buildRow(EVENTS, { metadata_json: json })
  await apply(EVENTS, [first])
  expect(listed(await apply(EVENTS, [first, second]))).toEqual(['0 duplicate'])
  for (const { event_id: id } of [first, second]) {
    expect(
      await one(`select metadata_json::text as json from hq.${EVENTS} where event_id = $1`, [id]),
    ).toEqual({ json: expected })
  }
})

test('columns that the gateway does not know are kept with every digit', async () => {
  const id = randomUUID()
  const row = JSON.stringify(buildRow(EVENTS, { event_id: id })).slice(0, -1)
  const text = `{"source":"data-engine-x","dataset":"${EVENTS}","schema_version":"v1","rows":[
    { "xid":"1", "captured_at":"2026-01-02T03:04:06Z", "row" : ${row}, "score": 1.10, "id": 12345678901234567890,
      "nested" : {"a": [1e400, "x"]}, "text": "t\\tab" } } ]}`
  await answerOf(await post(gateway.url, text))
  expect(
    await one(
      `select _dx_extra - 'nested' as extra, _dx_extra::text from hq.${EVENTS} where event_id = $1`,
      [id],
    ),
  ).toMatchObject({ extra: { text: 't\tab' } })
  const { _dx_extra: extra } = await one(
    `select _dx_extra::text from hq.${EVENTS} where event_id = $1`,
    [id],
  )
  expect(extra).toContain('"score": 1.10')
  expect(extra).toContain('"id": 12345678901234567890')
  expect(extra).toContain(`[1${'0'.repeat(400)}, "x"]`)
})

test('unknown columns of a snapshot are kept and replaced with its next version', async () => {
  const row = company({ shoe_size: 43 })
  await apply(COMPANIES, [row])
  const extra = `select _dx_extra from hq.${COMPANIES} where entity_id = '${row.entity_id}'`
  expect(await one(extra)).toEqual({ _dx_extra: { shoe_size: 43 } })
  await apply(COMPANIES, [{ ...row, record_version: '2', shoe_size: 44 }])
  expect(await one(extra)).toEqual({ _dx_extra: { shoe_size: 44 } })
})

test('an append sent twice under other batch ids changes nothing', async () => {
  const rows = [buildRow(RUNS), buildRow(RUNS), buildRow(RUNS)]
  await apply(RUNS, rows)
  const before = await client.query(`select *, xmin, ctid::text from hq.${RUNS} order by run_id`)
  expect(await apply(RUNS, rows)).toMatchObject({
    status: 'applied',
    counts: { inserted: 0, duplicate: 3 },
  })
  const after = await client.query(`select *, xmin, ctid::text from hq.${RUNS} order by run_id`)
  expect(after.rows).toEqual(before.rows)
})

test('new rows beside known ones are inserted', async () => {
  const known = buildRow(RUNS)
  await apply(RUNS, [known])
  const answer = await apply(RUNS, [buildRow(RUNS), known, buildRow(RUNS)])
  expect(answer.counts).toMatchObject({ inserted: 2, duplicate: 1 })
  expect(listed(answer)).toEqual(['1 duplicate'])
})

test('a run that comes again with other content is quarantined and the first stays', async () => {
  const row = buildRow(RUNS, { cost_usd: '1.0' })
  await apply(RUNS, [row])
  const answer = await apply(RUNS, [{ ...row, cost_usd: '1.00' }])
  expect(listed(answer)).toEqual(['0 quarantined append_only_violation'])
  expect(
    await one(`select cost_usd::text from hq.${RUNS} where run_id = $1`, [row.run_id]),
  ).toEqual({
    cost_usd: '1.0',
  })
})

test.each([
  { dataset: EVENTS, guard: { run_id: randomUUID(), event_sequence: 7 } },
  {
    dataset: SNAPSHOTS,
    guard: { org_id: randomUUID(), entity_id: randomUUID(), record_version: '3' },
  },
] as const)(
  'a second $dataset row under the same uniqueness guard is quarantined',
  async ({ dataset, guard }) => {
    await apply(dataset, [buildRow(dataset, guard)])
    const answer = await apply(dataset, [buildRow(dataset), buildRow(dataset, guard)])
    expect(listed(answer)).toEqual(['1 quarantined uniqueness_violation'])
    expect(answer.counts.inserted).toBe(1)
  },
)

test('a key twice in one append: repetition is a duplicate, other content is quarantined', async () => {
  const row = buildRow(EVENTS)
  const answer = await apply(EVENTS, [row, { ...row }, { ...row, event_type: 'other' }])
  expect(listed(answer)).toEqual(['1 duplicate', '2 quarantined append_only_violation'])
  expect(answer.counts).toMatchObject({ inserted: 1, duplicate: 1, quarantined: 1 })
})

test('a newer version replaces an older one, whatever the order of arrival', async () => {
  const v1 = company({ canonical_name: 'one' })
  const v2 = { ...v1, record_version: '2', canonical_name: 'two' }
  const v3 = { ...v1, record_version: '10', canonical_name: 'ten' }
  expect((await apply(COMPANIES, [v2])).counts).toMatchObject({ inserted: 1 })
  expect((await apply(COMPANIES, [v1])).counts).toMatchObject({ stale: 1 })
  expect((await apply(COMPANIES, [v3])).counts).toMatchObject({ updated: 1 })
  expect((await apply(COMPANIES, [v2])).counts).toMatchObject({ stale: 1 })
  expect((await apply(COMPANIES, [v3])).counts).toMatchObject({ duplicate: 1 })
  expect(
    await one(`select canonical_name from hq.${COMPANIES} where entity_id = $1`, [v1.entity_id]),
  ).toEqual({ canonical_name: 'ten' })
})

test('stale and repeated snapshots write nothing', async () => {
  const rows = Array.from({ length: 50 }, () => company({ record_version: '5' }))
  await apply(COMPANIES, rows)
  const before = await client.query(
    `select ctid::text, xmin, xmax from hq.${COMPANIES} order by entity_id`,
  )
  await apply(COMPANIES, rows)
  await apply(
    COMPANIES,
    rows.map((row) => ({ ...row, record_version: '4' })),
  )
  const after = await client.query(
    `select ctid::text, xmin, xmax from hq.${COMPANIES} order by entity_id`,
  )
  expect(after.rows).toEqual(before.rows)
})

test.each([
  { name: 'text', change: { canonical_name: 'other' } },
  { name: 'scale of a numeric', change: { enrichment_confidence: '1.500' } },
  { name: 'null against empty', change: { industry: '' } },
])(
  'the same version with other content ($name) is quarantined and the first stays',
  async ({ change }) => {
    const row = company({ enrichment_confidence: '1.50' })
    await apply(COMPANIES, [row])
    expect(listed(await apply(COMPANIES, [{ ...row, ...change }]))).toEqual([
      '0 quarantined version_conflict',
    ])
    expect((await apply(COMPANIES, [row])).counts).toMatchObject({ duplicate: 1 })
  },
)

test('a delete of the version that is stored as deleted is a duplicate, whatever else it says', async () => {
  const row = company()
  await apply(COMPANIES, [envelopeRow(row, { deleted: true })])
  const bare = envelopeRow({ ...row, canonical_name: null }, { deleted: true })
  expect((await apply(COMPANIES, [bare])).counts).toMatchObject({ duplicate: 1, quarantined: 0 })
  const name = `select canonical_name from hq.${COMPANIES} where entity_id = '${row.entity_id}'`
  expect((await one(name)).canonical_name).toBe(row.canonical_name)
})

test('the same version with another deleted flag is quarantined', async () => {
  const row = company()
  await apply(COMPANIES, [row])
  const answer = await apply(COMPANIES, [envelopeRow(row, { deleted: true })])
  expect(listed(answer)).toEqual(['0 quarantined version_conflict'])
})

test('the same version with another unknown column is quarantined; one that HQ has learned since is not', async () => {
  const row = company({ added_later: '1.10' })
  await apply(COMPANIES, [row])
  expect((await apply(COMPANIES, [row])).counts).toMatchObject({ duplicate: 1 })
  const listedFor = async (values: Record<string, unknown>) =>
    listed(await apply(COMPANIES, [{ ...row, ...values }]))
  expect(await listedFor({ added_later: '1.1' })).toEqual(['0 quarantined version_conflict'])
  expect(await listedFor({ added_later: undefined })).toEqual(['0 quarantined version_conflict'])
  expect(await listedFor({ added_later: '1.10', another: null })).toEqual(['0 duplicate'])

  // Another gateway knows the column already, and wrote it there; this one still has it among the
  // unknown.
  await client.query(`alter table hq.${COMPANIES} add column added_later numeric`)
  await client.query(
    `update hq.${COMPANIES} set added_later = 1.10, _dx_extra = null where entity_id = $1`,
    [row.entity_id],
  )
  expect(await listedFor({})).toEqual(['0 duplicate'])
  expect(await listedFor({ added_later: '1.1' })).toEqual(['0 quarantined version_conflict'])
  await client.query(`alter table hq.${COMPANIES} drop column added_later`)
})

test('a conflict says both contents by their hashes, in the answer and in quarantine, and no value', async () => {
  const row = company({ canonical_name: 'first secret name' })
  const event = buildRow(EVENTS)
  await apply(COMPANIES, [row])
  await apply(EVENTS, [event])
  const hashes = /: incoming sha256 ([0-9a-f]{64}), stored sha256 ([0-9a-f]{64})$/
  for (const answer of [
    await apply(COMPANIES, [{ ...row, canonical_name: 'second secret name' }]),
    await apply(COMPANIES, [envelopeRow(row, { deleted: true })]),
    await apply(COMPANIES, [{ ...row, unknown: 1 }]),
    await apply(EVENTS, [{ ...event, event_type: 'another secret type' }]),
  ]) {
    const detail = answer.rows[0]?.detail ?? ''
    const [, incoming, stored] = hashes.exec(detail) ?? []
    expect(incoming).toBeDefined()
    expect(incoming).not.toBe(stored)
    expect(detail).not.toContain('secret')
    expect(
      await one('select detail from ingest.quarantine where batch = $1', [answer.batch]),
    ).toEqual({ detail })
  }
})

test('a deletion marks the row, and a later version brings it back', async () => {
  const row = company()
  const deletedAt = `select (_dx_deleted_at at time zone 'UTC')::text as at from hq.${COMPANIES}
    where entity_id = '${row.entity_id}'`
  await apply(COMPANIES, [row])
  const gone = envelopeRow(
    { ...row, record_version: '2' },
    { deleted: true, captured_at: '2026-02-03T04:05:06.789012Z' },
  )
  expect((await apply(COMPANIES, [gone])).counts).toMatchObject({ updated: 1 })
  expect((await one(deletedAt)).at).toBe('2026-02-03 04:05:06.789012')
  await apply(COMPANIES, [gone])
  await apply(COMPANIES, [{ ...row, record_version: '3' }])
  expect((await one(deletedAt)).at).toBeNull()
})

test('of several versions in one batch the highest is applied and the others are superseded', async () => {
  const row = company()
  const answer = await apply(COMPANIES, [
    { ...row, record_version: '9' },
    { ...row, record_version: '10', canonical_name: 'ten' },
    { ...row, record_version: '2' },
  ])
  expect(answer.counts).toMatchObject({ inserted: 1, superseded: 2 })
  expect(listed(answer)).toEqual(['0 superseded', '2 superseded'])
  expect(
    await one(`select canonical_name from hq.${COMPANIES} where entity_id = $1`, [row.entity_id]),
  ).toEqual({ canonical_name: 'ten' })
})

test('the same version twice in one batch: repetition is superseded, other content is quarantined', async () => {
  const row = company()
  const answer = await apply(COMPANIES, [row, { ...row, canonical_name: 'other' }, { ...row }])
  expect(listed(answer)).toEqual(['0 superseded', '1 quarantined version_conflict'])
  expect(answer.counts).toMatchObject({ inserted: 1, superseded: 1, quarantined: 1 })
})

test('the same instant written with another offset is the same content', async () => {
  const row = company({ updated_at: '2026-01-01T12:00:00+00:00' })
  await apply(COMPANIES, [row])
  expect(
    (await apply(COMPANIES, [{ ...row, updated_at: '2026-01-01T13:00:00+01:00' }])).counts,
  ).toMatchObject({
    duplicate: 1,
  })
})

test('a value that only PostgreSQL refuses costs its own row and no other', async () => {
  const bad = buildRow(EVENTS, { metadata_json: '{"huge": 1e200000}' })
  const rows = [buildRow(EVENTS), buildRow(EVENTS), bad, buildRow(EVENTS), buildRow(EVENTS)]
  const answer = await apply(EVENTS, rows)
  expect(listed(answer)).toEqual(['2 quarantined database_rejected'])
  expect(answer.rows[0]?.detail).toBe('HQ refused the row with SQLSTATE 22003')
  expect(answer.counts).toMatchObject({ inserted: 4, quarantined: 1 })
})

test('json nested deeper than PostgreSQL can read costs its own row and no other', async () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
  const answer = await apply(EVENTS, [buildRow(EVENTS), buildRow(EVENTS, { metadata_json: deep })])
  expect(listed(answer)).toEqual(['1 quarantined database_rejected'])
  expect(answer.counts.inserted).toBe(1)
})

test('a version that PostgreSQL refuses supersedes nothing', async () => {
  const row = company()
  await client.query(
    `alter table hq.${COMPANIES} add constraint operators_rule check (industry <> 'forbidden')`,
  )
  const answer = await apply(COMPANIES, [
    { ...row, record_version: '1', canonical_name: 'one' },
    { ...row, record_version: '2', canonical_name: 'two' },
    { ...row, record_version: '3', industry: 'forbidden' },
  ])
  expect(listed(answer)).toEqual(['0 superseded', '2 quarantined database_rejected'])
  expect(
    await one(`select canonical_name from hq.${COMPANIES} where entity_id = $1`, [row.entity_id]),
  ).toEqual({ canonical_name: 'two' })
})

test('the largest batch, 5,000 rows, arrives', async () => {
  const rows = Array.from({ length: 5000 }, () => buildRow(EVENTS))
  expect((await apply(EVENTS, rows)).counts).toMatchObject({ inserted: 5000 })
  const companies = Array.from({ length: 5000 }, () => company())
  expect((await apply(COMPANIES, companies)).counts).toMatchObject({ inserted: 5000 })
})

const MAX_ATTEMPTS = 20

test('overlapping batches in reversed key order through two gateways at the same time all arrive, without a deadlock', async () => {
  await using two = await createHqDatabase()
  const other = await two.connect()
  const gateways = [await startGateway(two.url), await startGateway(two.url)]
  let sent = 0
  // On a slow machine some wait longer than a batch may, and go again, as a relay has them go.
  const apply = async (dataset: DatasetName, rows: Record<string, unknown>[]) => {
    const [url, id] = [gateways[sent++ % 2]?.url ?? '', randomUUID()]
    const envelope = buildEnvelope(dataset, rows)
    for (let attempt = 1; ; attempt++) {
      const response = await send(url, envelope, { id })
      if (response.status !== 503 || attempt === MAX_ATTEMPTS) return answerOf(response)
    }
  }
  const events = Array.from({ length: 300 }, () => buildRow(EVENTS))
  const companies = Array.from({ length: 300 }, () => company())
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, turn) => {
      const version = String(turn + 1)
      const rows = companies.map((row) => ({
        ...row,
        record_version: version,
        canonical_name: version,
      }))
      return [
        apply(EVENTS, turn % 2 === 0 ? events : events.toReversed()),
        apply(COMPANIES, turn % 2 === 0 ? rows : rows.toReversed()),
      ]
    }).flat(),
  )
  const total = (outcome: 'inserted' | 'quarantined', parity: number) =>
    answers.filter((_, i) => i % 2 === parity).reduce((sum, { counts }) => sum + counts[outcome], 0)
  expect(total('inserted', 0)).toBe(300)
  expect(total('inserted', 1)).toBe(300)
  expect(total('quarantined', 0) + total('quarantined', 1)).toBe(0)
  const { rows: stored } = await other.query(
    `select min(canonical_name), max(canonical_name), count(*)::int4 from hq.${COMPANIES}`,
  )
  expect(stored).toEqual([{ min: '12', max: '12', count: 300 }])
  // Sessions count what happened to them when they end.
  for (const { server } of gateways) await server.stop()
  await waitFor('the sessions to end', async () => {
    const { rowCount } = await other.query(
      `select from pg_stat_activity where application_name = 'hq-ingest'
         and datname = current_database()`,
    )
    return rowCount === 0
  })
  const { rows: counted } = await other.query(
    'select deadlocks::int4 from pg_stat_database where datname = current_database()',
  )
  expect(counted).toEqual([{ deadlocks: 0 }])
})

test('a row that another transaction is writing at the same moment gets the right outcome', async () => {
  const row = company({ record_version: '5', canonical_name: 'five' })
  const same = company({ record_version: '5' })
  const writer = await hq.connect()
  await writer.query('begin')
  const columns = Object.keys(row)
  const record = (text: string) =>
    `insert into hq.${COMPANIES} (${columns.join(', ')}, _dx_xid, _dx_batch, _dx_source)
     select ${columns.map((name) => `r.${name}`).join(', ')}, '1', 'b', 's'
     from json_populate_record(null::hq.${COMPANIES}, $1::json) as r ${text}`
  await writer.query(record(''), [JSON.stringify({ ...row, record_version: '6' })])
  await writer.query(record(''), [JSON.stringify(same)])
  const waiting = apply(COMPANIES, [row, same, { ...same, entity_id: randomUUID() }])
  await waitFor(
    'the gateway to wait for the writer',
    async () => (await countLockWaiters(client, 'hq-ingest')) === 1,
  )
  await writer.query('commit')
  const answer = await waiting
  expect(listed(answer)).toEqual(['0 stale', '1 duplicate'])
  expect(answer.counts.inserted).toBe(1)
})

test('the newest heartbeat of a source is kept', async () => {
  const beat = (ts: string) =>
    deliver(gateway.url, buildEnvelope('dx_heartbeat_v1', [{ source_ts: ts }]), {
      id: randomUUID(),
    })
  expect((await beat('2026-01-01T00:00:02Z')).counts).toMatchObject({ inserted: 1 })
  expect((await beat('2026-01-01T00:00:03.5Z')).counts).toMatchObject({ updated: 1 })
  expect((await beat('2026-01-01T00:00:01Z')).counts).toMatchObject({ stale: 1 })
  expect(
    await one(`select source, (source_ts at time zone 'UTC')::text as ts from ingest.heartbeat`),
  ).toEqual({ source: 'data-engine-x', ts: '2026-01-01 00:00:03.5' })
  expect((await beat('2026-01-01T00:00:03.5Z')).counts).toMatchObject({ stale: 1 })
  const bad = await beat('yesterday')
  expect(listed(bad)).toEqual(['0 quarantined invalid_value'])
})

test('a heartbeat from the future, or of another life of the source, makes no later one stale', async () => {
  const EARLIER = '7000000000000000001.00000000-0000-4000-8000-000000000001'
  const LATER = '7000000000000000001.00000000-0000-4000-8000-000000000002'
  const beat = async (epoch: string, ...rows: readonly (readonly [xid: string, ts: string])[]) => {
    const envelope = buildEnvelope(
      'dx_heartbeat_v1',
      rows.map(([xid, source_ts]) => ({ ...envelopeRow({ source_ts }), xid })),
    )
    const { counts } = await deliver(gateway.url, { ...envelope, epoch }, { id: randomUUID() })
    return counts
  }
  const received = () =>
    one(
      `select source_ts::text as ts, xid::text as xid, epoch, received_at::text
       from ingest.heartbeat`,
    )
  await beat(EARLIER, ['5000', '2126-01-01T00:00:00Z'])
  const first = await received()
  // The clock of the source was set back.
  expect(await beat(EARLIER, ['5001', '2026-01-01T00:00:00Z'])).toMatchObject({ updated: 1 })
  const second = await received()
  expect(second).toMatchObject({ xid: '5001', ts: expect.stringMatching(/^2026/) })
  expect(second.received_at).not.toBe(first.received_at)
  // Repeated, late, and both at once: no sign of life.
  expect(await beat(EARLIER, ['5001', '2026-01-01T00:00:00Z'])).toMatchObject({ stale: 1 })
  expect(await beat(EARLIER, ['5000', '2126-01-01T00:00:00Z'])).toMatchObject({ stale: 1 })
  expect(
    await beat(EARLIER, ['4999', '2127-01-01T00:00:00Z'], ['5001', '2026-01-01T00:00:00Z']),
  ).toMatchObject({ stale: 1, superseded: 1 })
  expect(await received()).toEqual(second)
  // Another life counts its transactions anew.
  expect(await beat(LATER, ['700', '2026-01-01T00:00:00Z'])).toMatchObject({ updated: 1 })
  expect(await received()).toMatchObject({ xid: '700', epoch: LATER })
})

test('a clock of HQ that was set back makes no heartbeat young, and a source that is ahead is named', async () => {
  await client.query(
    `insert into ingest.heartbeat (source, batch, received_at, source_ts)
     values ('stopped', 'b', now() + interval '1 hour', now() + interval '3 hours')`,
  )
  const watcher = new HqWatcher(hq.url, createLogger('test', 'silent'), 20)
  watcher.start()
  const stopped = () => watcher.reading?.heartbeats.find(({ source }) => source === 'stopped')
  await waitFor('its age to grow', () => (stopped()?.age_s ?? 0) > 0.05)
  expect(stopped()?.ahead_s).toBeCloseTo(7200, 0)
  await watcher.stop()
  await client.query(`delete from ingest.heartbeat where source = 'stopped'`)
})

test('rows of one large org are reached by their key, also before PostgreSQL has statistics', async () => {
  const org = randomUUID()
  const rows = Array.from({ length: 2_000 }, () =>
    buildRow(COMPANIES, { org_id: org, entity_id: randomUUID(), record_version: '2' }),
  )
  const chunks = [rows.slice(0, 20), rows.slice(20, 700), rows.slice(700)]
  for (const chunk of chunks) await deliver(gateway.url, buildEnvelope(COMPANIES, chunk))
  const stale = rows.map((row) => ({ ...row, record_version: '1' }))
  const { counts } = await deliver(gateway.url, buildEnvelope(COMPANIES, stale))
  expect(counts.stale).toBe(2_000)

  // A statement that goes by the org reads all of it for every row: two million entries and more.
  const read = await waitFor('the statistics of the look-ups', async () => {
    const { rows: found } = await client.query<{ key: number; org: number }>(
      `select sum(idx_scan) filter (where indexrelname like '%_pkey')::int as key,
              sum(idx_tup_read) filter (where indexrelname like '%_org_time_idx')::int as org
       from pg_stat_user_indexes where relname = $1`,
      [COMPANIES],
    )
    return (found[0]?.key ?? 0) > 4_000 && found[0]
  })
  expect(read.org).toBeLessThan(100_000)
})
