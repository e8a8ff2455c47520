import { relayLocks } from '../../session/lead.ts'
import { type Check, ok, warn } from './finding.ts'

/**
 * No stranger holds an advisory lock of ours. A relay passes over them, and somebody should know
 * what they do there.
 */
export const advisoryLocks: Check = {
  name: 'advisory-locks',
  async examine({ relay }) {
    const strangers = await relayLocks.listStrangers(await relay())
    if (strangers.length === 0) return ok("in nobody else's hands")
    return strangers.map(({ lock, pid, login }) =>
      warn(
        `${pid === null ? 'a prepared transaction' : `pid ${pid} of ${login}`} holds the lock ` +
          `"${lock}", or waits for it, and is no relay`,
        'a relay works all the same; end it if nobody knows what it is for',
      ),
    )
  },
}
