import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { BindingError } from '@hq-export/outbox-relay/binding/load-binding.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { capturing, ofDataset, versionsOf } from '../../support/capture-rows.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../../support/reference-rows.ts'
import {
  createDxDatabase,
  createEmptyDxDatabase,
  createUnboundDxDatabase,
  type TestDatabase,
} from '../../support/servers/databases.ts'
import { majorVersion } from '../../support/servers/server-version.ts'
import { waitFor } from '../../support/wait-for.ts'

const COMPANIES = 'dx_company_entities_v1'
const EVENTS = 'dx_operation_events_v1'
const PERSONS = 'dx_person_entities_v1'
const REFERENCE = join(
  import.meta.dirname,
  '../../../migrations/data-engine-x/bindings/reference.json',
)

interface BoundJson {
  dataset: string
  table: string
  [field: string]: unknown
}

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hq-export-binding-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true })
})

/** The reference binding, changed, as an operator's file. */
async function bindingFile(change: (datasets: BoundJson[]) => BoundJson[]): Promise<string> {
  const reference: { datasets: BoundJson[] } = JSON.parse(await readFile(REFERENCE, 'utf8'))
  const file = join(folder, `${randomUUID()}.json`)
  await writeFile(file, JSON.stringify({ name: 'custom', datasets: change(reference.datasets) }))
  return file
}

const changing =
  (dataset: string, fields: Record<string, unknown>) =>
  (datasets: BoundJson[]): BoundJson[] =>
    datasets.map((bound) => (bound.dataset === dataset ? { ...bound, ...fields } : bound))

async function problemsOf(database: TestDatabase, nameOrFile: string): Promise<readonly string[]> {
  try {
    await bind(database.url, nameOrFile)
  } catch (error) {
    if (error instanceof BindingError) return error.problems
    throw error
  }
  throw new Error('the binding was installed')
}

/** Everything in the catalog that `bind` could touch, row versions included. */
async function catalog(client: pg.Client): Promise<unknown> {
  const { rows } = await client.query(
    `select 'trigger' as kind, oid, xmin::text from pg_trigger union all
     select 'function', oid, xmin::text from pg_proc
     where pronamespace = 'hq_export'::regnamespace union all
     select 'relation', oid, xmin::text from pg_class
     where relnamespace = 'hq_export'::regnamespace and relkind = 'v' union all
     select 'binding', number::oid, xmin::text from hq_export.binding
     order by 1, 2`,
  )
  return rows
}

test('binding twice changes nothing and takes no lock on a bound table', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  const before = await catalog(client)
  await client.query('begin')
  await client.query('lock table entities.company_entities in row exclusive mode')
  const summary = await bind(database.url, 'reference', { attempts: 1, lockWaitMs: 1 })
  await client.query('rollback')
  expect(summary).toEqual({
    binding: 'reference',
    datasets: [
      'dx_operation_runs_v1',
      'dx_operation_events_v1',
      COMPANIES,
      PERSONS,
      'dx_entity_snapshots_v1',
    ],
    changed: false,
    remarks: [],
  })
  expect(await catalog(client)).toEqual(before)
})

test('binding again mends a trigger that was dropped or disabled', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  const orgId = await insertOrg(client)
  await client.query('drop trigger hq_export_3_insert on entities.company_entities')
  await client.query('alter table entities.person_entities disable trigger all')
  expect(await bind(database.url, 'reference')).toMatchObject({ changed: true })
  const rows = await capturing(client, async () => {
    await insertCompany(client, orgId)
    await insertPerson(client, orgId)
  })
  expect([...versionsOf(rows, COMPANIES), ...versionsOf(rows, PERSONS)]).toEqual(['1', '1'])
})

