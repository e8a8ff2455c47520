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

/** Does something in a session, and ends it. */
export async function withClient<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

// Sessions that create and drop databases serve every file of a worker: a new one for each database
// would cost more than the database.
const admins = new Map<string, pg.Pool>()

function adminOf(serverUrl: string): pg.Pool {
  const known = admins.get(serverUrl)
  if (known !== undefined) return known
  const admin = new pg.Pool({
    connectionString: serverUrl,
    idleTimeoutMillis: 0,
    allowExitOnIdle: true,
  })
  admins.set(serverUrl, admin)
  return admin
}

/**
 * Does something to a template while nobody else does: whoever copies it admits no connection to
 * it, so copies take turns, and the first file builds it while the others wait.
 */
async function withTemplate(
  serverUrl: string,
  template: string,
  work: (admin: pg.ClientBase) => Promise<void>,
): Promise<void> {
  const admin = await adminOf(serverUrl).connect()
  try {
    await admin.query('select pg_catalog.pg_advisory_lock(pg_catalog.hashtext($1))', [template])
    await work(admin)
    await admin.query('select pg_catalog.pg_advisory_unlock(pg_catalog.hashtext($1))', [template])
    admin.release()
  } catch (error) {
    // Its lock ends with its session.
    admin.release(true)
    throw error
  }
}

/** Builds the template once per run, whichever test file comes first. */
function buildTemplate(
  serverUrl: string,
  template: string,
  build: (url: string) => Promise<void>,
): Promise<void> {
  return withTemplate(serverUrl, template, async (admin) => {
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

/** Templates that this worker knows to be there, or waits for. */
const templates = new Map<string, Promise<void>>()

async function createFromTemplate(
  serverUrl: string,
  template: string,
  build: (url: string) => Promise<void>,
): Promise<TestDatabase> {
  const built = templates.get(template) ?? buildTemplate(serverUrl, template, build)
  templates.set(template, built)
  await built
  const database = `${template}_${randomBytes(4).toString('hex')}`
  // As files and not by way of the WAL and the shared buffers, from where it would be written once
  // more: half of the processor time, with the drop.
  await withTemplate(serverUrl, template, async (admin) => {
    await admin.query(`create database ${database} template ${template} strategy file_copy`)
  })
  return openDatabase(withDatabase(serverUrl, database), () =>
    adminOf(serverUrl).query(`drop database ${database} with (force)`),
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
  return withClient(url, installOperationalSchema)
}

/** Makes an empty database a data-engine-x that nothing is bound in. */
async function prepareUnboundDx(url: string): Promise<void> {
  await installReferenceSchema(url)
  await dxMigrations.apply(url)
}

/** Makes an empty database a data-engine-x: reference schema, our migrations, reference binding. */
export async function prepareDx(url: string): Promise<void> {
  await prepareUnboundDx(url)
  await bind(url, 'reference')
}

/**
 * A database of data-engine-x's server, as `prepare` makes an empty one: that is done once a run.
 * @param name of what it makes, short.
 */
export function createPreparedDx(
  name: string,
  prepare: (url: string) => Promise<void>,
): Promise<TestDatabase> {
  return createFromTemplate(inject('dxServerUrl'), `${inject('runId')}${name}`, prepare)
}

/** data-engine-x with the reference schema, our migrations and the reference binding. */
export function createDxDatabase(): Promise<TestDatabase> {
  return createPreparedDx('dx', prepareDx)
}

/** data-engine-x with the reference schema and our migrations, not bound yet. */
export function createUnboundDxDatabase(): Promise<TestDatabase> {
  return createPreparedDx('unbound', prepareUnboundDx)
}

/** data-engine-x without anything of ours: an empty database. */
export function createEmptyDxDatabase(): Promise<TestDatabase> {
  return createPreparedDx('empty', async () => {})
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
export function createHqDatabase(): Promise<TestDatabase> {
  return createFromTemplate(inject('hqServerUrl'), `${inject('runId')}hq`, async (url) => {
    await hqMigrations.apply(url)
  })
}
