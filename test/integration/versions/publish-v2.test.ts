import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AppProcess } from '../../support/programs/app-process.ts'
import { Pipeline } from '../../support/programs/pipeline.ts'
import { RepositoryCopy } from '../../support/programs/repository-copy.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'

const FIXTURES = join(import.meta.dirname, '../../fixtures/publish-v2')
const DATASETS = 'packages/contract/src/datasets'
const BOTH = 'migrations/data-engine-x/bindings/reference-v2.json'
const V2 = ['dx_company_entities_v2', 'dx_company_enrichments_v2']

let copy: RepositoryCopy
let pipeline: Pipeline
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
async function command(app: 'outbox-relay' | 'hq-ingest', ...args: string[]): Promise<string> {
  const env =
    app === 'hq-ingest'
      ? { HQ_DATABASE_URL: pipeline.hqDatabase.url }
      : { ...pipeline.relayEnv, LOG_LEVEL: 'warn' }
  const program = new AppProcess(app, args, env, copy.root)
  const exitCode = await program.exited()
  const output = program.lines.join('\n')
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

test('v2 is published, bound, captured, backfilled and reconciled beside v1, while writers write', async () => {
  const orgId = await insertOrg(pipeline.dx)
  let gateway = await pipeline.startGateway()
  let relay = pipeline.startRelay()
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
  expect(await command('outbox-relay', 'reconcile', '--dataset', 'all')).toMatch(/is equal/)
  const { rows } = await pipeline.dx.query(
    'select count(*)::int as letters from hq_export.dead_letter',
  )
  expect(rows).toEqual([{ letters: 0 }])
  gateway.assertRunning()
  relay.assertRunning()
})
