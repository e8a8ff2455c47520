import { randomBytes, randomUUID } from 'node:crypto'
import {
  type DatasetName,
  DIGEST_ROWS_PATH,
  DIGESTS_PATH,
  type Digest,
  datasetByName,
  type EnvelopeRow,
  snapshotIdOf,
} from '@hq-export/contract'
import { createComparePool } from '@hq-export/hq-ingest/db/connect.ts'
import { createIngestMetrics } from '@hq-export/hq-ingest/metrics/ingest-metrics.ts'
import { digestStatement } from '@hq-export/hq-ingest/reconciliation/digest-statement.ts'
import { questionOf } from '@hq-export/hq-ingest/reconciliation/question.ts'
import { startMetrics } from '@hq-export/observability/meter.ts'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  ALL_BUCKETS,
  askDigest,
  askRows,
  asOf,
  digestOf,
  EPOCH,
  OTHER_EPOCH,
  question,
} from '../../../support/programs/compare-client.ts'
import {
  buildEnvelope,
  buildRow,
  deliver,
  envelopeRow,
  ingestKey,
  postTo,
  problemOf,
  SOURCE,
  startGateway,
  type TestGateway,
} from '../../../support/programs/ingest-client.ts'
import { createHqDatabase, type TestDatabase } from '../../../support/servers/databases.ts'
import { countLockWaiters } from '../../../support/servers/lock-waiters.ts'
import { waitFor } from '../../../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'
const COMPANIES = 'dx_company_entities_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'
const OWN = randomUUID()
const FOREIGN = randomUUID()
const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`
const limited = { secret: newSecret() }
const other = { secret: newSecret() }

let hq: TestDatabase
let gateway: TestGateway
let client: pg.Client
let url: string

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await hq.connect()
  gateway = await startGateway(hq.url, {
    keys: [
      ingestKey(),
      ingestKey({ ...limited, orgs: [OWN] }),
      ingestKey({ ...other, source: 'other' }),
    ],
  })
  url = gateway.url
})

afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await hq[Symbol.asyncDispose]()
})

afterEach(async () => {
  await client.query(
    `truncate hq.${RUNS}, hq.${COMPANIES}, hq.dx_person_entities_v1, hq.${SNAPSHOTS},
       ingest.batch, ingest.quarantine`,
  )
})

type Row = Record<string, unknown>

function written(row: Row, xid: string, beside: Partial<EnvelopeRow> = {}): EnvelopeRow {
  return envelopeRow(row, { xid, ...beside })
}

async function store(
  dataset: DatasetName,
  rows: readonly EnvelopeRow[],
  epoch: string | null = EPOCH,
): Promise<void> {
  const beside = epoch === null ? {} : { epoch }
  const { counts } = await deliver(url, buildEnvelope(dataset, rows, beside))
  expect(counts.inserted + counts.updated).toBe(rows.length)
}

function snapshotOf(entity: Row, version = '1'): Row {
  const { org_id, entity_id } = entity
  const row = buildRow(SNAPSHOTS, { org_id, entity_id, record_version: version })
  return { ...row, snapshot_id: snapshotIdOf(row) }
}

const keyOf = ({ org_id, entity_id }: Row) => `${org_id}/${entity_id}`
const sumOf = ({ buckets }: Digest) =>
  BigInt.asUintN(
    64,
    buckets.reduce((sum, [, , part]) => sum + BigInt(part), 0n),
  )

test('without a snapshot nothing is read: specs, canaries, types', async () => {
  const answer = await askDigest(url, question(RUNS, { as_of: undefined }))
  expect(answer).toMatchObject({ wrong_types: [], orgs: null })
  expect(answer.specs.map(({ algorithm }) => algorithm)).toEqual([
    ...['DXC-1', 'DXC-1', 'DXC-2', 'DXC-2'],
  ])
  expect(answer.result).toBeUndefined()
  const { orgs } = await askDigest(url, question(RUNS, { as_of: undefined }), limited)
  expect(orgs).toEqual([OWN])
})

test('rows by their transactions: in flight, settled, of another life, without a ledger', async () => {
  const names = ['seen', 'open', 'later', 'restored', 'forgotten', 'unnamed'] as const
  const rows = Object.fromEntries(names.map((name) => [name, buildRow(RUNS)]))
  const row = (name: (typeof names)[number]) => rows[name] ?? {}
  await store(RUNS, [written(row('seen'), '10'), written(row('open'), '900')])
  await store(RUNS, [written(row('later'), '2000')])
  await store(RUNS, [written(row('restored'), '5000')], OTHER_EPOCH)
  await store(RUNS, [written(row('unnamed'), '5001')], null)
  await store(RUNS, [written(row('forgotten'), '5002')])
  await client.query(
    `delete from ingest.batch where batch = (select _dx_batch from hq.${RUNS} where run_id = $1)`,
    [row('forgotten').run_id],
  )
  const result = await digestOf(url, RUNS)
  expect(result).toMatchObject({
    digest: { rows: 4, statuses: { succeeded: 4, failed: 0 } },
    in_flight: 2,
    deleted: 0,
    strays: [],
  })
  const flying = [row('open').run_id, row('later').run_id].sort()
  expect(result.in_flight_keys?.toSorted()).toEqual(flying)
  expect(result.digest.buckets.reduce((sum, [, count]) => sum + count, 0)).toBe(4)

  const { rows: leaves, next } = await askRows(url, RUNS, { buckets: ALL_BUCKETS })
  expect(next).toBeNull()
  expect(leaves.filter(({ in_flight }) => in_flight).map(({ key }) => key)).toEqual(flying)
  const settled = leaves.filter(({ in_flight }) => !in_flight)
  expect(
    BigInt.asUintN(
      64,
      settled.reduce((sum, { hash }) => sum + BigInt(hash), 0n),
    ),
  ).toBe(sumOf(result.digest))
  expect(leaves.map(({ key }) => key)).toEqual(leaves.map(({ key }) => key).toSorted())
  // A later snapshot shows all of them.
  const seen = await digestOf(url, RUNS, { as_of: asOf(RUNS, { snapshot: '6000:6000:' }) })
  expect(seen).toMatchObject({ digest: { rows: 6 }, in_flight: 0, in_flight_keys: [] })
})

test('an entity that is in flight is told whatever became of it, and what is deleted is counted apart', async () => {
  const [kept, gone, changed, going] = Array.from({ length: 4 }, () => buildRow(COMPANIES))
  if (!kept || !gone || !changed || !going) throw new Error('no rows')
  await store(
    COMPANIES,
    [kept, gone, changed, going].map((row) => written(row, '10')),
  )
  await store(COMPANIES, [
    written({ ...gone, record_version: '2' }, '11', { deleted: true }),
    written({ ...going, record_version: '2' }, '3000', { deleted: true }),
    written({ ...changed, record_version: '2', updated_at: '2026-06-01T00:00:00Z' }, '3001'),
  ])
  const result = await digestOf(url, COMPANIES)
  expect(result).toMatchObject({ digest: { rows: 1 }, in_flight: 2, deleted: 1 })
  const flying = [keyOf(changed), keyOf(going)].sort()
  expect(result.in_flight_keys?.toSorted()).toEqual(flying)
  // In flight out of the window: at the source it may still be in it.
  const window = { since: '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00Z' }
  const windowed = await digestOf(url, COMPANIES, { scope: window })
  expect(windowed.in_flight_keys?.toSorted()).toEqual(flying)
  expect(windowed.digest).toEqual(result.digest)

  const { rows } = await askRows(url, COMPANIES, { keys: [keyOf(gone), keyOf(going)] })
  expect(rows).toHaveLength(2)
  for (const { key, version, deleted, in_flight } of rows) {
    expect({ version, deleted, in_flight }).toEqual({
      version: '2',
      deleted: true,
      in_flight: key === keyOf(going),
    })
  }
})

test('ranges, windows, orgs and samples are parts of the whole', async () => {
  const rows = Array.from({ length: 40 }, (_, i) =>
    buildRow(COMPANIES, {
      org_id: i < 20 ? OWN : FOREIGN,
      canonical_name: i % 2 === 0 ? 'Acme' : null,
      updated_at: `2026-03-${String(1 + (i % 20)).padStart(2, '0')}T00:00:00+00:00`,
    }),
  )
  await store(
    COMPANIES,
    rows.map((row) => written(row, '10')),
  )
  const whole = (await digestOf(url, COMPANIES)).digest
  expect(whole).toMatchObject({
    rows: 40,
    nulls: { canonical_domain: 40, canonical_name: 20 },
    min_time: '2026-03-01T00:00:00+00:00',
    max_time: '2026-03-20T00:00:00+00:00',
  })
  const keys = rows.map(({ org_id, entity_id }) => [org_id, entity_id] as [string, string]).sort()
  const middle = keys[17]
  const splits = [
    [{ before: middle }, { from: middle }],
    [{ org_id: OWN }, { org_id: FOREIGN.toUpperCase() }],
    [{ until: '2026-03-11T00:00:00Z' }, { since: '2026-03-11T00:00:00Z' }],
  ]
  for (const scopes of splits) {
    const parts = []
    for (const scope of scopes) parts.push((await digestOf(url, COMPANIES, { scope })).digest)
    expect(parts.reduce((sum, part) => sum + part.rows, 0)).toBe(40)
    expect(parts.every((part) => part.rows > 0)).toBe(true)
    expect(
      BigInt.asUintN(
        64,
        parts.reduce((sum, part) => sum + sumOf(part), 0n),
      ),
    ).toBe(sumOf(whole))
  }
  const sampled = await digestOf(url, COMPANIES, { scope: { sample: 2 } })
  expect(sampled.digest.rows).toBeGreaterThan(0)
  expect(sampled.digest.rows).toBeLessThan(40)
  const page = await askRows(url, COMPANIES, {
    scope: { from: middle },
    buckets: ALL_BUCKETS,
    after: keys[30]?.join('/'),
  })
  expect(page.rows.map(({ key }) => key)).toEqual(keys.slice(31).map((key) => key.join('/')))
})

test('snapshots are compared in a moment where PostgreSQL knows nothing of the tables', async () => {
  const rows = 20_000
  const fill = (table: string, columns: string, values: string) =>
    client.query(
      `insert into hq.${table} (export_schema_version, org_id, entity_id,
      record_version, _dx_xid, _dx_batch, _dx_source, ${columns})
    select 'v1', pg_catalog.md5('org ' || i % 20)::uuid, pg_catalog.md5('entity ' || i)::uuid,
      1, '5', 'b', $1, ${values} from pg_catalog.generate_series(1, ${rows}) i`,
      [SOURCE],
    )
  await client.query(`alter table hq.${COMPANIES} set (autovacuum_enabled = off);
    alter table hq.${SNAPSHOTS} set (autovacuum_enabled = off)`)
  await fill(COMPANIES, 'company_id, updated_at', `pg_catalog.md5('company')::uuid, now()`)
  await fill(
    SNAPSHOTS,
    'snapshot_id, entity_type, captured_at, canonical_payload_json',
    `pg_catalog.encode(pg_catalog.substring(pg_catalog.sha256(pg_catalog.convert_to(
        pg_catalog.concat_ws('/', pg_catalog.md5('org ' || i % 20)::uuid, 'company',
          pg_catalog.md5('entity ' || i)::uuid, 1), 'UTF8')), 1, 16), 'hex')::uuid,
      'company', now(), '{}'`,
  )
  const begin = performance.now()
  expect(await digestOf(url, SNAPSHOTS, {})).toMatchObject({ digest: { rows }, strays: [] })
  // By nested loops over both it takes a minute.
  expect(performance.now() - begin).toBeLessThan(10_000)
})

test('snapshots: the current version of every entity; others are strays or are not looked at', async () => {
  const [acme, moved, lost] = Array.from({ length: 3 }, () => buildRow(COMPANIES))
  if (!acme || !moved || !lost) throw new Error('no rows')
  await store(COMPANIES, [
    written({ ...acme, record_version: '2' }, '10'),
    written({ ...moved, record_version: '7' }, '4000'),
  ])
  const [old, current, early, orphan] = [
    snapshotOf(acme, '1'),
    snapshotOf(acme, '2'),
    snapshotOf(acme, '3'),
    snapshotOf(lost, '1'),
  ]
  const misnamed: Row = { ...snapshotOf(acme, '9'), record_version: '1', entity_type: 'person' }
  await store(
    SNAPSHOTS,
    [old, current, orphan, misnamed].map((row) => written(row, '10')),
  )
  await store(SNAPSHOTS, [written(early, '4000')])
  const entity = (row: Row) => `${row.org_id}/company/${row.entity_id}`

  const result = await digestOf(url, SNAPSHOTS)
  expect(result).toMatchObject({
    digest: { rows: 1 },
    in_flight: 1,
    in_flight_keys: [entity(moved)],
  })
  const strays = result.strays.slice(0, 2).map(({ key }) => key)
  expect(strays.toSorted()).toEqual([orphan.snapshot_id, misnamed.snapshot_id].sort())
  // On its way, or of a transaction that never was: the source knows.
  expect(result.strays.map(({ in_flight }) => in_flight)).toEqual([false, false, true])
  expect(result.strays[2]?.key).toBe(early.snapshot_id)
  expect(result.strays.map((stray) => stray.entity)).toContain(`${entity(lost)}/1`)
  const ends = (row: Row) => ({
    from: [row.org_id, row.entity_id],
    before: [row.org_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  })
  const ranged = await digestOf(url, SNAPSHOTS, { scope: ends(acme) })
  expect(ranged.digest).toEqual(result.digest)
  expect(ranged.in_flight).toBe(0)
  const byId = await digestOf(url, SNAPSHOTS, { scope: { before: [current.snapshot_id] } })
  expect(byId).toMatchObject({ digest: { rows: 0 }, in_flight_keys: [entity(moved)] })

  const leaves = await askRows(url, SNAPSHOTS, { buckets: ALL_BUCKETS })
  expect(leaves.rows.map(({ key }) => key)).toEqual([current.snapshot_id])
  const keys = [old, early, orphan].map((row) => String(row.snapshot_id))
  const byKey = await askRows(url, SNAPSHOTS, { keys })
  expect(byKey.rows.map(({ key }) => key)).toEqual(keys.toSorted())
  expect(byKey.rows.filter(({ in_flight }) => in_flight)).toMatchObject([
    { key: early.snapshot_id, entity: `${entity(acme)}/3` },
  ])
})

test('by key: the hash of every column, and what is refused; a key that is not there is left out', async () => {
  const row = buildRow(RUNS)
  await store(RUNS, [written(row, '10')])
  const bad = buildRow(RUNS, { status: 'unheard of' })
  await deliver(url, buildEnvelope(RUNS, [bad]))
  const keys = [String(row.run_id).toUpperCase(), String(bad.run_id), randomUUID()]
  const before = await askRows(url, RUNS, { keys })
  expect(before.refused).toEqual([{ key: bad.run_id, code: 'invalid_value' }])
  await client.query(`update hq.${RUNS} set error_code = '', cost_usd = 0.10`)
  const after = await askRows(url, RUNS, { keys })
  const [one, two] = [before.rows[0], after.rows[0]]
  expect(before.rows).toHaveLength(1)
  expect(two?.hash).not.toBe(one?.hash)
  const changed = one?.columns?.flatMap((hash, i) => (hash === two?.columns?.[i] ? [] : [i]))
  expect(changed).toHaveLength(2)
})

test('sums of keys are those of their rows, whatever the time and the sample', async () => {
  const companies = Array.from({ length: 3 }, () => buildRow(COMPANIES))
  const gone = buildRow(COMPANIES)
  const runs = [buildRow(RUNS), buildRow(RUNS)]
  await store(COMPANIES, [
    ...companies.map((row) => written(row, '10')),
    written(gone, '10', { deleted: true }),
  ])
  await store(
    RUNS,
    runs.map((row) => written(row, '10')),
  )
  const all = await digestOf(url, COMPANIES)
  const keys = [...companies, gone].map(keyOf)
  const scope = { sample: 1000, since: '2099-01-01T00:00:00Z' }
  const asked = { keys: [...keys, ...keys, `${OWN}/${OWN}`], scope }
  expect(await digestOf(url, COMPANIES, asked)).toEqual({ ...all, snapshot: expect.any(String) })
  const [one] = runs
  const { digest } = await digestOf(url, RUNS, { keys: [one?.run_id] })
  await client.query(`delete from hq.${RUNS} where run_id <> $1`, [one?.run_id])
  expect(digest).toEqual((await digestOf(url, RUNS)).digest)
})

test('two sources in one HQ: neither sees a row of the other', async () => {
  const own = buildRow(RUNS)
  const theirs = buildRow(RUNS)
  const bad = buildRow(RUNS, { status: 'unheard of' })
  await store(RUNS, [written(own, '10')])
  await deliver(
    url,
    buildEnvelope(RUNS, [written(theirs, '10'), written(bad, '10')], { source: 'other' }),
    other,
  )
  expect((await digestOf(url, RUNS)).digest.rows).toBe(1)
  const asked = { keys: [own, theirs, bad].map((row) => row.run_id) }
  expect(await askRows(url, RUNS, asked)).toMatchObject({
    rows: [{ key: own.run_id }],
    refused: [],
  })
  expect(await askRows(url, RUNS, { ...asked, source: 'other' }, other)).toMatchObject({
    rows: [{ key: theirs.run_id }],
    refused: [{ key: bad.run_id }],
  })
})

test('I7: a key that is limited to an org sees nothing of another, in any member of any answer', async () => {
  const entities = [OWN, FOREIGN].map((org) => buildRow(COMPANIES, { org_id: org }))
  const flying = [OWN, FOREIGN].map((org) => buildRow(COMPANIES, { org_id: org }))
  const strays = [...entities, ...flying].map((row) => snapshotOf(row, '8'))
  const bad = [OWN, FOREIGN].map((org) => buildRow(COMPANIES, { org_id: org, updated_at: 'x' }))
  await store(COMPANIES, [
    ...entities.map((row) => written(row, '10')),
    ...flying.map((row) => written(row, '7000')),
  ])
  await store(
    SNAPSHOTS,
    strays.map((row) => written(row, '10')),
  )
  await deliver(url, buildEnvelope(COMPANIES, bad))
  const others = [OWN, FOREIGN].map((org) => buildRow(COMPANIES, { org_id: org }))
  await store(
    COMPANIES,
    others.map((row) => written(row, '10')),
  )
  await client.query(
    `update hq.${COMPANIES} set _dx_source = 'another' where entity_id = any ($1::uuid[])`,
    [others.map(({ entity_id: id }) => id)],
  )
  const keys = [...entities, ...flying, ...bad, ...others].map(keyOf)
  const answers = [
    await digestOf(url, COMPANIES, {}, limited),
    await digestOf(url, SNAPSHOTS, {}, limited),
    await digestOf(url, COMPANIES, { keys }, limited),
    await askRows(url, COMPANIES, { keys }, limited),
    await askRows(url, COMPANIES, { buckets: ALL_BUCKETS }, limited),
    await askRows(url, SNAPSHOTS, { keys: strays.map((row) => row.snapshot_id) }, limited),
  ]
  expect(answers).toMatchObject([
    { digest: { rows: 1 }, in_flight: 1, in_flight_keys: [expect.anything()] },
    { in_flight: 1, strays: [expect.anything(), expect.anything()] },
    { digest: { rows: 1 }, in_flight: 1, in_flight_keys: flying.slice(0, 1).map(keyOf) },
    {
      rows: [expect.anything(), expect.anything()],
      refused: [expect.anything()],
      foreign: others.slice(0, 1).map(keyOf),
    },
    { rows: [expect.anything(), expect.anything()] },
    { rows: [expect.anything(), expect.anything()] },
  ])
  const foreign = [...entities, ...flying, ...bad, ...others].filter(
    ({ org_id: org }) => org === FOREIGN,
  )
  const told = JSON.stringify(answers)
  for (const { org_id: org, entity_id: id } of foreign) {
    expect(told).not.toContain(org)
    expect(told).not.toContain(id)
  }
  const scope = { org_id: FOREIGN }
  const refused = await postTo(url, DIGESTS_PATH, question(COMPANIES, { scope }), limited)
  expect(await problemOf(refused)).toMatchObject({ status: 403, code: 'not_allowed' })
})

const TOO_MANY = Array.from({ length: 5001 }, () => randomUUID())
const REFUSED: readonly [string, string, Row, number, string][] = [
  ['an unknown dataset', DIGESTS_PATH, { dataset: 'dx_invoices_v1' }, 422, 'unknown_dataset'],
  ['another version', DIGESTS_PATH, { schema_version: 'v2' }, 422, 'unknown_dataset'],
  ['a heartbeat', DIGESTS_PATH, { dataset: 'dx_heartbeat_v1' }, 422, 'unknown_dataset'],
  ['a spec of another dataset', DIGESTS_PATH, { as_of: asOf(COMPANIES) }, 422, 'unknown_checksum'],
  ['another source', DIGESTS_PATH, { source: 'other' }, 401, 'unauthorized'],
  ['no source', DIGESTS_PATH, { source: undefined }, 400, 'invalid_request'],
  ['a range of two values', DIGESTS_PATH, { scope: { from: [OWN, OWN] } }, 400, 'invalid_request'],
  ['no uuid', DIGESTS_PATH, { scope: { from: ["' or true"] } }, 400, 'invalid_request'],
  [
    'a day that is none',
    DIGESTS_PATH,
    { scope: { since: '2026-02-30T00:00:00Z' } },
    400,
    'invalid_request',
  ],
  ['too many keys', DIGEST_ROWS_PATH, { keys: TOO_MANY }, 400, 'invalid_request'],
  ['a key of another form', DIGEST_ROWS_PATH, { keys: [`${OWN}/${OWN}`] }, 400, 'invalid_request'],
  ['sums of no key', DIGESTS_PATH, { keys: [`${OWN}/${OWN}`] }, 400, 'invalid_request'],
  ['neither keys nor buckets', DIGEST_ROWS_PATH, {}, 400, 'invalid_request'],
  ['a bucket that is none', DIGEST_ROWS_PATH, { buckets: [1024] }, 400, 'invalid_request'],
  ['U+0000', DIGEST_ROWS_PATH, { keys: ['\u0000'] }, 400, 'invalid_request'],
]

test.each(REFUSED)('refuses %s', async (_, path, beside, status, code) => {
  const response = await postTo(url, path, question(RUNS, beside))
  expect(await problemOf(response)).toMatchObject({ status, code })
})

test.each([
  ...['1', '5:4:', '0:4:', '4:9:9', '4:9:3', '4:9:5,5', '4:9:6,5', '4:9:5,', 'x:y:'],
  `1:${2n ** 64n}:`,
  `1:2:${'9'.repeat(300_000)}`,
])('refuses a snapshot that is none (%#)', async (snapshot) => {
  const body = question(RUNS, { as_of: asOf(RUNS, { snapshot }) })
  const problem = await problemOf(await postTo(url, DIGESTS_PATH, body))
  expect(problem).toMatchObject({ status: 400, code: 'invalid_request' })
})

test('takes thousands of open transactions, and every key it may', async () => {
  const row = buildRow(RUNS)
  await store(RUNS, [written(row, '3')])
  const open = Array.from({ length: 12_000 }, (_, i) => String(10 + 2 * i))
  const snapshot = `10:90000:${open.join(',')}`
  const as_of = asOf(RUNS, { snapshot })
  expect((await digestOf(url, RUNS, { as_of })).digest.rows).toBe(1)
  const keys = [...TOO_MANY.slice(0, 4_999), String(row.run_id)]
  expect((await askRows(url, RUNS, { as_of, keys })).rows).toHaveLength(1)
})

test('refuses what nobody signed before it is looked at, and bodies that are bombs', async () => {
  const secret = newSecret()
  const unsigned = await postTo(url, DIGESTS_PATH, { deep: '['.repeat(100) }, { secret })
  expect(await problemOf(unsigned)).toMatchObject({ status: 401, code: 'unauthorized' })
  const stale = await postTo(url, DIGEST_ROWS_PATH, question(RUNS), { timestamp: 1 })
  expect(await problemOf(stale)).toMatchObject({ status: 401 })
  const deep = JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`)
  const refused = await postTo(url, DIGESTS_PATH, deep)
  expect(await problemOf(refused)).toMatchObject({ code: 'invalid_request' })
  const many = await postTo(
    url,
    DIGESTS_PATH,
    Array.from({ length: 100_001 }, () => []),
  )
  expect(await problemOf(many)).toMatchObject({ status: 413, code: 'too_large' })
  const large = await postTo(url, DIGESTS_PATH, { x: 'x'.repeat(8 * 1024 * 1024) })
  expect(await problemOf(large)).toMatchObject({ status: 413, code: 'too_large' })
  expect((await fetch(`${url}${DIGESTS_PATH}`)).status).toBe(405)
})

