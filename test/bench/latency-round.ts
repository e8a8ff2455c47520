import { randomUUID } from 'node:crypto'
import type { PacedResult, PacedTask } from './drivers/write-paced.ts'
import { Arrivals, installArrivals } from './measure/arrivals.ts'
import { percentile } from './measure/percentile.ts'
import { pollUntil } from './measure/poll-until.ts'
import { runDriver } from './programs/run-driver.ts'
import type { BenchServers } from './programs/servers.ts'
import type { BenchOptions } from './scenario.ts'

/** The pace of every round. */
export const COMMITS_PER_S = 200
/** How long the last rows may take once everything is written. */
const ARRIVAL_TIMEOUT_MS = 30_000

/** What one side took, in ms. */
export interface LatencyRound {
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Longest that the driver was behind its pace. */
  readonly worstDelayMs: number
}

/**
 * Writes at the pace while a session of HQ looks; returns the time of each commit until its row was
 * seen, in ms.
 */
export async function measureLatency(
  { dx, hq }: BenchServers,
  options: BenchOptions,
  tables: { readonly dx: string; readonly hq: string },
  seconds: number,
  perSecond = COMMITS_PER_S,
): Promise<LatencyRound> {
  const { signal } = options
  const runId = randomUUID()
  if (tables.dx.startsWith('ops.')) {
    await dx.client.query(
      `insert into ops.operation_runs
         (run_id, org_id, entity_id, operation_id, action_id, entity_type)
       values ($1, $1, $1, 'company.enrich.profile', 'enrich', 'company')`,
      [runId],
    )
  }
  await installArrivals(hq.client, tables.hq)
  const arrivals = new Arrivals(hq.client, runId)
  const task: PacedTask = {
    url: dx.url,
    table: tables.dx,
    runId,
    perSecond,
    seconds,
  }
  let isWriting = true
  async function lookMeanwhile(): Promise<void> {
    while (isWriting) await arrivals.look()
  }
  const driver = runDriver<PacedResult>('write-paced.ts', task, signal).finally(() => {
    isWriting = false
  })
  const [{ commits, worstDelayMs }] = await Promise.all([driver, lookMeanwhile()])
  await pollUntil({
    what: `${commits} events to be seen in HQ`,
    everyMs: 0,
    timeoutMs: ARRIVAL_TIMEOUT_MS,
    signal,
    probe: async () => {
      await arrivals.look()
      return arrivals.seenMs.size === commits || undefined
    },
  })
  // Taken by the server as it commits, just before it flushes: nothing of the way is left out.
  const { rows } = await dx.client.query<{ sequence: number; committed_ms: number }>(
    `select event_sequence as sequence,
            (extract(epoch from pg_catalog.pg_xact_commit_timestamp(xmin)) * 1000)::float8
              as committed_ms
     from ${tables.dx} where run_id = $1`,
    [runId],
  )
  const latencies = rows.map(
    ({ sequence, committed_ms }) => (arrivals.seenMs.get(sequence) ?? Number.NaN) - committed_ms,
  )
  return {
    p50: percentile(latencies, 50),
    p99: percentile(latencies, 99),
    max: Math.max(...latencies),
    worstDelayMs,
  }
}
