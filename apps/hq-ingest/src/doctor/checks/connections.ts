import { ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import type { Check } from './finding.ts'

/** Sessions that one gateway opens at most, for batches, comparisons, keys, maintenance, probe. */
const OF_A_GATEWAY = 20

const CONNECTIONS = /* sql */ `
select pg_catalog.current_setting('max_connections')::int
    - pg_catalog.current_setting('superuser_reserved_connections')::int as allowed,
  (select count(*)::int from pg_catalog.pg_stat_activity
   where backend_type = 'client backend') as used,
  (select nullif(rolconnlimit, -1) from pg_catalog.pg_roles
   where rolname = session_user) as of_login,
  (select nullif(datconnlimit, -1) from pg_catalog.pg_database
   where datname = pg_catalog.current_database()) as of_database`

interface Connections {
  readonly allowed: number
  readonly used: number
  readonly of_login: number | null
  readonly of_database: number | null
}

/** A gateway that starts now gets its sessions. */
export const connections: Check = {
  name: 'connections',
  async examine({ login }) {
    const [found] = (await login.query<Connections>(CONNECTIONS)).rows
    if (found === undefined) throw new Error('a server has a limit of connections')
    const { allowed, used } = found
    const limits = [found.of_login, found.of_database].filter((limit) => limit !== null)
    const small = limits.find((limit) => limit < OF_A_GATEWAY)
    if (small !== undefined) {
      return warn(
        `this login or database is limited to ${small} connections; a gateway opens up to ` +
          String(OF_A_GATEWAY),
        'raise the CONNECTION LIMIT of the role or the database',
      )
    }
    if (allowed - used >= OF_A_GATEWAY) return ok(`${used} of ${allowed} in use`)
    return warn(
      `${used} of ${allowed} connections are in use; a gateway opens up to ${OF_A_GATEWAY}`,
      'raise max_connections, or end what nobody needs (pg_stat_activity says who they are)',
    )
  },
}
