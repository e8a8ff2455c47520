import { readBatches } from '@hq-export/console/screens/batches/read-batches.ts'
import { readLedgers } from '@hq-export/console/screens/row/read-ledgers.ts'
import { datasetByName } from '@hq-export/contract'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConsoleSite } from '../support/console/console-site.ts'
import { buildEnvelope, buildRow, send, startGateway } from '../support/programs/ingest-client.ts'
import { countingReadRows } from '../support/servers/count-read-rows.ts'
import { createHqDatabase } from '../support/servers/databases.ts'

const HOSTILE = '<img src=x onerror=alert(1)>\u202e</script>'
const COMPANIES = 'dx_company_entities_v1'

const resources = new AsyncDisposableStack()
let site: ConsoleSite
let client: pg.Client

/** What was shown a moment ago is shown again, so that each page has an address of its own. */
let pages = 0

function pageOf(query = '', headers = {}) {
  return site.get(`/batches?${query}&page=${pages++}`, headers)
}

function idsOf(page: string): string[] {
  return [...page.matchAll(/<a href="\/batches\/[^"]*"><code>([^<]*)<\/code>/g)].map(
    ([, id = '']) => id,
  )
}

function olderOf(page: string): string | undefined {
  return /<a href="\/batches\?([^"]*)" rel="next">/.exec(page)?.[1]?.replaceAll('&amp;', '&')
}

/** One a second, or several of one moment, in the month that surely has a partition. */
async function insertBatches(source: string, from: number, to: number, perMoment = 1) {
  await client.query(
    `insert into ingest.batch (received_at, source, batch, fingerprint, dataset, schema_version,
       key_id, wire_bytes, decoded_bytes, answer)
     select date_trunc('month', now()) + interval '27 days' - make_interval(secs => i / $4), $1, $1 || '-' || i,
       sha256(''), case when i % 7 = 0 then 'dx_operation_runs_v1' else 'dx_person_entities_v1' end,
       'v1', 'k', 10, 20, jsonb_build_object('status', 'applied', 'rows', '[]'::jsonb, 'counts',
         jsonb_build_object('received', 1, 'inserted', 1, 'quarantined', (i % 1000 = 0)::int))
     from generate_series($2::int, $3::int) i`,
    [source, from, to, perMoment],
  )
}

beforeAll(async () => {
  const hq = resources.use(await createHqDatabase())
  client = await hq.connect()
  site = resources.use(await ConsoleSite.start({ HQ_DATABASE_URL: hq.url }))
  const gateway = resources.use(await startGateway(hq.url))
  const good = buildRow(COMPANIES)
  const envelope = buildEnvelope(COMPANIES, [good, { ...good, record_version: HOSTILE }])
  expect((await send(gateway.url, envelope, { id: 'sent' })).status).toBe(200)
})

afterAll(() => resources.disposeAsync())

