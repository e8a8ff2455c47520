import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readStatus } from '@hq-export/hq-ingest/status/status.ts'
import { isNamed } from '@hq-export/outbox-relay/binding/inspect/foreign-code.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { loadBinding } from '@hq-export/outbox-relay/binding/load-binding.ts'
import { foreignCode } from '@hq-export/outbox-relay/doctor/checks/foreign-code.ts'
import { sources } from '@hq-export/outbox-relay/doctor/checks/sources.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import type { ForeignDependency } from '@hq-export/runtime/postgres/foreign-dependencies.ts'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createLiveDatabase } from '../support/live-shape/live-databases.ts'
import {
  createDxDatabase,
  createEmptyDxDatabase,
  createHqDatabase,
} from '../support/servers/databases.ts'

const REFERENCE = join(
  import.meta.dirname,
  '../../migrations/data-engine-x/bindings/reference.json',
)
const STRANGER = `stranger_${randomBytes(4).toString('hex')}`

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('dxServerUrl') })
  await client.connect()
  await client.query(sql)
  await client.end()
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hq-export-foreign-'))
  await onServer(`create role ${STRANGER}`)
})
afterAll(async () => {
  await rm(folder, { recursive: true })
  await onServer(`drop role ${STRANGER}`)
})

const PLANTED_SUM = `
  grant create on schema public to ${STRANGER};
  set role ${STRANGER};
  create function public.planted(numeric, bigint) returns numeric
    language sql immutable as 'select 1::numeric';
  create operator public.+ (function = public.planted, leftarg = numeric, rightarg = bigint);
  reset role`

const troubles = async (url: string) =>
  (await runDoctor(url, [foreignCode, sources])).filter(({ state }) => state !== 'ok')

test('an operator that an earlier build bound into a function is named by doctor, and migrate ends it', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  await client.query(PLANTED_SUM)
  // As migrations left it while the search path had public in it.
  await client.query(`
    create or replace function hq_export.exported_version(p_version bigint, p_base bigint)
      returns bigint language sql immutable parallel safe
      return case when p_base is null then p_version else p_version::numeric + p_base end;
    delete from hq_export.migration where name = '0010_bind_functions_again'`)
  expect(await troubles(database.url)).toEqual([
    {
      check: 'foreign-code',
      state: 'fail',
      found: expect.stringMatching(
        /^function hq_export\.exported_version\(bigint,bigint\) runs (?:operator public\.\+\(numeric,bigint\)|function public\.planted)/,
      ),
      todo: 'run: npm run relay -- migrate',
    },
  ])
  // By itself: later migrations have been applied already.
  const healing = join(dxMigrations.folder, '0010_bind_functions_again.sql')
  await client.query(`set search_path = pg_catalog, pg_temp; ${await readFile(healing, 'utf8')}`)
  expect(await troubles(database.url)).toEqual([])
})

test('a view, a trigger, a default or a policy of ours that runs other code is named, and bind makes views anew', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  await client.query(PLANTED_SUM)
  await client.query(`
    create function public.notice() returns trigger language plpgsql as 'begin return null; end';
    create trigger noticing after insert on hq_export.outbox_0
      for each row execute function public.notice();
    create function public.now_then() returns timestamptz language sql as 'select pg_catalog.now()';
    alter table hq_export.ack alter column acked_at set default public.now_then();
    create policy odd on hq_export.backfill using (public.planted(1, 1) = 1);
    create function hq_export.loose() returns int language sql as 'select 1'`)
  const { rows } = await client.query<{ definition: string }>(
    `select pg_get_viewdef('hq_export.dx_operation_runs_v1'::regclass) as definition`,
  )
  const definition = rows[0]?.definition.replace(
    'r.cost_usd',
    '(r.cost_usd operator(public.+) 1::bigint) as cost_usd',
  )
  await client.query(`create or replace view hq_export.dx_operation_runs_v1 as ${definition}`)
  const found = await troubles(database.url)
  expect(found.map((one) => [one.found, one.todo])).toEqual([
    [
      expect.stringMatching(
        /^default value for hq_export\.ack\.acked_at runs function public\.now_then/,
      ),
      expect.stringMatching(/^it is not as we created it: apply uninstall\.sql/),
    ],
    [
      expect.stringMatching(/^policy odd on hq_export\.backfill runs function public\.planted/),
      'run: drop policy odd on hq_export.backfill',
    ],
    [
      expect.stringMatching(/^rule .* on hq_export\.dx_operation_runs_v1 runs operator public\.\+/),
      'run: npm run relay -- bind reference',
    ],
    [
      'trigger noticing on hq_export.outbox_0 runs function public.notice()',
      'run: drop trigger noticing on hq_export.outbox_0',
    ],
    [
      'function hq_export.loose() has no pinned search_path',
      'run: alter function hq_export.loose() set search_path = pg_catalog, pg_temp',
    ],
  ])
  for (const { todo } of found) {
    if (todo?.startsWith('run: drop') || todo?.startsWith('run: alter'))
      await client.query(todo.replace('run: ', ''))
  }
  await client.query(
    'alter table hq_export.ack alter column acked_at set default pg_catalog.clock_timestamp()',
  )
  expect(await bind(database.url, 'reference')).toMatchObject({ changed: true })
  expect(await troubles(database.url)).toEqual([])
})

