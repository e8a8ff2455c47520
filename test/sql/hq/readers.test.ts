import { randomBytes, randomUUID } from 'node:crypto'
import { DATASETS } from '@hq-export/contract'
import { noteReads } from '@hq-export/hq-ingest/readers/note-reads.ts'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import {
  buildEnvelope,
  buildRow,
  deliver,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { runIngest } from '../../support/programs/ingest-process.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

/*
 * Which dataset version HQ's readers read, as far as PostgreSQL can tell: the versions of the
 * tables, not the orgs and not the rows.
 */

const ORG = randomUUID()
const COMPANIES = 'dx_company_entities_v1'

let hq: TestDatabase
let admin: pg.Client
const logins: string[] = []

beforeAll(async () => {
  hq = await createHqDatabase()
  admin = await hq.connect()
  await using gateway = await startGateway(hq.url)
  const rows = [buildRow(COMPANIES, { org_id: ORG })]
  await deliver(gateway.url, buildEnvelope(COMPANIES, rows))
})

afterEach(async () => {
  await admin.query('update ingest.reading set read_at = null')
})

afterAll(async () => {
  for (const login of logins) await admin.query(`drop owned by ${login}; drop role ${login}`)
  await hq[Symbol.asyncDispose]()
})

/** Somebody else's session, to its end, with which PostgreSQL knows what it has read. */
async function readAs(group: string, ...statements: readonly string[]): Promise<string> {
  const login = `${inject('runId')}${group}_${randomBytes(4).toString('hex')}`
  const password = randomBytes(12).toString('hex')
  await admin.query(`create role ${login} login password '${password}' in role ${group}`)
  logins.push(login)
  await admin.query('insert into ingest.reader_org values ($1, $2)', [login, ORG])
  const url = new URL(hq.url)
  url.username = login
  url.password = password
  const client = new pg.Client(url.href)
  await client.connect()
  for (const statement of statements) await client.query(statement)
  await client.end()
  return login
}

interface Reading {
  readonly dataset: string
  readonly read_at: Date | null
  readonly watched_since: Date
}

async function look(): Promise<Reading[]> {
  await noteReads(admin)
  const { rows } = await admin.query<Reading>(
    'select dataset, read_at, watched_since from ingest.reading order by dataset',
  )
  return rows
}

/** The versions that were seen to be read, once there is one. */
async function readVersions(): Promise<string[]> {
  const found = () => look().then((rows) => rows.filter(({ read_at }) => read_at !== null))
  await waitFor('a read to be seen', async () => (await found()).length > 0)
  return (await found()).map(({ dataset }) => dataset)
}

test('what the gateway writes and whoever owns the tables reads is no read of a reader', async () => {
  await admin.query(`set role hq_ingest_writer`)
  await admin.query(`select from hq.${COMPANIES}`)
  await admin.query(`reset role`)
  await admin.query(`select from hq.${COMPANIES}`)
  const readings = await look()
  expect(readings).toHaveLength(5)
  expect(readings.map(({ read_at }) => read_at)).toEqual(Array(5).fill(null))
})

test.each(['hq_reader', 'hq_org_reader'])('a read by a member of %s is seen', async (group) => {
  const { rows } = await admin.query<{ now: Date }>('select now()')
  const login = await readAs(group, `select count(*) from hq.${COMPANIES}`)
  expect(await readVersions()).toEqual([COMPANIES])
  const [reading] = (await look()).filter(({ dataset }) => dataset === COMPANIES)
  expect(reading?.read_at?.getTime()).toBeGreaterThanOrEqual(rows[0]?.now.getTime() ?? 0)

  const { stdout } = await runIngest(['readers', '--json'], { HQ_DATABASE_URL: hq.url })
  const said = JSON.parse(stdout)
  expect(said.readers).toContain(login)
  expect(said.versions).toContainEqual({
    dataset: COMPANIES,
    read_at: `${reading?.read_at?.toISOString().slice(0, 19)}Z`,
    watched_since: `${reading?.watched_since.toISOString().slice(0, 19)}Z`,
    looked_at: expect.stringMatching(/^\d{4}-.*Z$/),
  })
})

test('it is seen in a read-only transaction, by an index, and through a view', async () => {
  await admin.query(`create view public.firms as select * from hq.${COMPANIES}`)
  await admin.query('grant select on public.firms to hq_reader')
  await admin.query('alter view public.firms owner to hq_reader')
  await readAs('hq_reader', 'begin read only', 'select count(*) from public.firms', 'commit')
  expect(await readVersions()).toEqual([COMPANIES])
  await admin.query('drop view public.firms; update ingest.reading set read_at = null')
  const byKey = `select from hq.dx_person_entities_v1 where entity_id = '${ORG}'`
  await readAs('hq_reader', 'set enable_seqscan = off', byKey)
  expect(await readVersions()).toEqual(['dx_person_entities_v1'])
})

test('every version is watched; all that are in one query are seen', async () => {
  const names = DATASETS.map(({ name }) => name)
  const all = names.map((name) => `(select count(*) from hq.${name})`)
  await readAs('hq_reader', `select ${all.join(', ')}`)
  expect(await readVersions()).toEqual(names.toSorted())
})

test('what PostgreSQL has forgotten is not taken for not read', async () => {
  const before = await look()
  await admin.query('select pg_stat_reset()')
  const after = await look()
  for (const [index, { watched_since: since }] of after.entries()) {
    expect(since.getTime()).toBeGreaterThan(before[index]?.watched_since.getTime() ?? 0)
  }
  const [again] = await look()
  expect(again?.watched_since).toEqual(after[0]?.watched_since)
})
