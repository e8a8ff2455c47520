import { readStatus } from '../../status/status.ts'
import { type Check, fail, ok, warn } from './finding.ts'

/** When the outbox is too large, or waits too long. */
export interface OutboxLimits {
  readonly warnBytes: number
  /** Also of the working relay's silence, from which on it is a fault. */
  readonly warnSeconds: number
  readonly failSeconds: number
}

const LIMITS: OutboxLimits = { warnBytes: 4 * 1024 ** 3, warnSeconds: 60, failSeconds: 900 }

const RECOVERY = /* sql */ `select pg_catalog.pg_is_in_recovery() as standby`

/**
 * What was committed leaves, and a relay is there to send it: what is committed now will arrive.
 */
export function outbox(limits = LIMITS): Check {
  return {
    name: 'outbox',
    async examine({ login, relay }) {
      // A standby knows nothing of the relay, which works on the primary.
      if ((await login.query<{ standby: boolean }>(RECOVERY)).rows[0]?.standby) return []
      const status = await readStatus(await relay())
      const { datasets, leader, standbys, loop_silent_s, heartbeat_waiting_s, outbox_bytes } =
        status
      const waiting = datasets.reduce((sum, { waiting_rows }) => sum + waiting_rows, 0)
      // A heartbeat that waits says of a source where nothing changes what a row would.
      const ages = [heartbeat_waiting_s, ...datasets.map(({ oldest_age_s }) => oldest_age_s)]
      const oldest = Math.max(0, ...ages.map((age) => age ?? 0))
      const mebibytes = (outbox_bytes / 1024 ** 2).toFixed(1)
      const found = `${waiting} rows wait, the oldest for ${oldest.toFixed(0)} s; ${mebibytes} MiB`
      if (leader === null && standbys.length > 0)
        return fail(
          `${found}; no relay works, although ${standbys.length} stand by`,
          'see their log; where it says that another relay works, end the session that holds ' +
            "the relays' advisory lock (pg_locks)",
        )
      if (leader === null)
        return fail(`${found}; no relay works`, 'start one: npm run relay -- run')
      const todo =
        "see the relay's log and npm run relay -- status: HQ refuses, is away, or is too slow"
      if ((loop_silent_s ?? 0) >= limits.warnSeconds && loop_silent_s !== null)
        return fail(`${found}; the relay has waited for HQ for ${loop_silent_s.toFixed(0)} s`, todo)
      if (oldest >= limits.failSeconds) return fail(found, todo)
      if (oldest >= limits.warnSeconds || outbox_bytes >= limits.warnBytes) return warn(found, todo)
      return ok(found)
    },
  }
}
