import { KeptDoctor } from '@hq-export/console/doctor/kept-doctor.ts'
import { HQ } from '@hq-export/hq-ingest/db/connect.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { tryLead } from '@hq-export/outbox-relay/session/lead.ts'
import type { NamedFinding } from '@hq-export/runtime/doctor/finding.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConsoleSite } from '../support/console/console-site.ts'
import { tcpUrl } from '../support/network/tcp-url.ts'
import { startInProcessRelay } from '../support/programs/in-process-relay.ts'
import { SECRET, startGateway } from '../support/programs/ingest-client.ts'
import { createDxDatabase, createHqDatabase } from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'

const HOSTILE = '<img src=x onerror=alert(1)>\u202e</script>'
const ADDRESSES = [
  '/row?dataset=dx_operation_runs_v1',
  ...['/batches', '/backfills', '/sources', '/keys', '/about'],
]

const resources = new AsyncDisposableStack()
let site: ConsoleSite
let dx: pg.Client
let hq: pg.Client
let urls: { HQ_DATABASE_URL: string; DX_DATABASE_URL: string }

beforeAll(async () => {
  const dxDatabase = resources.use(await createDxDatabase())
  const hqDatabase = resources.use(await createHqDatabase())
  urls = { HQ_DATABASE_URL: hqDatabase.url, DX_DATABASE_URL: dxDatabase.url }
  site = resources.use(await ConsoleSite.start({ ...urls, CONSOLE_ENVIRONMENT: 'a <b>test</b>' }))
  dx = await dxDatabase.connect()
  hq = await hqDatabase.connect()
})

afterAll(() => resources.disposeAsync())

/** What was shown a moment ago is shown again, so that each page has an address of its own. */
let pages = 0

async function textOf(path: string): Promise<string> {
  const { status, text } = await site.get(`${path}${path.includes('?') ? '&' : '?'}page=${pages++}`)
  expect(status, path).toBe(200)
  return text
}

/** The content of a page without its markup. */
function wordsOf(page: string): string {
  return page.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
}

test('an empty page says what would stand there, and why it does not', async () => {
  expect(await textOf('/batches')).toContain('No batch yet. A batch stands here as soon as a relay')
  expect(await textOf('/backfills')).toContain('No backfill is under way.')
  expect(await textOf('/keys')).toContain('No key: every batch is refused.')
  const sources = await textOf('/sources')
  expect(sources).toContain('No source yet')
  expect(sources).toContain('Nothing is delivered while no relay leads.')
  expect(await textOf('/row')).toMatch(/With a dataset and a key, this page says where the row is/)
})

test('a backfill shows what is done, of about how much, how fast, and for how long (complaint 8)', async () => {
  const insert = `insert into hq_export.backfill (dataset, state, reason, finished_at, progress)
     values ($1, $2, $3, case when $2 = 'completed' then now() end, $4)`
  const counts = {
    ...{ received: 250_000, inserted: 249_000, updated: 0, duplicate: 1_000 },
    ...{ stale: 0, superseded: 0, quarantined: 0 },
  }
  const pass = {
    ...{ kind: 'rows', dataset: 'dx_operation_runs_v1', snapshots: 'none', after: ['a'] },
    ...{ isDone: false, estimated: 1_000_000, scanned: 250_000, counts, refused: 3 },
  }
  const progress = { passes: [pass], activeMs: 50_000 }
  await dx.query(insert, ['dx_operation_runs_v1', 'running', HOSTILE, progress])
  await dx.query(insert, [null, 'completed', null, { ...progress, activeMs: 1 }])
  const unled = await textOf('/backfills')
  expect(wordsOf(unled)).toContain('25 %, 250,000 of about 1,000,000 rows')
  expect(wordsOf(unled)).toContain('5,000 rows/s nobody works on it')
  expect(wordsOf(unled)).toContain('249,000 inserted, 1,000 duplicate, 3 dead letters')
  expect(unled).not.toMatch(/<img|\u202e/)
  const lead = await connect(urls.DX_DATABASE_URL, 'lead', () => {})
  await tryLead(lead)
  // 750,000 rows at 5,000 a second.
  expect(wordsOf(await textOf('/backfills'))).toContain('5,000 rows/s about 2 min 30 s')
  await lead.end()
  expect((await site.get('/backfills?before=x')).status).toBe(400)
  expect((await site.get('/backfills?before=99999999999999999999')).status).toBe(400)
  expect(wordsOf(await textOf('/backfills?before=1'))).toContain('No backfill has ended here.')
  await dx.query('update hq_export.backfill set state = $1, reason = null where id = 1', ['paused'])
  expect(wordsOf(await textOf('/backfills'))).toMatch(/25 %, .* 5,000 rows\/s paused/)
})

test('relays, sources with heartbeat and lag, and gateways are known by what they do', async () => {
  await using gateway = await startGateway(tcpUrl(urls.HQ_DATABASE_URL).href)
  await using _relay = await startInProcessRelay({
    databaseUrl: tcpUrl(urls.DX_DATABASE_URL).href,
    ingestUrl: gateway.url,
    secret: SECRET,
    heartbeatMs: 100,
  })
  await waitFor('the source to say how far it is', async () => {
    const { rowCount } = await hq.query('select from ingest.freshness, ingest.heartbeat')
    return (rowCount ?? 0) > 0
  })
  const words = wordsOf(await textOf('/sources'))
  expect(words).toContain('a relay leads')
  expect(words).toMatch(/\d+ leader 127\.0\.0\.1/)
  expect(words).toMatch(/data-engine-x alive, /)
  expect(words).toMatch(/dx_person_entities_v1 data-engine-x .* behind/)
  expect(words).toMatch(/gateway at sessions since \(UTC\) 127\.0\.0\.1 \d+/)
})

