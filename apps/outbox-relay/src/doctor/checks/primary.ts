import { type Check, fail, ok } from './finding.ts'

const RECOVERY = /* sql */ `select pg_catalog.pg_is_in_recovery() as standby`

/**
 * The relay delivers from the primary only: a standby has no transaction of its own to tick with.
 */
export const primary: Check = {
  name: 'primary',
  async examine({ login }) {
    const { rows } = await login.query<{ standby: boolean }>(RECOVERY)
    return rows[0]?.standby === false
      ? ok('not in recovery')
      : fail('the server is a standby, in recovery', 'point DX_DATABASE_URL at the primary')
  },
}
