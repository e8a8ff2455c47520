import { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import pg from 'pg'

/**
 * The same for both servers and for both sides of a comparison. Durability as in production (fsync,
 * full page writes and synchronous_commit keep their defaults); WAL and checkpoints so large that
 * none falls into a measurement by chance.
 */
const SETTINGS = {
  wal_level: 'logical',
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  max_connections: '100',
}

const DX_DATABASE = 'data_engine_x'
const HQ_DATABASE = 'hq'

/** A session of the benchmark's own. */
export interface BenchSession extends AsyncDisposable {
  readonly url: string
  readonly client: pg.Client
}

/** One embedded server with one database for us, and a session that the benchmark itself uses. */
export interface BenchServer extends BenchSession {
  readonly postmaster: number
}

/** Connects; disposing of it disconnects. */
export async function openSession(url: string): Promise<BenchSession> {
  const client = new pg.Client({ connectionString: url, application_name: 'bench' })
  let lost: Error | undefined
  client.on('error', (error) => {
    lost ??= error
  })
  await client.connect()
  return {
    url,
    client,
    async [Symbol.asyncDispose]() {
      // Whatever a lost session broke has been reported by the query that it broke.
      if (lost === undefined) await client.end()
    },
  }
}

/** Settings of one scenario, beside those of all. */
type MoreSettings = Readonly<Record<string, string>>

async function startServer(
  name: string,
  database: string,
  more: MoreSettings,
): Promise<BenchServer> {
  await using started = new AsyncDisposableStack()
  const cluster = await EmbeddedCluster.start({ name, settings: { ...SETTINGS, ...more } })
  started.defer(() => cluster.remove())

  const admin = new pg.Client({ connectionString: cluster.url() })
  await admin.connect()
  await admin.query(`create database ${database}`).finally(() => admin.end())

  const { url, client } = started.use(await openSession(cluster.url(database)))
  const postmaster = await cluster.pid()
  const owned = started.move()
  return { url, client, postmaster, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** The two servers of a scenario. */
export interface BenchServers extends AsyncDisposable {
  readonly dx: BenchServer
  readonly hq: BenchServer
  readonly version: string
}

/** Starts both servers, with an empty database each; on failure nothing is left behind. */
export async function startServers(more: MoreSettings = {}): Promise<BenchServers> {
  await using started = new AsyncDisposableStack()
  const dx = started.use(await startServer('bench-dx', DX_DATABASE, more))
  const hq = started.use(await startServer('bench-hq', HQ_DATABASE, more))
  const { rows } = await hq.client.query<{ server_version: string }>('show server_version')
  const owned = started.move()
  return {
    dx,
    hq,
    version: rows[0]?.server_version ?? 'unknown',
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/**
 * Writes out what set-up left behind, so that neither side of a comparison pays for the other's.
 */
export async function settleServers({ dx, hq }: BenchServers): Promise<void> {
  for (const { client } of [dx, hq]) await client.query('checkpoint')
}