test('another binding has the types that it names and no other, and a session that was open captures by them', async () => {
  await using database = await createDxDatabase()
  const [client, writer] = [await database.connect(), await database.connect()]
  const types = async (): Promise<string[]> => {
    const { rows } = await client.query<{ name: string }>(
      `select typname as name from pg_type
       where typnamespace = 'hq_export'::regnamespace and typname like 'body%' order by 1`,
    )
    return rows.map(({ name }) => name)
  }
  const orgId = await insertOrg(writer)
  const runId = await insertRun(writer, orgId)
  await insertEvent(writer, orgId, runId)
  const before = await types()
  expect(before).toHaveLength(5)
  await client.query('alter table ops.operation_events add seen_on date default now()')
  // Read in the time zone of the session, so the capture sets it and its body is of another type.
  const columns = { occurred_at: 'r.seen_on', provider: `'a\nb'` }
  await bind(database.url, await bindingFile(changing(EVENTS, { columns })))
  const after = await types()
  expect(after).toHaveLength(5)
  expect(after.filter((name) => !before.includes(name))).toHaveLength(1)
  await writer.query(`set timezone = 'Asia/Kathmandu'`)
  const values = { event_sequence: 2, seen_on: '2026-01-01' }
  expect(await capturing(writer, () => insertEvent(writer, orgId, runId, values))).toMatchObject([
    { sqlstate: null, row: { occurred_at: '2026-01-01T00:00:00+00:00', provider: 'a\nb' } },
  ])
  const only = await bindingFile((all) => all.filter((bound) => bound.dataset === PERSONS))
  await bind(database.url, only)
  expect(await types()).toHaveLength(2)
})

test('bind gives way to an open writer, comes back, and succeeds once the writer is done', async () => {
  await using database = await createUnboundDxDatabase()
  const writer = await database.connect()
  await writer.query('begin')
  const orgId = await insertOrg(writer)
  await insertPerson(writer, orgId)
  const pauses: number[] = []
  const summary = await bind(database.url, 'reference', {
    lockWaitMs: 20,
    sleep: async (ms) => {
      pauses.push(ms)
      // While bind sleeps, nothing of it is in anybody's way.
      await insertPerson(writer, orgId)
      if (pauses.length === 3) await writer.query('commit')
    },
  })
  expect(summary.changed).toBe(true)
  expect(pauses).toHaveLength(3)
  expect(pauses.every((ms) => ms >= 100)).toBe(true)
  const rows = await capturing(writer, () => insertPerson(writer, orgId))
  expect(versionsOf(rows, PERSONS)).toEqual(['1'])
})

test('bind gives way to whoever reads a projection view', async () => {
  await using database = await createDxDatabase()
  const reader = await database.connect()
  await reader.query('begin')
  await reader.query(`select from hq_export.${PERSONS}`)
  const upgraded = await bindingFile(changing(PERSONS, { columns: { title: 'upper(r.title)' } }))
  const sleep = () => reader.query('commit')
  expect(await bind(database.url, upgraded, { lockWaitMs: 20, sleep })).toMatchObject({
    changed: true,
  })
})

test('bind gives up after its attempts, names the busy table, and leaves nothing behind', async () => {
  await using database = await createUnboundDxDatabase()
  const writer = await database.connect()
  await writer.query('begin')
  await insertPerson(writer, await insertOrg(writer))
  const attempt = bind(database.url, 'reference', {
    lockWaitMs: 10,
    attempts: 2,
    sleep: async () => {},
  })
  await expect(attempt).rejects.toThrow(/"entities"\."person_entities" is being written to/)
  await writer.query('rollback')
  const { rows } = await writer.query(
    `select tgname from pg_trigger where tgname like 'hq_export%' union all
     select relname from pg_class where relnamespace = 'hq_export'::regnamespace
       and relname like 'dx%' union all
     select dataset from hq_export.binding`,
  )
  expect(rows).toEqual([])
})

test('an upgrade under load is never without triggers', async () => {
  await using database = await createDxDatabase()
  const writer = await database.connect()
  const orgId = await insertOrg(writer)
  const upgraded = await bindingFile(changing(PERSONS, { columns: { title: 'upper(r.title)' } }))
  let inserted = 0
  let isBinding = true
  const rows = await capturing(writer, async () => {
    const writing = (async () => {
      while (isBinding) {
        await insertPerson(writer, orgId, { title: 'cto' })
        inserted++
      }
      await insertPerson(writer, orgId, { title: 'cto' })
      inserted++
    })()
    await waitFor('the writer to be at work', () => inserted > 5)
    expect(await bind(database.url, upgraded)).toMatchObject({ binding: 'custom', changed: true })
    isBinding = false
    await writing
  })
  const titles = ofDataset(rows, PERSONS).map(({ row }) => row.title)
  expect(titles).toHaveLength(inserted)
  expect(titles[0]).toBe('cto')
  expect(titles.at(-1)).toBe('CTO')
})

