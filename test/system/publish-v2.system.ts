import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AppProcess } from '../support/programs/app-process.ts'
import type { App } from '../support/programs/command-host.ts'
import { buildEnvelope, buildRow, send } from '../support/programs/ingest-client.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { RepositoryCopy } from '../support/programs/repository-copy.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'

const FIXTURES = join(import.meta.dirname, '../fixtures/publish-v2')
const DATASETS = 'packages/contract/src/datasets'
const BOTH = 'migrations/data-engine-x/bindings/reference-v2.json'
const V1 = 'dx_company_entities_v1'
const V2 = ['dx_company_entities_v2', 'dx_company_enrichments_v2']

/** For what hangs: each takes half a minute, most of it starts of programs. */
const PATIENCE_MS = 600_000

let copy: RepositoryCopy
let pipeline: Pipeline
let gateway: AppProcess
let relay: AppProcess
let orgId: string
beforeAll(async () => {
  copy = await RepositoryCopy.create()
  pipeline = await Pipeline.create()
})
afterAll(async () => {
  await pipeline[Symbol.asyncDispose]()
  await copy[Symbol.asyncDispose]()
})

/** What somebody who publishes v2 writes. */
async function publish(): Promise<void> {
  await copy.add(`${DATASETS}/company-entities-v2.ts`, join(FIXTURES, 'company-entities-v2.ts.txt'))
  await copy.add(
    `${DATASETS}/company-enrichments-v2.ts`,
    join(FIXTURES, 'company-enrichments-v2.ts.txt'),
  )
  await copy.edit(
    `${DATASETS}/datasets.ts`,
    "import { companyEntities } from './company-entities.ts'\n",
    "import { companyEnrichmentsV2 } from './company-enrichments-v2.ts'\n" +
      "import { companyEntities } from './company-entities.ts'\n" +
      "import { companyEntitiesV2 } from './company-entities-v2.ts'\n",
  )
  await copy.edit(
    `${DATASETS}/datasets.ts`,
    '  entitySnapshots,\n] as const',
    '  entitySnapshots,\n  companyEntitiesV2,\n  companyEnrichmentsV2,\n] as const',
  )
  const migration = '0900_publish_companies_v2.sql'
  await copy.add(`migrations/hq/${migration}`, join(FIXTURES, migration))
  await copy.add(BOTH, join(FIXTURES, 'reference-v2.json'))
}

/** A command of the copy, to its end. */
async function run(app: App | 'contract', ...args: string[]) {
  const env = {
    contract: {},
    'hq-ingest': { HQ_DATABASE_URL: pipeline.hqDatabase.url },
    'outbox-relay': { ...pipeline.relayEnv, LOG_LEVEL: 'warn' },
  }[app]
  const program = new AppProcess(app as App, args, env, copy.root)
  return { exitCode: await program.exited(), output: program.lines.join('\n') }
}

async function command(app: App | 'contract', ...args: string[]): Promise<string> {
  const { exitCode, output } = await run(app, ...args)
  expect(exitCode, output).toBe(0)
  return output
}

async function stop(program: AppProcess): Promise<void> {
  program.signal('SIGTERM')
  expect(await program.exited(), program.lines.join('\n')).toBe(0)
}

/** Sessions of the application: they write until they are told to stop, and never wait for us. */
class Writers implements AsyncDisposable {
  readonly #ended: Promise<number>[]
  #isStopping = false
  longestMs = 0

  constructor(url: string, orgId: string) {
    this.#ended = Array.from({ length: 2 }, () => this.#write(url, orgId))
  }

