import { randomBytes } from 'node:crypto'
import { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { fillCompileCache } from '../compile-cache.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Admin URL of the server that stands for data-engine-x. */
    dxServerUrl: string
    /** Admin URL of the server that stands for HQ. */
    hqServerUrl: string
    /**
     * Installation of the servers that a test starts for itself; '' for the one that comes with the
     * packages.
     */
    postgresFolder: string
    /** Prefix of every database of this run. */
    runId: string
  }
}

// A crash of a server process loses nothing without fsync; only a crash of the machine would. The
// passwords of roles that tests make are checked thousands of times in a run: once round.
const SETTINGS = { fsync: 'off', max_connections: '200', scram_iterations: '1' }

async function dropDatabasesOfRun(serverUrl: string, runId: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ datname: string }>(
      'select datname from pg_catalog.pg_database where pg_catalog.starts_with(datname, $1)',
      [runId],
    )
    for (const { datname } of rows) {
      await client.query(`drop database ${pg.escapeIdentifier(datname)} with (force)`)
    }
  } finally {
    await client.end()
  }
}

/**
 * Two servers for the whole run: embedded, or the ones that `TEST_*_DATABASE_URL` name. What a test
 * crashes or configures it starts for itself, from the folder of `TEST_POSTGRES_FOLDER`, one that
 * has a folder `bin`.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // biome-ignore lint/style/noProcessEnv: the test run's entry point, as main.ts is the apps'
  const { TEST_DX_DATABASE_URL, TEST_HQ_DATABASE_URL, TEST_POSTGRES_FOLDER = '' } = process.env
  const runId = `t${randomBytes(4).toString('hex')}_`
  const clusters: EmbeddedCluster[] = []

  async function serverUrl(given: string | undefined, name: string): Promise<string> {
    if (given !== undefined) return given
    const cluster = await EmbeddedCluster.start({ name, settings: SETTINGS, hasSocket: true })
    clusters.push(cluster)
    return cluster.socketUrl()
  }

  const filling = fillCompileCache()
  const dxServerUrl = await serverUrl(TEST_DX_DATABASE_URL, 'dx')
  const hqServerUrl = await serverUrl(TEST_HQ_DATABASE_URL, 'hq')
  await filling
  project.provide('dxServerUrl', dxServerUrl)
  project.provide('hqServerUrl', hqServerUrl)
  project.provide('postgresFolder', TEST_POSTGRES_FOLDER)
  project.provide('runId', runId)

  return async () => {
    if (TEST_DX_DATABASE_URL !== undefined) await dropDatabasesOfRun(dxServerUrl, runId)
    if (TEST_HQ_DATABASE_URL !== undefined) await dropDatabasesOfRun(hqServerUrl, runId)
    await Promise.all(clusters.map((cluster) => cluster.remove()))
  }
}