test('a type of somebody else, or a cast of a type, that would run in captures is refused by bind and named by doctor', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  await client.query(`
    create type public.mood as enum ('good');
    alter table entities.company_entities add column mood public.mood;
    create function public.mood_json(public.mood) returns json language sql
      as $$ select '1'::json $$`)
  expect(await troubles(database.url)).toEqual([])
  await client.query(
    `create cast (public.mood as json) with function public.mood_json(public.mood)`,
  )
  const cast =
    'dx_company_entities_v1: entities.company_entities has a column of type public.mood, whose cast runs public.mood_json(public.mood) in every capture; drop the cast, or make it WITH INOUT'
  expect(await troubles(database.url)).toMatchObject([
    { check: 'sources', state: 'fail', found: cast },
  ])
  await expect(bind(database.url, 'reference')).rejects.toThrow(cast)
  await client.query('drop cast (public.mood as json)')
  await client.query(`alter type public.mood owner to ${STRANGER}`)
  await expect(bind(database.url, 'reference')).rejects.toThrow(
    new RegExp(
      `public.mood, which belongs to ${STRANGER}: .*; run: alter type public.mood owner to `,
    ),
  )
  await client.query('alter type public.mood owner to current_user')
  expect(await troubles(database.url)).toEqual([])
})

test('a function that the binding names with its schema is what the binding wants', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  await client.query(
    `create function public."Loud"(text) returns text
       language sql immutable as 'select pg_catalog.upper($1)'`,
  )
  const { datasets } = JSON.parse(await readFile(REFERENCE, 'utf8'))
  const columns = { canonical_name: 'public."Loud"(r.canonical_name)' }
  const named = datasets.map((bound: { dataset: string; columns?: object }) =>
    bound.dataset === 'dx_company_entities_v1'
      ? { ...bound, columns: { ...bound.columns, ...columns } }
      : bound,
  )
  const file = join(folder, 'loud.json')
  await writeFile(file, JSON.stringify({ name: 'loud', datasets: named }))
  expect(await bind(database.url, file)).toMatchObject({ changed: true })
  expect(await bind(database.url, file)).toMatchObject({ changed: false })
  const shout: ForeignDependency = { object: '', schema: 'public', name: 'Loud', reference: '' }
  const binding = await loadBinding(file)
  expect(isNamed(binding, shout)).toBe(true)
  expect(isNamed(binding, { ...shout, name: 'Lou' })).toBe(false)
  expect(isNamed(binding, { ...shout, schema: 'blic' })).toBe(false)
  expect(await troubles(database.url)).toEqual([])
})

test('uuid5 keeps to the functions of the extension, whatever stands under their names later', async () => {
  await using database = await createLiveDatabase()
  const client = await database.connect()
  await client.query('alter extension "uuid-ossp" set schema public')
  await bind(database.url, 'data-engine-x')
  const expected = await client.query(`select hq_export.uuid5('a') as id`)
  await client.query(`
    create schema elsewhere;
    alter extension "uuid-ossp" set schema elsewhere;
    create function public.uuid_ns_url() returns uuid
      language sql as 'select pg_catalog.gen_random_uuid()'`)
  expect((await client.query(`select hq_export.uuid5('a') as id`)).rows).toEqual(expected.rows)
  expect(await troubles(database.url)).toEqual([])
})

test('migrate refuses a schema that somebody else made first', async () => {
  await using database = await createEmptyDxDatabase()
  const client = await database.connect()
  await client.query(`create schema hq_export authorization ${STRANGER}`)
  await expect(dxMigrations.apply(database.url)).rejects.toThrow(
    new RegExp(`^schema hq_export of data-engine-x belongs to ${STRANGER}, who could run code as `),
  )
  await client.query('alter schema hq_export owner to current_user')
  expect(await dxMigrations.apply(database.url)).not.toEqual([])
})

test('what HQ runs that is neither its own nor ours is in the status', async () => {
  await using hq = await createHqDatabase()
  expect(await readStatus(hq.url)).not.toHaveProperty('foreignCode')
  const client = await hq.connect()
  await client.query(`
    create function public.notice() returns trigger language plpgsql as 'begin return null; end';
    create trigger noticing after insert on hq.dx_operation_runs_v1
      for each row execute function public.notice()`)
  expect(await readStatus(hq.url)).toMatchObject({
    foreignCode: ['trigger noticing on hq.dx_operation_runs_v1 runs function public.notice()'],
  })
})
