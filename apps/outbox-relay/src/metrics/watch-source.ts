import { Watcher } from '@hq-export/telemetry/watcher.ts'
import type pg from 'pg'
import { noticeDifferences } from '../binding/known-source.ts'
import { connect } from '../connect.ts'
import type { Logger } from '../log.ts'
import { type RelayStatus, readStatus } from '../status.ts'

/** How old what is said of data-engine-x may be. */
const PERIOD_MS = 15_000
/** Counting what waits takes its time where millions do: at most a twentieth of the time is spent on it. */
const MAX_SHARE = 1 / 20
const STATEMENT_TIMEOUT = '30s'

const AGE = /* sql */ `
select extract(epoch from pg_catalog.clock_timestamp() - $1::timestamptz)::float8 as age_s`

/** What data-engine-x said last. */
export interface SourceReading {
  readonly status: RelayStatus
  /** Age of the echoed heartbeat on the source's clock, in seconds; undefined where none came back to this process. */
  readonly heartbeatAgeS: number | undefined
  /** When it was read, as `performance.now()`. */
  readonly readAt: number
}

/** Reads the state of the export every 15 s on a session of its own, so that a scrape never waits for the database. */
export class SourceWatcher extends Watcher<pg.Client, SourceReading> {
  /** @param echoed `source_ts` of the newest heartbeat that came back. */
  constructor(
    databaseUrl: string,
    echoed: () => string | undefined,
    log: Logger,
    periodMs: number = PERIOD_MS,
  ) {
    super({
      open: () =>
        connect(
          databaseUrl,
          'observe',
          (error) => log.debug({ reason: error.message }, 'the observing session was lost'),
          { statement_timeout: STATEMENT_TIMEOUT },
        ),
      async read(client) {
        await noticeDifferences(client)
        const status = await readStatus(client)
        const { rows } = await client.query<{ age_s: number | null }>(AGE, [echoed() ?? null])
        return { status, heartbeatAgeS: rows[0]?.age_s ?? undefined, readAt: performance.now() }
      },
      close: (client) => client.end(),
      onFailure: ({ code, message }) =>
        log.warn({ code, reason: message }, 'data-engine-x cannot be observed; trying again'),
      log,
      periodMs,
      maxShare: MAX_SHARE,
    })
  }
}
