import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installLiveShape } from '../../support/live-shape/install-live-shape.ts'
import { insertAttempts, insertLiveOrg, insertLiveRun } from '../../support/live-shape/live-rows.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { createDxDatabase, installReferenceSchema } from '../../support/servers/databases.ts'
import { startOwnServer } from '../../support/servers/own-server.ts'

let uninstall: string
let cluster: EmbeddedCluster

beforeAll(async () => {
  uninstall = await readFile(
    join(import.meta.dirname, '../../../migrations/data-engine-x/uninstall.sql'),
    'utf8',
  )
  // A server of its own: roles belong to the server, and the role must go with the last database.
  cluster = (await startOwnServer('uninstall')).cluster
})

afterAll(async () => {
  await cluster.remove()
})

/**
 * All that the database and the server know, minus statistics and what PostgreSQL keeps for itself.
 */
async function traces(client: pg.Client): Promise<unknown> {
  const { rows } = await client.query(
    `select 'schema' as kind, nspname as name, nspacl::text as detail from pg_namespace
     where nspname !~ '^pg_(toast_)?temp'
     union all select 'relation', oid::regclass::text, relacl::text from pg_class
     where relkind <> 't' and relname !~ '^pg_toast'
     union all select 'function', oid::regprocedure::text, proacl::text from pg_proc
     union all select 'trigger', tgrelid::regclass || ' ' || tgname, tgenabled::text from pg_trigger
     union all select 'type', oid::regtype::text, typacl::text from pg_type
     where typname !~ '^_?pg_toast'
     union all select 'role', rolname, rolsuper::text from pg_roles
     union all select 'setting', setdatabase::text, setconfig::text from pg_db_role_setting
     union all select 'default acl', oid::text, defaclacl::text from pg_default_acl
     union all select 'dependency', classid::regclass::text, refclassid::regclass::text
     from pg_shdepend where dbid = (select oid from pg_database where datname = current_database())
     order by 1, 2, 3`,
  )
  return rows
}

test('uninstall.sql leaves no trace of us on the server', async () => {
  const url = cluster.url()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await installReferenceSchema(url)
  const before = await traces(client)
  await dxMigrations.apply(url)
  await bind(url, 'reference')
  await client.query(`alter database postgres set hq_export.disabled = 'off'`)
  await insertCompany(client, await insertOrg(client))
  expect(await traces(client)).not.toEqual(before)

  await client.query(uninstall)
  expect(await traces(client)).toEqual(before)
  await insertCompany(client, await insertOrg(client))
  await client.end()
})

test('an owner who is no superuser, as on Supabase, installs the live binding, and uninstall.sql leaves no trace of it', async () => {
  const admin = new pg.Client({ connectionString: cluster.url() })
  await admin.connect()
  await admin.query(`create role dx_owner login password 'owner' nosuperuser createrole bypassrls`)
  await admin.query('create database live owner dx_owner')
  await admin.end()
  const url = new URL(cluster.url())
  url.username = 'dx_owner'
  url.password = 'owner'
  url.pathname = '/live'
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  await installLiveShape(client)
  await client.query('alter table ops.operation_runs force row level security')
  const before = await traces(client)
  await dxMigrations.apply(url.href)
  await bind(url.href, 'data-engine-x')
  const runId = await insertLiveRun(client, await insertLiveOrg(client))
  await insertAttempts(client, runId, [{}])
  const { rows } = await client.query(
    `select dataset, sqlstate from hq_export.outbox_0
     union all select dataset, null from hq_export.settle order by 1`,
  )
  expect(rows).toEqual([
    { dataset: 1, sqlstate: null },
    { dataset: 2, sqlstate: null },
  ])
  await client.query(uninstall)
  expect(await traces(client)).toEqual(before)
  await client.end()
})

test('uninstall.sql may run twice', async () => {
  const client = new pg.Client({ connectionString: cluster.url() })
  await client.connect()
  await client.query(uninstall)
  await client.query(uninstall)
  await client.end()
})

test('uninstall.sql leaves the role where another database of the server uses it, and says so', async () => {
  await using database = await createDxDatabase()
  await using other = await createDxDatabase()
  const client = await database.connect()
  const notices: string[] = []
  client.on('notice', ({ message }) => notices.push(message ?? ''))
  await client.query(uninstall)
  expect(notices).toContain('role hq_export_relay stays: another database of this server uses it')
  const { rows } = await client.query(`select to_regnamespace('hq_export') as schema`)
  expect(rows).toEqual([{ schema: null }])
  expect(await bind(other.url, 'reference')).toMatchObject({ changed: false })
})

test('uninstall.sql changes nothing where views of others depend on ours', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  await client.query('create view ops.report as select run_id from hq_export.dx_operation_runs_v1')
  await expect(client.query(uninstall)).rejects.toThrow(
    /views outside hq_export depend on it: ops\.report/,
  )
  await client.query('rollback')
  expect(await bind(database.url, 'reference')).toMatchObject({ changed: false })
})

test('uninstall.sql gives way to a writer after two seconds and changes nothing', async () => {
  await using database = await createDxDatabase()
  const writer = await database.connect()
  const client = await database.connect()
  await writer.query('begin')
  await insertCompany(writer, await insertOrg(writer))
  await expect(client.query(uninstall)).rejects.toMatchObject({ code: '55P03' })
  await client.query('rollback')
  await writer.query('commit')
  expect(await bind(database.url, 'reference')).toMatchObject({ changed: false })
})
