import type pg from 'pg'
import type { Logger } from 'pino'
import { readHqClock } from '../../ledger/hq-clock.ts'
import { evaluateQuality } from './evaluate-quality.ts'

/** One evaluation by HQ's clock; what is to be told goes to the log, and to the metrics by itself. */
export async function passQuality(client: pg.Client, log: Logger): Promise<void> {
  const told = await evaluateQuality(client, await readHqClock(client))
  for (const { what, severity, ...incident } of told ?? []) {
    const facts = { ...incident, severity }
    if (what === 'closed') log.info(facts, 'a quality check is clean again')
    else log.warn(facts, `a quality check fails (${what}); see: npm run ingest -- quality`)
  }
}