  async #write(url: string, orgId: string): Promise<number> {
    const client = new pg.Client(url)
    await client.connect()
    let written = 0
    try {
      for (; !this.#isStopping; written++) {
        const begin = performance.now()
        const entityId = await insertCompany(client, orgId, { employee_count: written })
        await client.query(
          `update entities.company_entities
           set canonical_name = $2, record_version = record_version + 1
           where entity_id = $1`,
          [entityId, `renamed ${written}`],
        )
        if (written % 5 === 0) {
          await client.query('delete from entities.company_entities where entity_id = $1', [
            entityId,
          ])
        }
        this.longestMs = Math.max(this.longestMs, performance.now() - begin)
      }
    } finally {
      await client.end()
    }
    return written
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** @returns the entities that they have written. */
  async stop(): Promise<number> {
    this.#isStopping = true
    return (await Promise.all(this.#ended)).reduce((sum, written) => sum + written, 0)
  }
}

/** Rows of v1 that v2 does not have as they are, in both of its datasets, and the reverse. */
const DIFFERENT = `
with v2 as (
  select e.org_id, e.entity_id, e.company_id, e.name as canonical_name, e.canonical_domain,
    e.linkedin_url, e.linkedin_page_id, e.industry, e.employee_count::integer as employee_count,
    e.revenue_band, e.hq_country, r.confidence as enrichment_confidence, r.last_enriched_at,
    r.last_operation_id, r.last_run_id, r.source_priority, e.updated_at
  from hq.dx_company_entities_v2 e join hq.dx_company_enrichments_v2 r using (org_id, entity_id)
  where e._dx_deleted_at is null and r._dx_deleted_at is null
), v1 as (
  select org_id, entity_id, company_id, canonical_name, canonical_domain, linkedin_url,
    linkedin_page_id, industry, employee_count, revenue_band, hq_country, enrichment_confidence,
    last_enriched_at, last_operation_id, last_run_id, source_priority, updated_at
  from hq.dx_company_entities_v1 where _dx_deleted_at is null
)
select (select count(*)::int from (table v1 except table v2) a) as "onlyV1",
  (select count(*)::int from (table v2 except table v1) b) as "onlyV2",
  (select count(*)::int from v1) as rows`

async function compareVersions() {
  const { rows } = await pipeline.hq.query(DIFFERENT)
  return rows[0]
}

test('v2 is published, bound, captured, backfilled and reconciled beside v1, while writers write', {
  timeout: PATIENCE_MS,
}, async () => {
  orgId = await insertOrg(pipeline.dx)
  gateway = await pipeline.startGateway()
  relay = pipeline.startRelay()
  for (let row = 0; row < 50; row++) await insertCompany(pipeline.dx, orgId)
  await using writers = new Writers(pipeline.dxDatabase.url, orgId)
  await publish()

  // HQ first, as every upgrade; the relay of before goes on.
  await command('hq-ingest', 'migrate')
  await stop(gateway)
  gateway = await pipeline.startGateway(undefined, {}, copy.root)
  const before = await insertCompany(pipeline.dx, orgId)
  await pipeline.arrives(before)

  await stop(relay)
  relay = pipeline.startRelay({}, copy.root)
  await command('outbox-relay', 'bind', join(copy.root, BOTH))
  for (const dataset of V2) await command('outbox-relay', 'backfill', '--dataset', dataset)
  expect(await command('outbox-relay', 'reconcile')).toMatch(/is equal/)

  const written = await writers.stop()
  expect(written).toBeGreaterThan(20)
  await pipeline.settled()
  const compared = await compareVersions()
  expect(compared.rows).toBeGreaterThan(50)
  expect(compared).toEqual({ onlyV1: 0, onlyV2: 0, rows: compared.rows })
  const { comparisons } = JSON.parse(await command('hq-ingest', 'versions', '--json'))
  const equal = { rows: compared.rows, only_earlier: 0, only_later: 0, different: 0, columns: {} }
  expect(comparisons).toEqual(V2.map((later) => ({ earlier: V1, later, ...equal })))
  expect(await command('outbox-relay', 'reconcile', '--dataset', 'all')).toMatch(/is equal/)
  const { rows } = await pipeline.dx.query(
    'select count(*)::int as letters from hq_export.dead_letter',
  )
  expect(rows).toEqual([{ letters: 0 }])
  gateway.assertRunning()
  relay.assertRunning()
})

test('a relay that is ahead of its gateway loses nothing: what HQ does not know yet waits for it', {
  timeout: PATIENCE_MS,
}, async () => {
  await using other = await Pipeline.create()
  const org = await insertOrg(other.dx)
  const old = await other.startGateway()
  const ahead = other.startRelay({}, copy.root)
  await using writers = new Writers(other.dxDatabase.url, org)
  const bind = ['bind', join(FIXTURES, 'reference-v2.json')]
  const binding = new AppProcess('outbox-relay', bind, other.relayEnv, copy.root)
  expect(await binding.exited(), binding.lines.join('\n')).toBe(0)
  const entityId = await insertCompany(other.dx, org)
  await ahead.says('unknown_dataset')
  const migrate = new AppProcess(
    'hq-ingest',
    ['migrate'],
    { HQ_DATABASE_URL: other.hqDatabase.url },
    copy.root,
  )
  expect(await migrate.exited(), migrate.lines.join('\n')).toBe(0)
  await stop(old)
  await other.startGateway(undefined, {}, copy.root)
  expect(await writers.stop()).toBeGreaterThan(0)
  await other.settled()
  const { rows } = await other.hq.query(
    'select count(*)::int as found from hq.dx_company_entities_v2 where entity_id = $1',
    [entityId],
  )
  expect(rows).toEqual([{ found: 1 }])
  const { rows: letters } = await other.dx.query(
    'select count(*)::int as letters from hq_export.dead_letter',
  )
  expect(letters).toEqual([{ letters: 0 }])
})

async function restartGateway(): Promise<void> {
  await stop(gateway)
  gateway = await pipeline.startGateway(undefined, {}, copy.root)
}

/** Posts a row of v1, as a source that knows nothing of v2. */
function postV1(): Promise<Response> {
  const envelope = buildEnvelope(V1, [buildRow(V1, { org_id: orgId })])
  return send(pipeline.gatewayUrl, envelope, { secret: pipeline.secret })
}

/** A file with HQ's answer of who reads it, as if it had watched for long, and answered on a day. */
async function readersOf(said: { versions: object[] }, day: string): Promise<string> {
  const then = { watched_since: '2026-11-01T00:00:00Z', looked_at: `${day}T12:00:00Z` }
  const path = join(copy.root, 'readers.json')
  const versions = said.versions.map((version) => ({ ...version, ...then }))
  await writeFile(path, JSON.stringify({ ...said, versions }))
  return path
}

test('v1 is deprecated, is not retired too soon, and retires; nothing of it is lost or stuck', {
  timeout: PATIENCE_MS,
}, async () => {
  await command('contract', 'generate')
  for (const dataset of V2) await command('contract', 'freeze', dataset, '--release', '0.2.0')
  await command('contract', 'release', '0.2.0', '--as-of', '2027-01-04')
  const deprecation = ['--successor', ...V2, '--release', '0.3.0', '--sunset', '2027-03-01']
  await command('contract', 'deprecate', V1, ...deprecation, '--as-of', '2027-01-11')
  await restartGateway()
  const { headers, status } = await postV1()
  expect(status).toBe(200)
  expect(headers.get('deprecation')).toBe(`@${Date.parse('2027-01-11') / 1000}`)
  expect(headers.get('sunset')).toBe('Mon, 01 Mar 2027 00:00:00 GMT')

  const said = JSON.parse(await command('hq-ingest', 'readers', '--json'))
  expect(said.versions).toContainEqual(expect.objectContaining({ dataset: V1, read_at: null }))
  const retire = async (day: string, asked = day) =>
    run('contract', 'retire', V1, '--as-of', day, '--readers', await readersOf(said, asked))
  expect((await retire('2027-03-01')).exitCode).toBe(3)
  await command('contract', 'release', '0.3.0', '--as-of', '2027-01-12')
  await command('contract', 'release', '0.4.0', '--as-of', '2027-01-25')
  await command('contract', 'release', '0.5.0', '--as-of', '2027-02-08')
  const unacknowledged = await retire('2027-03-01')
  expect(unacknowledged).toMatchObject({ exitCode: 3 })
  expect(unacknowledged.output).toContain('hq-readers')
  const evidence = ['--by', 'HQ', '--evidence', 'https://hq.example/pull/7']
  const day = ['--as-of', '2027-02-10']
  await command('contract', 'acknowledge', V1, '--consumer', 'hq-readers', ...evidence, ...day)
  expect((await retire('2027-02-28')).exitCode).toBe(3)
  expect((await retire('2027-03-01', '2026-11-30')).output).toContain('looked at on 2026-11-30')
  expect(await retire('2027-03-01')).toMatchObject({ exitCode: 0 })

  // What was captured while the gateway was away meets one that takes it no more.
  await pipeline.settled()
  await stop(gateway)
  const waiting = await insertCompany(pipeline.dx, orgId, { canonical_name: 'waits for v2' })
  const { rows: before } = await pipeline.hq.query(`select count(*)::int as rows from hq.${V1}`)
  gateway = await pipeline.startGateway(undefined, {}, copy.root)
  await pipeline.settled()
  const { rows: arrived } = await pipeline.hq.query(
    `select e.name, r.record_version::text as version from hq.dx_company_entities_v2 e
     join hq.dx_company_enrichments_v2 r using (entity_id) where e.entity_id = $1`,
    [waiting],
  )
  expect(arrived).toEqual([{ name: 'waits for v2', version: '1' }])
  const { rows: letters } = await pipeline.dx.query(
    `select dataset, reason, key from hq_export.dead_letter where resolved_at is null`,
  )
  expect(letters).toEqual([{ dataset: V1, reason: 'dataset_retired', key: `${orgId}/${waiting}` }])
  expect((await pipeline.hq.query(`select count(*)::int as rows from hq.${V1}`)).rows).toEqual(
    before,
  )
  const refused = await postV1()
  expect(refused.status).toBe(410)
  expect(await refused.json()).toMatchObject({
    code: 'dataset_retired',
    detail: expect.stringContaining(V2.join(', ')),
  })

  // The doctor says what is left to do, and after it v1 is captured no more.
  const doctor = await run('outbox-relay', 'doctor')
  expect(doctor.output).toMatch(/fail +contract +dx_company_entities_v1 was retired on 2027-03-01/)
  expect((await run('outbox-relay', 'bind', join(copy.root, BOTH))).output).toContain('was retired')
  await command('outbox-relay', 'bind', join(FIXTURES, 'reference-v2-only.json'))
  await insertCompany(pipeline.dx, orgId)
  await pipeline.settled()
  const { rows: after } = await pipeline.dx.query(
    'select count(*)::int as open from hq_export.dead_letter where resolved_at is null',
  )
  expect(after).toEqual([{ open: 1 }])
  relay.assertRunning()
})
