import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConsoleSite } from '../support/console/console-site.ts'
import { startInProcessRelay } from '../support/programs/in-process-relay.ts'
import { SECRET, startGateway } from '../support/programs/ingest-client.ts'
import { insertCompany, insertEvent, insertOrg, insertRun } from '../support/reference-rows.ts'
import { createDxDatabase, createHqDatabase } from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'

/** Beyond what a JavaScript number holds. */
const LARGE_VERSION = '9007199254740993'
const HOSTILE = '<img src=x onerror=alert(1)>\u202e</script>'
const COMPANIES = 'dx_company_entities_v1'
const RUNS = 'dx_operation_runs_v1'
const EVENTS = 'dx_operation_events_v1'

const resources = new AsyncDisposableStack()
let site: ConsoleSite
let dx: pg.Client
let hq: pg.Client
let orgId: string
/** In HQ as {@link LARGE_VERSION}. */
let companyId: string

/** A page of its own for each call: what was shown a moment ago is shown again. */
let pages = 0

function pageOf(dataset: string, key: string): Promise<string> {
  const query = new URLSearchParams({ dataset, key, page: String(pages++) })
  return site.get(`/row?${query}`).then(({ text }) => text)
}

/** The answer of a page, without its markup. */
function sentenceOf(page: string): string {
  const [, sentence = ''] = /<p class="sentence"[^>]*>(.*?)<\/p>/s.exec(page) ?? []
  return sentence.replace(/<[^>]*>/g, '').trim()
}

beforeAll(async () => {
  const dxDatabase = resources.use(await createDxDatabase())
  const hqDatabase = resources.use(await createHqDatabase())
  const gateway = resources.use(await startGateway(hqDatabase.url))
  site = resources.use(
    await ConsoleSite.start({
      HQ_DATABASE_URL: hqDatabase.url,
      DX_DATABASE_URL: dxDatabase.url,
      CONSOLE_JAEGER_URL: 'http://jaeger.example:16686/',
    }),
  )
  dx = await dxDatabase.connect()
  hq = await hqDatabase.connect()
  orgId = await insertOrg(dx)
  companyId = await insertCompany(dx, orgId)
  await dx.query('update entities.company_entities set record_version = $1', [LARGE_VERSION])
  {
    await using _relay = await startInProcessRelay({
      databaseUrl: dxDatabase.url,
      ingestUrl: gateway.url,
      secret: SECRET,
    })
    await waitFor('the company in HQ', async () => {
      const { rowCount } = await hq.query(`select from hq.${COMPANIES} where record_version = $1`, [
        LARGE_VERSION,
      ])
      return rowCount === 1
    })
  }
  await hq.query("update ingest.batch set trace_id = repeat('c', 32)")
})

afterAll(() => resources.disposeAsync())

test('int8 beyond 2^53 is shown as it is (complaint 9: numbers altered by the page)', async () => {
  const page = await pageOf(COMPANIES, `${orgId}/${companyId}`)
  expect(sentenceOf(page)).toBe(`equal Equal: version ${LARGE_VERSION} at the source and in HQ.`)
  expect(page).not.toContain('9007199254740992')
  expect(page).toContain(`href="http://jaeger.example:16686/trace/${'c'.repeat(32)}"`)
  // Its journey: captured, applied, both versions with the batches that brought them.
  expect(page).toMatch(/change as version 9007199254740993: delivered/)
  expect(page).toMatch(
    /version 9007199254740993, as HQ has it now, by <a href="\/batches\/data-engine-x\//,
  )
  expect(page).toMatch(/id="version-list-9007199254740993"/)
})

test('a key may be written by its columns, and another spelling of it is the same key', async () => {
  const asked = [
    `key=${orgId.toUpperCase()}/${companyId}`,
    `key=${encodeURIComponent(`entity_id=${companyId}, org_id=${orgId}`)}`,
    `org_id=${orgId}&entity_id=${companyId}`,
  ]
  for (const query of asked) {
    const { text } = await site.get(`/row?dataset=${COMPANIES}&${query}`)
    expect(sentenceOf(text)).toMatch(/^equal/)
  }
})