test('keys say when they end and were used last, and never what they are', async () => {
  await hq.query(
    `insert into ingest.key (id, source, kind, label, not_after, orgs, public_key)
     values ('soon', 'a', 'ed25519', $1, now() + interval '3 days 1 hour', null, 'whpk_hidden'),
       ('over', 'a', 'ed25519', null, now() - interval '1 day',
         '{00000000-0000-4000-8000-000000000000}', 'whpk_hidden'),
       ('taken', 'b', 'ed25519', null, null, null, 'whpk_hidden')`,
    [HOSTILE],
  )
  await hq.query("update ingest.key set revoked_at = now() where id = 'taken'")
  await hq.query("insert into ingest.key_use values (now(), 'given', 'c')")
  const page = await textOf('/keys')
  expect(wordsOf(page)).toMatch(/soon a retiring never at once .* in 3 d( 1 h)? ed25519 every org/)
  expect(wordsOf(page)).toMatch(/over a expired/)
  expect(wordsOf(page)).toMatch(/given c environment 20/)
  expect(wordsOf(page)).toMatch(/taken b revoked never at once revoked 20/)
  expect(page).not.toMatch(/whpk|<img|\u202e/)
  expect(wordsOf(await textOf('/keys?source=b'))).not.toContain('soon')
  expect((await site.get('/keys?source=%00')).status).toBe(400)
})

test('the doctors of both sides are asked, with what to do; keys are left to the gateway', async () => {
  let text = ''
  await waitFor('both sides to be examined', async () => {
    text = await textOf('/doctor')
    return /HQ: .*\d+ ok\. data-engine-x: .*\d+ ok/.test(wordsOf(text))
  })
  const words = wordsOf(text)
  expect(words).toMatch(/Examined 20\d\d-/)
  expect(text).toContain('id="hq-findings-migrations-0"')
  expect(text).toContain('id="dx-findings-triggers-0"')
  expect(text).not.toContain('id="hq-findings-keys-0"')
  expect(words).toContain('heartbeats')
})

test('an examination is made once for everybody, and again after half a minute', async () => {
  expect(await new KeptDoctor(HQ, undefined).read()).toMatchObject({ state: 'not connected' })
  let now = 0
  let made = 0
  let answer = Promise.withResolvers<readonly NamedFinding[]>()
  const doctor = new KeptDoctor(
    HQ,
    () => {
      made++
      return answer.promise
    },
    () => now,
  )
  const [one, other] = [doctor.read(), doctor.read()]
  answer.resolve([])
  expect([await one, await other]).toEqual([
    { state: 'read', value: { findings: [], at: '1970-01-01T00:00:00.000Z' } },
    { state: 'read', value: { findings: [], at: '1970-01-01T00:00:00.000Z' } },
  ])
  now = 29_999
  await doctor.read()
  expect(made).toBe(1)
  now = 30_000
  answer = Promise.withResolvers()
  answer.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
  expect(await doctor.read()).toMatchObject({ state: 'unreachable' })
  answer = Promise.withResolvers()
  answer.resolve([])
  expect(await doctor.read()).toMatchObject({ state: 'read' })
  expect(made).toBe(3)
})

test('what runs says its settings, and no secret', async () => {
  const page = await textOf('/about')
  const words = wordsOf(page)
  expect(words).toMatch(/HQ_DATABASE_URL &lt;set&gt; by the environment/)
  expect(words).toMatch(/CONSOLE_HOST 127\.0\.0\.1 by nobody/)
  expect(words).toContain('CONSOLE_ENVIRONMENT a &lt;b&gt;test&lt;/b&gt; by the environment')
  expect(words).toMatch(/\d+ applied, as this build needs them/)
  expect(page).toContain('0028_look_up_keys')
  expect(page).not.toContain('postgres://')
})

test('each page says which side is not connected, and shows the other', async () => {
  const { HQ_DATABASE_URL, DX_DATABASE_URL } = urls
  await using onlyHq = await ConsoleSite.start({ HQ_DATABASE_URL })
  await using onlyDx = await ConsoleSite.start({ DX_DATABASE_URL })
  const key = '00000000-0000-4000-8000-000000000000'
  for (const path of ADDRESSES) {
    const address = path.startsWith('/row') ? `${path}&key=${key}` : path
    const [fromHq, fromDx] = [await onlyHq.get(address), await onlyDx.get(address)]
    expect([fromHq.status, fromDx.status], path).toEqual([200, 200])
    const missing = `${fromHq.text}${fromDx.text}`.match(/ is not connected: set [HD]\w+_URL/g)
    expect(new Set(missing).size, path).toBeGreaterThan(0)
  }
  expect((await onlyHq.get('/batches/a/b')).status).toBe(404)
  expect((await onlyDx.get('/batches/a/b')).text).toContain('HQ is not connected')
})
