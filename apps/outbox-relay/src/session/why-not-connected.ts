import {
  explainConnectError,
  type NamedDatabase,
  UnusableDatabaseError,
} from '@hq-export/runtime/postgres/explain-connect-error.ts'
import { COMMON_SETTINGS, openSession, sessionConfig } from '@hq-export/runtime/postgres/session.ts'
import { dxMigrations } from './migrations.ts'
import { hasSqlstate, INVALID_PARAMETER_VALUE } from './sqlstate.ts'

/** data-engine-x as the operator knows it. */
export const DATA_ENGINE_X: NamedDatabase = {
  name: 'data-engine-x',
  variable: 'DX_DATABASE_URL',
  role: 'hq_export_relay',
}

const ROLE_EXISTS = /* sql */ `
select exists (select from pg_catalog.pg_roles where rolname = 'hq_export_relay') as found`

/**
 * A session of ours begins as hq_export_relay, so where that role is missing none can say why. One
 * without it can.
 * @returns undefined where the role is there.
 */
async function whyRoleIsMissing(databaseUrl: string): Promise<Error | undefined> {
  // The query that a lost session breaks reports it.
  const client = await openSession(
    { ...sessionConfig(databaseUrl, 'outbox-relay command'), connectionTimeoutMillis: 10_000 },
    COMMON_SETTINGS,
    () => {},
  )
  try {
    if ((await client.query<{ found: boolean }>(ROLE_EXISTS)).rows[0]?.found) return undefined
    await dxMigrations.assertApplied(client)
    return new UnusableDatabaseError(
      'data-engine-x has the schema hq_export and not the role hq_export_relay, ' +
        'as after a restore without roles; restore the roles (pg_dumpall --roles-only), ' +
        'then the dump again, for its grants',
    )
  } catch (error) {
    return error as Error
  } finally {
    await client.end()
  }
}

/**
 * Why a session of ours could not be opened, as the error to throw: what the operator has to do
 * where that can be told, else `error` itself. A MigrationStateError where the database is not
 * migrated.
 */
export async function whyNotConnected(error: unknown, databaseUrl: string): Promise<unknown> {
  if (hasSqlstate(error, INVALID_PARAMETER_VALUE))
    return (await whyRoleIsMissing(databaseUrl)) ?? error
  const why = explainConnectError(error, DATA_ENGINE_X)
  if (why === undefined) return error
  const { code } = error as { code?: string }
  return Object.assign(new UnusableDatabaseError(why, { cause: error }), { code })
}