test('columns of other types are named, and nothing is compared', async () => {
  await client.query(`alter table hq.${RUNS} alter column attempt_count type bigint`)
  try {
    const answer = await askDigest(url, question(RUNS))
    expect(answer).toMatchObject({ wrong_types: ['attempt_count'] })
    expect(answer.result).toBeUndefined()
    const refused = await postTo(url, DIGEST_ROWS_PATH, question(RUNS, { keys: [OWN] }))
    expect(await problemOf(refused)).toMatchObject({ status: 422, code: 'unknown_checksum' })
  } finally {
    await client.query(`alter table hq.${RUNS} alter column attempt_count type integer`)
  }
})

test('a digest that hangs holds no batch up, and no other key; it ends by itself', async () => {
  await using own = await startGateway(hq.url, {
    keys: [ingestKey(), ingestKey({ ...other, source: 'other' })],
    limits: { maxWaitMs: 300, maxSessions: 2 },
  })
  const holder = await hq.connect()
  // Batches of runs do not go near the companies.
  await holder.query(`begin; lock table hq.${COMPANIES} in access exclusive mode`)
  const hanging = postTo(own.url, DIGESTS_PATH, question(COMPANIES))
  await waitFor(
    'the digest to hang',
    async () => (await countLockWaiters(client, 'hq-ingest compare')) === 1,
  )
  for (let i = 0; i < 20; i++) await deliver(own.url, buildEnvelope(RUNS, [buildRow(RUNS)]))
  // A second one of the key waits for its turn, and not for long.
  const second = await postTo(own.url, DIGESTS_PATH, question(RUNS))
  expect(await problemOf(second)).toMatchObject({ status: 503, code: 'at_capacity' })
  const theirs = question(RUNS, { source: 'other' })
  expect((await postTo(own.url, DIGESTS_PATH, theirs, other)).status).toBe(200)
  const late = await hanging
  expect(late.headers.get('retry-after')).not.toBeNull()
  expect(await problemOf(late)).toMatchObject({ status: 503, code: 'table_locked' })
  await holder.query('rollback')
  expect((await postTo(own.url, DIGESTS_PATH, question(COMPANIES))).status).toBe(200)
})

