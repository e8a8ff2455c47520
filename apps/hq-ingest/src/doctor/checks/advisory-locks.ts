import { ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import { gatewayLocks } from '../../db/own-locks.ts'
import type { Check } from './finding.ts'

/** No stranger holds an advisory lock of ours. A gateway passes over them. */
export const advisoryLocks: Check = {
  name: 'advisory-locks',
  async examine({ writer }) {
    const strangers = await gatewayLocks.listStrangers(await writer())
    if (strangers.length === 0) return ok("in nobody else's hands")
    return strangers.map(({ lock, pid, login }) =>
      warn(
        `${pid === null ? 'a prepared transaction' : `pid ${pid} of ${login}`} holds the lock ` +
          `"${lock}", or waits for it, and is no gateway`,
        'a gateway works all the same; end it if nobody knows what it is for',
      ),
    )
  },
}
