import type pg from 'pg'

/** The database cannot be used by a relay as long as it is in recovery. */
export class NotPrimaryError extends Error {
  override readonly name = 'NotPrimaryError'
}

const IS_STANDBY = /* sql */ `select pg_catalog.pg_is_in_recovery() as standby`

/** @throws {NotPrimaryError} where the server is a standby. */
export async function assertPrimary(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>(IS_STANDBY)
  if (rows[0]?.standby) {
    throw new NotPrimaryError('data-engine-x is in recovery; the relay works on the primary only')
  }
}
