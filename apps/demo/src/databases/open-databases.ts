import { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { withClient } from './connect.ts'

/**
 * Name of the relay's source unless an embedded source meets an HQ that others may have written to.
 */
const DEFAULT_SOURCE = 'data-engine-x'

/** Both databases of the demo. */
export interface Databases {
  readonly dxUrl: string
  readonly hqUrl: string
  /** Where each comes from, for the first lines of output; without passwords. */
  readonly dxLabel: string
  readonly hqLabel: string
  /** Name under which HQ files the rows of this source. */
  readonly source: string
}

function label(url: string): string {
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}

/** A database that the user named cannot be used. */
export class GivenDatabaseError extends Error {
  override readonly name = 'GivenDatabaseError'
}

async function assertUsable(variable: string, url: string): Promise<void> {
  const protocol = URL.canParse(url) ? new URL(url).protocol : undefined
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') {
    throw new GivenDatabaseError(
      `${variable} must be a postgres:// URL; unset it to use an embedded server`,
    )
  }
  try {
    await withClient(url, 'set-up', (client) => client.query('select'))
  } catch (cause) {
    throw new GivenDatabaseError(
      `cannot connect to ${label(url)} (${variable}); unset it to use an embedded server`,
      { cause },
    )
  }
}

const EXPORTED = `select pg_catalog.to_regclass('hq_export.ack') is not null as found`

/** An empty HQ beside a source whose rows went to another one would never be equal to it. */
async function assertNotExported(dxUrl: string): Promise<void> {
  const found = await withClient(dxUrl, 'set-up', async (client) => {
    const { rows } = await client.query<{ found: boolean }>(EXPORTED)
    return rows[0]?.found ?? false
  })
  if (!found) return
  throw new GivenDatabaseError(
    `${label(dxUrl)} (DX_DATABASE_URL) has been exported from before, and an embedded HQ ` +
      'begins empty; set HQ_DATABASE_URL to the HQ that has its rows, or give an empty database',
  )
}

async function open(
  given: string | undefined,
  name: string,
  stack: AsyncDisposableStack,
): Promise<{ url: string; label: string }> {
  if (given !== undefined) return { url: given, label: label(given) }
  const cluster = await EmbeddedCluster.start({ name })
  stack.defer(() => cluster.remove())
  const url = cluster.url()
  // Whole, for psql: it is gone with the demo.
  return { url, label: `embedded PostgreSQL, ${url}` }
}

async function systemIdentifier(url: string): Promise<string> {
  return withClient(url, 'set-up', async (client) => {
    const { rows } = await client.query<{ id: string }>(
      'select system_identifier::text as id from pg_catalog.pg_control_system()',
    )
    return rows[0]?.id ?? ''
  })
}

/**
 * Starts an embedded server for each database that `env` does not name (`DX_DATABASE_URL`,
 * `HQ_DATABASE_URL`). The servers end with `stack`.
 */
export async function openDatabases(
  env: Readonly<Record<string, string | undefined>>,
  stack: AsyncDisposableStack,
): Promise<Databases> {
  const dxGiven = env.DX_DATABASE_URL?.trim() || undefined
  const hqGiven = env.HQ_DATABASE_URL?.trim() || undefined
  if (dxGiven !== undefined) await assertUsable('DX_DATABASE_URL', dxGiven)
  if (hqGiven !== undefined) await assertUsable('HQ_DATABASE_URL', hqGiven)
  if (dxGiven !== undefined && hqGiven === undefined) await assertNotExported(dxGiven)
  // One after the other: both sweep what killed demos have left.
  const dx = await open(dxGiven, 'dx', stack)
  const hq = await open(hqGiven, 'hq', stack)
  // A throw-away source gets a name of its own in an HQ that stays, so that its rows can be told
  // from those of the last one.
  const isGuest = dxGiven === undefined && hqGiven !== undefined
  const source = isGuest ? `demo-${await systemIdentifier(dx.url)}` : DEFAULT_SOURCE
  return { dxUrl: dx.url, hqUrl: hq.url, dxLabel: dx.label, hqLabel: hq.label, source }
}