test('two binds at once end with one binding', async () => {
  await using database = await createUnboundDxDatabase()
  await Promise.all([bind(database.url, 'reference'), bind(database.url, 'reference')])
  expect(await bind(database.url, 'reference')).toMatchObject({ changed: false })
})

test('the record of the binding names each dataset, its source and one fingerprint', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  const { rows } = await client.query(
    `select number, dataset, name, source_table, fingerprint ~ '^[0-9a-f]{64}$' as is_hash
     from hq_export.binding order by number`,
  )
  const common = { name: 'reference', is_hash: true }
  expect(rows).toEqual([
    { number: 1, dataset: 'dx_operation_runs_v1', source_table: 'ops.operation_runs', ...common },
    {
      number: 2,
      dataset: 'dx_operation_events_v1',
      source_table: 'ops.operation_events',
      ...common,
    },
    { number: 3, dataset: COMPANIES, source_table: 'entities.company_entities', ...common },
    { number: 4, dataset: PERSONS, source_table: 'entities.person_entities', ...common },
    {
      number: 5,
      dataset: 'dx_entity_snapshots_v1',
      source_table: 'entities.company_entities, entities.person_entities',
      ...common,
    },
  ])
})

test('every table and column that does not exist is named in one message', async () => {
  await using database = await createUnboundDxDatabase()
  const file = await bindingFile((datasets) => [
    ...changing(PERSONS, { key: ['org_id', 'person_id'], version: 'revision' })(
      changing(COMPANIES, { table: 'entities.firms' })(datasets),
    ),
  ])
  expect(await problemsOf(database, file)).toEqual([
    `${COMPANIES}: table entities.firms does not exist`,
    `${PERSONS}: key column entities.person_entities.person_id does not exist`,
    `${PERSONS}: version column entities.person_entities.revision does not exist`,
  ])
})

test('every expression that PostgreSQL refuses is named with its column', async () => {
  await using database = await createUnboundDxDatabase()
  const file = await bindingFile(
    changing(PERSONS, { columns: { title: 'r.job_title', seniority: 'lower(', full_name: `'x'` } }),
  )
  expect(await problemsOf(database, file)).toEqual([
    `${PERSONS}.title (entities.person_entities): column r.job_title does not exist`,
    expect.stringContaining(`${PERSONS}.seniority (entities.person_entities): syntax error`),
  ])
})

test('a key that is not unique, or may be NULL, is refused', async () => {
  await using database = await createUnboundDxDatabase()
  const file = await bindingFile((datasets) =>
    changing(COMPANIES, { key: ['org_id'] })(
      changing(PERSONS, { key: ['org_id', 'full_name'] })(datasets),
    ),
  )
  expect(await problemsOf(database, file)).toEqual([
    `${COMPANIES}: entities.company_entities has no unique index on (org_id)`,
    `${PERSONS}: key column entities.person_entities.full_name allows NULL`,
  ])
})

test('a virtual generated column, which a trigger sees as NULL, is refused', async ({ skip }) => {
  await using database = await createUnboundDxDatabase()
  const client = await database.connect()
  skip((await majorVersion(client)) < 18, 'PostgreSQL has virtual generated columns since 18')
  await client.query(
    `alter table entities.person_entities
       add column shout text generated always as (upper(full_name)) virtual`,
  )
  const file = await bindingFile(changing(PERSONS, { columns: { title: 'r.shout' } }))
  expect(await problemsOf(database, file)).toEqual([
    expect.stringContaining('entities.person_entities.shout is a virtual generated column'),
  ])
})

