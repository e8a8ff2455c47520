import { fail, ok } from '@hq-export/runtime/doctor/finding.ts'
import type { Check } from './finding.ts'

// Others' rows of pg_stat_replication are shown without their state to who may not see them.
const SYNCHRONOUS = /* sql */ `
select pg_catalog.current_setting('synchronous_standby_names') as names,
  (select count(*)::int from pg_catalog.pg_stat_replication
   where sync_state in ('sync', 'quorum')) as connected,
  pg_catalog.pg_has_role('pg_monitor', 'usage') as may_look`

/** A commit that waits for a standby which is not there waits for ever. */
export const standbys: Check = {
  name: 'standbys',
  async examine({ login }) {
    const { rows } = await login.query<{ names: string; connected: number; may_look: boolean }>(
      SYNCHRONOUS,
    )
    const { names = '', connected = 0, may_look: mayLook = false } = rows[0] ?? {}
    if (names === '') return ok('no commit waits for a standby')
    if (connected > 0) return ok(`commits wait for ${names}; ${connected} connected`)
    if (!mayLook) return ok(`commits wait for ${names}; who is connected only pg_monitor may see`)
    return fail(
      `commits wait for the standby ${names}, and none is connected`,
      'bring it back, or empty synchronous_standby_names; until then every batch is tried again',
    )
  },
}