test('a batch shows its answer as it was sent, and no value of a row', async () => {
  const { text } = await site.get('/batches/data-engine-x/sent')
  expect(text).toContain('partial')
  expect(text).toContain('1 inserted, 1 quarantined')
  expect(text).toContain('<code>/rows/1/row/record_version</code>')
  expect(text).toMatch(/<a href="\/help\/invalid_value">invalid_value<\/a>/)
  expect(text).toMatch(/<a href="\/row\?dataset=dx_company_entities_v1&amp;key=/)
  expect(text).toContain('&quot;delays&quot;')
  expect(text).not.toContain('onerror')
})

test('numbers of a profile are shown as they are kept (complaint 9: numbers altered by the page)', async () => {
  await client.query(
    `insert into ingest.batch (source, batch, fingerprint, dataset, schema_version, key_id,
       wire_bytes, decoded_bytes, answer, profile)
     values ('exact', 'b', sha256(''), $1, 'v1', 'k', 1, 1,
       '{"status": "applied", "counts": {}, "rows": []}',
       '{"large": 9223372036854775807, "exact": 12345678901234567890.120}')`,
    [COMPANIES],
  )
  const { text } = await site.get('/batches/exact/b')
  expect(text).toContain('&quot;large&quot;: 9223372036854775807')
  expect(text).toContain('&quot;exact&quot;: 12345678901234567890.120')
  await client.query("delete from ingest.batch where source = 'exact'")
})

test('what nobody sent is not found, and what nobody can have sent is said so', async () => {
  const missing = await site.get('/batches/data-engine-x/other')
  expect([missing.status, missing.text.includes('was never applied')]).toEqual([404, true])
  for (const path of ['/batches/a/%00', `/batches/a/${'b'.repeat(300)}`]) {
    expect((await site.get(path)).status, path).toBe(400)
  }
  for (const query of [
    'source=%01',
    `source=${'a'.repeat(300)}`,
    'dataset=dx_nothing',
    'outcome=<script>',
    'before=yesterday',
    'before=2026-02-30T00:00:00.000000Z|a|b',
    'before=0000-01-01T00:00:00.000000Z|a|b',
    'before=2026-01-01T00:00:00.000000Z|%2500|b',
    'before=%25',
    'before=2026-01-01T00:00:00.000000Z|a|b|c',
  ]) {
    const { status, text } = await pageOf(query)
    expect(status, query).toBe(400)
    expect(text).toContain('This cannot be looked up.')
    expect(text).not.toContain('<script>')
  }
})

test('names that others chose stay text', async () => {
  await client.query(
    `insert into ingest.batch (source, batch, fingerprint, dataset, schema_version, key_id,
       wire_bytes, decoded_bytes, trace_id, answer)
     values ($1, $1, sha256(''), $1, $1, $1, 1, 1, $1, jsonb_build_object('status', $1::text,
       'counts', '{}'::jsonb, 'rows', jsonb_build_array(jsonb_build_object('index', 0, 'key', $1::text,
         'outcome', $1::text, 'code', $1::text, 'pointer', $1::text, 'detail', $1::text))))`,
    [HOSTILE],
  )
  const list = await pageOf()
  const one = await site.get(
    `/batches/${encodeURIComponent(HOSTILE)}/${encodeURIComponent(HOSTILE)}`,
  )
  for (const { status, text } of [list, one]) {
    expect(status).toBe(200)
    expect(text).not.toMatch(/<img|\u202e|<\/script>.*<\/script>/s)
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;')
  }
  await client.query('delete from ingest.batch where source = $1', [HOSTILE])
})

test('pages do not overlap and leave nothing out while batches arrive', async () => {
  await insertBatches('source-a', 1, 120, 3)
  await insertBatches('source-b', 1, 60, 3)
  const seen: string[] = []
  let query: string | undefined = ''
  for (let page = 0; query !== undefined && page < 20; page++) {
    const { text } = await pageOf(query)
    seen.push(...idsOf(text))
    query = olderOf(text)
    await insertBatches('source-b', -page, -page)
  }
  expect(new Set(seen).size).toBe(seen.length)
  expect(seen).toHaveLength(181)
  expect(query).toBeUndefined()
  const ofSource = await pageOf('source=source-b')
  expect(idsOf(ofSource.text).every((id) => id.startsWith('source-b'))).toBe(true)
})

test('no page counts or reads all there is (complaint 1: counting kills the page)', async () => {
  await insertBatches('source-c', 1, 6_000)
  await client.query(
    `insert into ingest.quarantine (captured_at, xid, row_index, deleted, source, dataset,
       schema_version, batch, code, key, row_sha256, row_text)
     select now(), '1', i, false, 's', $1, 'v1', 'b', 'invalid_value', i::text,
       sha256(i::text::bytea), '{}' from generate_series(1, 6000) i`,
    [COMPANIES],
  )
  await client.query('analyze ingest.batch, ingest.quarantine')
  for (const filter of [{}, { source: 'source-c' }, { source: 'nobody' }]) {
    const counting = countingReadRows(client)
    await readBatches(counting.client, filter)
    expect(counting.rows(), JSON.stringify(filter)).toBeLessThan(500)
  }
  // What is rare is looked for in a part of it, and the page says so.
  const { batches, next } = await readBatches(client, { outcome: 'quarantined' })
  const found = batches.map(({ batch }) => batch)
  expect(found).toContain('source-c-1000')
  expect(found).not.toContain('source-c-5000')
  expect(next?.source).toBe('source-c')
  expect((await pageOf('outcome=quarantined')).text).toContain('Looked at the batches back to')
  const key = countingReadRows(client)
  await readLedgers(key.client, datasetByName(COMPANIES), '17')
  expect(key.rows()).toBeLessThan(100)
})