test.each([
  ['dataset=dx_nothing&key=1', 'a row is one of a dataset: dx_operation_runs_v1'],
  [`dataset=${COMPANIES}&key=1`, 'is org_id/entity_id, joined by a slash, not 1 of them'],
  [`dataset=${COMPANIES}&key=a/b`, 'org_id is a UUID such as'],
  [`dataset=${COMPANIES}&org_id=a`, 'entity_id is missing'],
  [`dataset=${COMPANIES}&key=name=Acme`, 'is org_id/entity_id, joined by a slash'],
  [`dataset=${RUNS}&key=${'a'.repeat(501)}`, 'no key is as long as this'],
  [`dataset=${RUNS}&key=%01%ff%3Cscript%3E`, 'run_id is a UUID such as'],
])('what no row can have as key is said so: ?%.50s', async (query, problem) => {
  const { status, text } = await site.get(`/row?${query}`)
  expect(status).toBe(400)
  expect(text).toContain(problem)
  expect(text).not.toContain('<script>')
  expect(text).toMatch(/<input type="search" name="key"/)
})

test('a change that the relay has not taken waits, and HQ is behind', async () => {
  await dx.query(
    'update entities.company_entities set record_version = record_version + 1 where entity_id = $1',
    [companyId],
  )
  const page = await pageOf(COMPANIES, `${orgId}/${companyId}`)
  expect(sentenceOf(page)).toBe(
    'behind HQ is behind: the source has version 9007199254740994, HQ version 9007199254740993. A change of it waits in the outbox for the relay.',
  )
  expect(page).toContain('change as version 9007199254740994: waits in the outbox')
  const fresh = await insertCompany(dx, orgId)
  expect(sentenceOf(await pageOf(COMPANIES, `${orgId}/${fresh}`))).toMatch(
    /^waiting The source has/,
  )
})

test('a refused row says why, on both sides, and what others have written stays text', async () => {
  const fresh = await insertCompany(dx, orgId)
  const key = `${orgId}/${fresh}`
  const trace = 'a'.repeat(32)
  await dx.query(
    `insert into hq_export.dead_letter (captured_at, xid, dataset, key, reason, detail, batch,
       traceparent, fingerprint)
     values ('2026-01-02Z', '1', $1, $2, 'invalid_value', $3, 'b', $4, '\\x01')`,
    [COMPANIES, key, HOSTILE, `00-${trace}-${'b'.repeat(16)}-01`],
  )
  await hq.query(
    `insert into ingest.quarantine (captured_at, xid, row_index, deleted, source, dataset,
       schema_version, batch, code, key, pointer, detail, row_sha256, row_text, seen_count)
     values ('2026-01-02Z', '1', 0, false, $1, $2, 'v1', $1, $1, $3, $1, $1, '\\x01', 'secret', 3)`,
    [HOSTILE, COMPANIES, key],
  )
  const page = await pageOf(COMPANIES, key)
  expect(sentenceOf(page)).toMatch(/^refused The source has version 1, HQ does not have it/)
  expect(sentenceOf(page)).toMatch(
    /dead letter \d+ of the source \(invalid_value\), entry \d+ of HQ/,
  )
  expect(page).not.toContain('<img')
  expect(page).not.toContain('\u202e')
  expect(page).not.toContain('secret')
  expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;')
  expect(page).toContain('once more, 3 times in all')
  expect(page).toContain(`href="http://jaeger.example:16686/trace/${trace}"`)
})

test('what a comparison found of the key stands among what became of it', async () => {
  const key = `${randomUUID()}/${randomUUID()}`
  await hq.query(
    `with run as (
       insert into ingest.reconciliation (started_at, finished_at, id, repair, source,
         schema_version, kind, state, version, key_id, scope, datasets, fingerprint)
       values ('2026-01-01Z', '2026-01-02Z', gen_random_uuid(), true, 's', 'v1', 'daily',
         'repaired', '1', 'k', '{}', '[]', '\\x01')
       returning id
     )
     insert into ingest.reconciliation_finding (id, position, source_version, hq_version, source,
       dataset, key, class, repair, columns)
     select id, 0, 9223372036854775807, null, 's', $1, $2, 'missing', 'sent', '{name}' from run`,
    [COMPANIES, key],
  )
  const page = await pageOf(COMPANIES, key)
  expect(page).toContain('source version 9223372036854775807, HQ version none; columns name')
  expect(sentenceOf(page)).toMatch(/^nowhere Nowhere: neither/)
})

test('a run that has not ended settles; one that HQ alone has is only there', async () => {
  const running = await insertRun(dx, orgId, { status: 'running' })
  expect(sentenceOf(await pageOf(RUNS, running))).toBe(
    'settling HQ does not have it. It has not ended, and is exported when it has.',
  )
  const gone = await insertRun(dx, orgId)
  await hq.query(
    `insert into hq.${RUNS} (export_schema_version, run_id, operation_id, action_id, entity_type,
       entity_id, org_id, status, attempt_count, started_at, created_at, _dx_xid, _dx_batch,
       _dx_source)
     select 'v1', id, 'o', 'a', 'company', id, id, 'failed', 1, now(), now(), '1', 'b 1', 's'
     from (values ($1::uuid)) v (id)`,
    [gone],
  )
  expect(sentenceOf(await pageOf(RUNS, gone))).toMatch(/^equal Equal: the source and HQ both/)
  await dx.query('delete from ops.operation_runs where run_id = $1', [gone])
  expect(sentenceOf(await pageOf(RUNS, gone))).toMatch(
    /^only in HQ Only in HQ: the source deleted it at 20.*Z, and HQ keeps rows of this dataset/,
  )
})

