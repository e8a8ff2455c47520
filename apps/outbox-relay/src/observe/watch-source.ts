import { Watcher } from '@hq-export/observability/watcher.ts'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import type pg from 'pg'
import { differencesByDataset } from '../balance/print-balance.ts'
import { readBalance } from '../balance/read-balance.ts'
import { noticeDifferences } from '../binding/inspect/known-source.ts'
import { countCaptured } from '../outbox/count-captured.ts'
import { isLarge } from '../outbox/rotate.ts'
import type { WaitingRows } from '../outbox/waiting-rows.ts'
import type { Logger } from '../process/log.ts'
import { connect } from '../session/connect.ts'
import { LOOKING_SESSION } from '../session/looking-session.ts'
import { type RelayStatus, readStatus } from '../status/status.ts'

/** How old what is said of data-engine-x may be. */
const PERIOD_MS = 15_000
/** At most this share of the time is spent on it. */
const MAX_SHARE = 1 / 20

/** What data-engine-x said last. */
export interface SourceReading {
  readonly status: RelayStatus
  /** Of each dataset, rows of which nobody knows what became. */
  readonly differences: ReadonlyMap<string, number>
  /**
   * Age of the echoed heartbeat, in seconds, on a clock that does not step; undefined where none
   * came back to this process.
   */
  readonly heartbeatAgeS: number | undefined
  /** When it was read, as `performance.now()`. */
  readonly readAt: number
}

/**
 * Reads the state of the export every 15 s on a session of its own, so that a scrape never waits
 * for the database.
 */
export class SourceWatcher extends Watcher<pg.Client, SourceReading> {
  /**
   * @param waiting what this process knows of the rows that wait.
   * @param writtenAt when the newest heartbeat that came back was written, as `performance.now()`.
   */
  constructor(
    databaseUrl: string,
    waiting: WaitingRows,
    writtenAt: () => number | undefined,
    log: Logger,
    periodMs: number = PERIOD_MS,
  ) {
    super({
      open: () =>
        connect(
          databaseUrl,
          'observe',
          (error) => log.debug({ reason: describeError(error) }, 'the observing session was lost'),
          LOOKING_SESSION,
        ),
      async read(client) {
        await noticeDifferences(client)
        await countCaptured(client, waiting)
        const differences = differencesByDataset(await readBalance(client, undefined, waiting))
        const status = await readStatus(client, waiting)
        const readAt = performance.now()
        const beatAt = writtenAt()
        const heartbeatAgeS = beatAt === undefined ? undefined : (readAt - beatAt) / 1000
        return { status, differences, heartbeatAgeS, readAt }
      },
      // Where much waits, a relay that begins has more urgent things to do than to count it.
      restMs: async (client) => ((await isLarge(client)) ? periodMs : 0),
      close: (client) => client.end(),
      onFailure: (error) =>
        log.warn(
          { code: error.code, reason: describeError(error) },
          'data-engine-x cannot be observed; trying again',
        ),
      log,
      periodMs,
      maxShare: MAX_SHARE,
    })
  }
}
