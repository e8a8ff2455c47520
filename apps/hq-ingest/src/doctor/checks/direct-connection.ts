import { readBackends, severalBackends } from '@hq-export/runtime/doctor/common-checks.ts'
import { ok } from '@hq-export/runtime/doctor/finding.ts'
import type { Check } from './finding.ts'

/** Settings, prepared statements and the locks of maintenance belong to a session. */
export const directConnection: Check = {
  name: 'direct-connection',
  async examine({ login }) {
    const pids = await readBackends(login)
    return pids.size > 1
      ? severalBackends(pids, 'HQ_DATABASE_URL')
      : ok('its statements stay in one session')
  },
}