test('a deleted entity is behind until HQ knows, and a snapshot leads to its entity', async () => {
  const { rows } = await hq.query<{ id: string }>(
    'select snapshot_id::text as id from hq.dx_entity_snapshots_v1 where record_version = $1',
    [LARGE_VERSION],
  )
  const page = await pageOf('dx_entity_snapshots_v1', rows[0]?.id ?? '')
  expect(page).toContain(`href="/row?dataset=${COMPANIES}&amp;key=${orgId}%2F${companyId}"`)
  await dx.query('delete from entities.company_entities where entity_id = $1', [companyId])
  expect(sentenceOf(await pageOf(COMPANIES, `${orgId}/${companyId}`))).toMatch(
    /^behind HQ is behind: the source has deleted it as version 9007199254740995, HQ has version/,
  )
})

test('what the binding filters is not exported, and what settles is exported later', async () => {
  const settling = randomUUID()
  await dx.query(
    `insert into hq_export.settle_0 (due_at, dataset, key)
     select '2026-01-01 00:01Z', number, $2 from hq_export.binding where dataset = $1`,
    [RUNS, settling],
  )
  expect(sentenceOf(await pageOf(RUNS, settling))).toBe(
    'settling HQ does not have it. It is still settling, and is exported at about 2026-01-01T00:01:00.000000Z.',
  )
  await dx.query(`update hq_export.binding set definition = definition || $1 where dataset = $2`, [
    { filter: "r.event_type <> 'noise'" },
    EVENTS,
  ])
  await dx.query(`create or replace view hq_export.${EVENTS} as
    ${(await dx.query(`select pg_get_viewdef('hq_export.${EVENTS}') as sql`)).rows[0]?.sql.replace(';', '')}
    where r.event_type <> 'noise'`)
  const run = await insertRun(dx, orgId)
  const noise = await insertEvent(dx, orgId, run, { event_type: 'noise' })
  await dx.query('truncate hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2')
  expect(sentenceOf(await pageOf(EVENTS, noise))).toBe(
    'filtered The source has it outside of the filter of its binding: it is not exported.',
  )
})

test('of an outbox that holds much only the newest rows are looked at, and the page says so', async () => {
  const key = `${randomUUID()}/${randomUUID()}`
  await dx.query(
    `insert into hq_export.outbox_1 (captured_at, version, dataset, key)
     select '2026-01-01Z'::timestamptz + make_interval(secs => i), 1, 3,
       case when i in (1, 10000) then $1 else i::text end
     from generate_series(1, 10001) i`,
    [key],
  )
  const page = await pageOf(COMPANIES, key)
  expect(sentenceOf(page)).toMatch(/^waiting HQ does not have it\. A change of it waits/)
  expect(page.match(/change as version 1: waits in the outbox/g)).toHaveLength(1)
  expect(page).toContain(
    'only its newest rows were looked at, back to <time datetime="2026-01-01T00:00:02',
  )
  expect(sentenceOf(await pageOf(COMPANIES, `${randomUUID()}/${randomUUID()}`))).toBe(
    'waiting HQ does not have it. More waits in the outbox than is looked through here; it may be among that.',
  )
  // What is older than the look, and settled, hides nothing.
  await dx.query(
    `insert into hq_export.ack (epoch, acked)
     select 'later', format('%s:%1$s:', pg_current_xact_id()::text::bigint + 1)::pg_snapshot`,
  )
  const settled = sentenceOf(await pageOf(COMPANIES, `${randomUUID()}/${randomUUID()}`))
  expect(settled).toMatch(/^nowhere/)
  await dx.query('truncate hq_export.outbox_1; delete from hq_export.ack where epoch = $$later$$')
})

test('a view that the application broke is said so, and is no failure of the page', async () => {
  await dx.query('alter table entities.person_entities rename column full_name to name_of_person')
  const page = await pageOf('dx_person_entities_v1', `${orgId}/${randomUUID()}`)
  expect(sentenceOf(page)).toMatch(/its projection view cannot be read \(SQLSTATE 42703\)/)
})