test('I1: a table whose rows its owner cannot see under row level security is refused', async () => {
  await using database = await createUnboundDxDatabase()
  const client = await database.connect()
  const role = `owner_${randomBytes(4).toString('hex')}`
  await client.query(`create role ${role}`)
  await client.query(`grant usage on schema entities to ${role}`)
  await client.query(`alter table entities.person_entities owner to ${role}`)
  await client.query(`alter table entities.person_entities enable row level security`)
  await client.query(`alter table entities.person_entities force row level security`)
  expect(await problemsOf(database, 'reference')).toEqual([
    expect.stringContaining('row level security of entities.person_entities hides rows'),
  ])
  await client.query(`alter role ${role} bypassrls`)
  expect(await bind(database.url, 'reference')).toMatchObject({ changed: true })
  await client.query(`drop owned by ${role} cascade; drop role ${role}`)
})

test('each table is captured as its own owner, who needs no other right', async () => {
  await using database = await createUnboundDxDatabase()
  const client = await database.connect()
  const role = `owner_${randomBytes(4).toString('hex')}`
  await client.query(`create role ${role}`)
  await client.query(`grant usage on schema entities to ${role}`)
  await client.query(`alter table entities.person_entities owner to ${role}`)
  await client.query(`alter table entities.person_entities enable row level security`)
  await bind(database.url, 'reference')
  const orgId = await insertOrg(client)
  const rows = await capturing(client, async () => {
    const id = await insertPerson(client, orgId)
    await client.query('update entities.person_entities set title = $1 where entity_id = $2', [
      'x',
      id,
    ])
    await client.query('delete from entities.person_entities where entity_id = $1', [id])
    await insertPerson(client, orgId)
    await client.query('truncate entities.person_entities')
  })
  expect(versionsOf(rows, PERSONS)).toEqual(['1', '2', '3!', '1', '2!'])
  expect(rows.map(({ sqlstate }) => sqlstate)).toEqual(Array(10).fill(null))
  await insertPerson(client, orgId)
  await client.query('set role hq_export_relay')
  expect((await client.query('select from hq_export.dx_entity_snapshots_v1')).rowCount).toBe(1)
  await client.query('reset role')
  const { rows: rights } = await client.query(
    `select has_schema_privilege($1, 'hq_export', 'create') as may_create`,
    [role],
  )
  expect(rights).toEqual([{ may_create: false }])
  await client.query(`drop owned by ${role} cascade; drop role ${role}`)
})

test('rows outside the filter are not exported; leaving it is a delete, entering it again a new version', async () => {
  await using database = await createUnboundDxDatabase()
  const client = await database.connect()
  await bind(
    database.url,
    await bindingFile(changing(PERSONS, { filter: `r.department is distinct from 'internal'` })),
  )
  const orgId = await insertOrg(client)
  const rows = await capturing(client, async () => {
    await insertPerson(client, orgId, { department: 'internal' })
    const id = await insertPerson(client, orgId)
    const move = (department: string, version: number) =>
      client.query(
        `update entities.person_entities set department = $2, record_version = $3
         where entity_id = $1`,
        [id, department, version],
      )
    await move('internal', 2)
    await move('internal', 3)
    await move('sales', 4)
    await move('support', 5)
  })
  expect(versionsOf(rows, PERSONS)).toEqual(['1', '2!', '6', '7'])
  const { rows: view } = await client.query(
    'select record_version from hq_export.dx_person_entities_v1',
  )
  expect(view).toEqual([{ record_version: '7' }])
})

test('I5: whether a dataset has rows is not searched for long while writers wait; what is not known counts as rows', async () => {
  await using database = await createUnboundDxDatabase()
  const client = await database.connect()
  await insertPerson(client, await insertOrg(client))
  // As slow as a table in which no row is under contract.
  const file = await bindingFile(
    changing(PERSONS, {
      filter: `case when pg_sleep(20) is null then true else r.department = 'none' end`,
    }),
  )
  const beganAt = performance.now()
  await bind(database.url, file)
  expect(performance.now() - beganAt).toBeLessThan(20_000)
  const { rows } = await client.query(
    'select dataset from hq_export.binding where history_complete_at is not null',
  )
  expect(rows).toEqual([{ dataset: COMPANIES }])
})

test('bind names the command that helps when the database was not migrated', async () => {
  await using database = await createEmptyDxDatabase()
  await expect(bind(database.url, 'reference')).rejects.toThrow(/npm run relay -- migrate/)
})
