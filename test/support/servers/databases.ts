import { randomBytes } from 'node:crypto'
import { installReferenceSchema as installOperationalSchema } from '@hq-export/demo/databases/install-reference-schema.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import pg from 'pg'
import { inject } from 'vitest'

/** A database of its own for one test file; the server and the template are shared. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  /** Connects one client, closed with the database. */
  connect(): Promise<pg.Client>
}

function withDatabase(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}

async function withAdmin<T>(serverUrl: string, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: serverUrl })
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.end()
  }
}

/**
 * Builds the template once per run, whichever test file comes first; the others wait on the lock.
 */
async function ensureTemplate(
  serverUrl: string,
  template: string,
  build: (url: string) => Promise<void>,
): Promise<void> {
  await withAdmin(serverUrl, async (admin) => {
    await admin.query('select pg_catalog.pg_advisory_lock(pg_catalog.hashtext($1))', [template])
    const found = await admin.query('select from pg_catalog.pg_database where datname = $1', [
      template,
    ])
    if (found.rowCount !== 0) return
    const building = `${template}_building`
    await admin.query(`create database ${building}`)
    await build(withDatabase(serverUrl, building))
    await admin.query(`alter database ${building} rename to ${template}`)
  })
}

async function cloneTemplate(serverUrl: string, template: string): Promise<TestDatabase> {
  const database = `${template}_${randomBytes(4).toString('hex')}`
  await withAdmin(serverUrl, async (admin) => {
    // The template admits no connection while it is copied, so copies take turns.
    await admin.query('select pg_catalog.pg_advisory_lock(pg_catalog.hashtext($1))', [template])
    await admin.query(`create database ${database} template ${template}`)
  })
  return openDatabase(withDatabase(serverUrl, database), () =>
    withAdmin(serverUrl, (admin) => admin.query(`drop database ${database} with (force)`)),
  )
}

function openDatabase(url: string, drop: () => Promise<unknown>): TestDatabase {
  const clients: pg.Client[] = []
  return {
    url,
    async connect() {
      const client = new pg.Client({ connectionString: url })
      // A test that ends a backend on purpose would crash the run by an unhandled 'error' event.
      client.on('error', () => {})
      await client.connect()
      clients.push(client)
      return client
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.end().catch(() => {})))
      await drop()
    },
  }
}

/**
 * Runs the operational schema of the reference binding, as the application's own migrations would.
 */
export function installReferenceSchema(url: string): Promise<void> {
  return withAdmin(url, installOperationalSchema)
}

/** Makes an empty database a data-engine-x: reference schema, our migrations, reference binding. */
export async function prepareDx(url: string): Promise<void> {
  await installReferenceSchema(url)
  await dxMigrations.apply(url)
  await bind(url, 'reference')
}

/** data-engine-x with the reference schema, our migrations and the reference binding. */
export async function createDxDatabase(): Promise<TestDatabase> {
  const serverUrl = inject('dxServerUrl')
  const template = `${inject('runId')}dx`
  await ensureTemplate(serverUrl, template, prepareDx)
  return cloneTemplate(serverUrl, template)
}

/** data-engine-x without anything of ours: an empty database. */
export async function createEmptyDxDatabase(): Promise<TestDatabase> {
  const serverUrl = inject('dxServerUrl')
  const template = `${inject('runId')}empty`
  await ensureTemplate(serverUrl, template, async () => {})
  return cloneTemplate(serverUrl, template)
}

/** The one database of a server that a test has for itself, to crash it. */
export async function createOwnDatabase(
  serverUrl: string,
  prepare: (url: string) => Promise<unknown>,
): Promise<TestDatabase> {
  await prepare(serverUrl)
  return openDatabase(serverUrl, async () => {})
}

/** HQ with our migrations. */
export async function createHqDatabase(): Promise<TestDatabase> {
  const serverUrl = inject('hqServerUrl')
  const template = `${inject('runId')}hq`
  await ensureTemplate(serverUrl, template, async (url) => {
    await hqMigrations.apply(url)
  })
  return cloneTemplate(serverUrl, template)
}
