import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConsoleSite } from '../support/programs/console-site.ts'
import { startInProcessRelay } from '../support/programs/in-process-relay.ts'
import { SECRET, startGateway } from '../support/programs/ingest-client.ts'
import { insertCompany, insertOrg, insertRun } from '../support/reference-rows.ts'
import { createDxDatabase, createHqDatabase } from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'

/** Beyond what a JavaScript number holds. */
const LARGE_VERSION = '9007199254740993'
const HOSTILE = '<img src=x onerror=alert(1)>\u202e</script>'
const COMPANIES = 'dx_company_entities_v1'
const RUNS = 'dx_operation_runs_v1'

const resources = new AsyncDisposableStack()
let site: ConsoleSite
let dx: pg.Client
let hq: pg.Client
let orgId: string
/** In HQ as version 1 and then {@link LARGE_VERSION}; the latter again as version + 1 at the source. */
let companyId: string

function pageOf(dataset: string, key: string): Promise<string> {
  const query = new URLSearchParams({ dataset, key })
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
      const { rowCount } = await hq.query(
        `select from hq.${COMPANIES} where record_version = $1`,
        [LARGE_VERSION],
      )
      return rowCount === 1
    })
  }
})

afterAll(() => resources.disposeAsync())

test('int8 beyond 2^53 is shown as it is (complaint 9: numbers altered by the page)', async () => {
  const page = await pageOf(COMPANIES, `${orgId}/${companyId}`)
  expect(sentenceOf(page)).toBe(`equal Equal: version ${LARGE_VERSION} at the source and in HQ.`)
  expect(page).not.toContain('9007199254740992')
  // Its journey: captured, applied, both versions with the batches that brought them.
  expect(page).toMatch(/change as version 9007199254740993: delivered/)
  expect(page).toMatch(/version 9007199254740993, as HQ has it now, by <a href="\/batches\/data-engine-x\//)
  expect(page).toMatch(/id="version-list-9007199254740993"/)
})
