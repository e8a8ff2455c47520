import { type Check, fail, ok, warn } from './finding.ts'

/** Above it triggers do not ring. */
const SILENT_FRACTION = 0.5
const WARN_FRACTION = 0.1

const USAGE = /* sql */ `select pg_catalog.pg_notification_queue_usage() as usage`

/** A full queue fails every transaction that notifies, of whatever application. */
export const notificationQueue: Check = {
  name: 'notification-queue',
  async examine({ login }) {
    const usage = (await login.query<{ usage: number }>(USAGE)).rows[0]?.usage ?? 0
    const found = `${(usage * 100).toFixed(1)} % full`
    const todo =
      'end the session that listens and does not read: the oldest open transaction that said LISTEN'
    if (usage >= SILENT_FRACTION) return fail(`${found}; triggers have stopped ringing`, todo)
    return usage >= WARN_FRACTION ? warn(found, todo) : ok(found)
  },
}