test('a range is read by the primary key, and the ledger by the key of a batch', async () => {
  await store(RUNS, [written(buildRow(RUNS), '2000')])
  await store(COMPANIES, [written(buildRow(COMPANIES), '2000')])
  const pool = createComparePool(hq.url, 1)
  async function planOf(name: DatasetName, from: string[]): Promise<string> {
    const as_of = asOf(name) as Parameters<typeof questionOf>[1]
    const asked = questionOf(
      { source: SOURCE, scope: { from } },
      as_of,
      datasetByName(name),
      ingestKey(),
    )
    const { text, values } = digestStatement(asked)
    const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain ${text}`, [...values])
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }
  try {
    await pool.query('set enable_seqscan = off')
    const plans = [await planOf(RUNS, [OWN]), await planOf(COMPANIES, [OWN, OWN])]
    for (const plan of plans) {
      expect(plan).toMatch(/Index Cond: \(\(source = t\._dx_source\) AND \(batch = t\._dx_batch/)
      expect(plan).toMatch(/Index Scan (using|on) dx_\w+_v1_pkey/)
      expect(plan).toContain('HashAggregate')
      expect(plan).not.toMatch(/hashed SubPlan|org_time_idx/)
    }
  } finally {
    await pool.end()
  }
})

test('more than fits: rows come in pages, and keys in flight are too many to name', async () => {
  await store(RUNS, [written(buildRow(RUNS), '2000')])
  const { rows: columns } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = 'hq.${RUNS}'::regclass
       and attnum > 0 and attname <> 'run_id'`,
  )
  const others = columns.map(({ name }) => name).join(', ')
  await client.query(
    `insert into hq.${RUNS} (run_id, ${others})
     select gen_random_uuid(), ${others} from hq.${RUNS}, generate_series(1, 20000)`,
  )
  expect(await digestOf(url, RUNS)).toMatchObject({
    ...{ digest: { rows: 0, buckets: [] }, in_flight: 20_001, in_flight_keys: null },
  })
  const first = await askRows(url, RUNS, { buckets: ALL_BUCKETS })
  expect(first.rows).toHaveLength(20_000)
  expect(first.next).toBe(first.rows.at(-1)?.key)
  const last = await askRows(url, RUNS, { buckets: ALL_BUCKETS, after: first.next })
  expect(last).toMatchObject({ rows: [expect.anything()], next: null })
  const keys = [...first.rows, ...last.rows].map(({ key }) => key)
  expect(new Set(keys).size).toBe(20_001)
  expect(keys).toEqual(keys.toSorted())
})

test('a request that compares is measured, by what became of it', async () => {
  const metrics = startMetrics('hq-ingest')
  await using own = await startGateway(hq.url, { metrics: createIngestMetrics(metrics.meter) })
  await store(RUNS, [written(buildRow(RUNS), '10')])
  await postTo(own.url, DIGESTS_PATH, question(RUNS))
  await postTo(own.url, DIGEST_ROWS_PATH, {})
  const exposed = await metrics.scrape()
  await metrics.stop()
  expect(exposed).toContain(`hq_ingest_comparison_rows_total{dataset="${RUNS}"} 1`)
  for (const labels of [
    `http_route="${DIGESTS_PATH}",outcome="answered"`,
    `http_route="${DIGEST_ROWS_PATH}",outcome="invalid_request"`,
  ]) {
    expect(exposed).toContain(`hq_ingest_comparison_duration_seconds_count{${labels}} 1`)
  }
})
