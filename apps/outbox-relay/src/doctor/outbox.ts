import { readStatus } from '../status.ts'
import { type Check, fail, ok, warn } from './finding.ts'

/** When the outbox is too large, or waits too long. */
export interface OutboxLimits {
  readonly warnBytes: number
  readonly warnSeconds: number
  readonly failSeconds: number
}

const LIMITS: OutboxLimits = { warnBytes: 4 * 1024 ** 3, warnSeconds: 60, failSeconds: 900 }

/** What was committed leaves, and a relay is there to send it. */
export function outbox(limits = LIMITS): Check {
  return {
    name: 'outbox',
    async examine({ relay }) {
      const { datasets, leader, outbox_bytes } = await readStatus(await relay())
      const waiting = datasets.reduce((sum, { waiting_rows }) => sum + waiting_rows, 0)
      const oldest = Math.max(0, ...datasets.map(({ oldest_age_s }) => oldest_age_s ?? 0))
      const mebibytes = (outbox_bytes / 1024 ** 2).toFixed(1)
      const found = `${waiting} rows wait, the oldest for ${oldest.toFixed(0)} s; ${mebibytes} MiB`
      if (leader === null)
        return (oldest >= limits.failSeconds ? fail : warn)(
          `${found}; no relay works`,
          'start one: npm run relay -- run',
        )
      const todo =
        "see the relay's log and npm run relay -- status: HQ refuses, is away, or is too slow"
      if (oldest >= limits.failSeconds) return fail(found, todo)
      if (oldest >= limits.warnSeconds || outbox_bytes >= limits.warnBytes) return warn(found, todo)
      return ok(found)
    },
  }
}
