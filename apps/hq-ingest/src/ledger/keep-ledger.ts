import type pg from 'pg'
import type { Logger } from 'pino'
import { expireLedger } from './expire-ledger.ts'
import { readHqClock } from './hq-clock.ts'

export interface LedgerKeepOptions {
  /** How long an answer is kept at least, in days. */
  readonly keepDays: number
  /** Milliseconds since the epoch; default HQ's own clock. */
  readonly now: (() => number) | undefined
  readonly log: Logger
}

/** Lets the ledger's months come and go, and says which did. */
export async function keepLedger(
  client: pg.Client,
  { keepDays, now, log }: LedgerKeepOptions,
): Promise<void> {
  const retained = await expireLedger(client, now?.() ?? (await readHqClock(client)), keepDays)
  if (retained !== undefined && retained.created.length + retained.dropped.length > 0) {
    log.info(retained, 'ledger partitions')
  }
}
