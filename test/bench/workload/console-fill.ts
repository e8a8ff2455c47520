import type { BenchServers } from '../programs/servers.ts'
import { fillHistory } from './console-past/fill-history.ts'
import { fillLedger } from './console-past/fill-ledger.ts'
import { fillRefused } from './console-past/fill-refused.ts'
import { fillRuns } from './console-past/fill-runs.ts'
import { fillSums } from './console-past/fill-sums.ts'
import { BATCHES_PER_REFUSED, PAST_DAYS } from './console-past/filled-rows.ts'

/** What the console has to look through. */
export interface Filled {
  readonly batches: number
  /** Quarantined rows, and as many dead letters; one of eleven is resolved. */
  readonly refused: number
  /** A comparison with as many findings as are kept. */
  readonly run: string
  readonly seconds: number
}

/**
 * Fills both sides with a past of {@link PAST_DAYS} days, by SQL; at the end everything is as
 * migrations have made it, and vacuumed and analyzed.
 * @param batches in HQ's ledger.
 */
export async function fillPast(
  servers: BenchServers,
  batches: number,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<Filled> {
  const { dx, hq } = servers
  const began = performance.now()
  const refused = Math.floor(batches / BATCHES_PER_REFUSED)
  const seconds = () => (performance.now() - began) / 1_000
  const done = (what: string) => report(`${what} after ${seconds().toFixed(0)} s`)
  await fillLedger(hq.url, batches, signal)
  done(`${batches} batches of ${PAST_DAYS} days`)
  await fillRefused(servers, refused, signal)
  done(`${refused} refused rows on both sides`)
  await fillSums(hq.client)
  done('their sums')
  const run = await fillRuns(servers)
  await fillHistory(servers)
  await Promise.all([dx, hq].map(({ client }) => client.query('vacuum (analyze)')))
  done('everything')
  return { batches, refused, run, seconds: seconds() }
}
