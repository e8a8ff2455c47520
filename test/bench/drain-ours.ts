import { waitUntilDrained } from './drain.ts'
import {
  type CpuPerRow,
  cpuPerRow,
  programCpuMs,
  readCpu,
  serverCpuMs,
} from './measure/cpu-time.ts'
import { isAcked, markEnd } from './programs/outbox.ts'
import { type Pipeline, startPipeline } from './programs/pipeline.ts'
import type { BenchServers } from './programs/servers.ts'
import type { BenchOptions } from './scenario.ts'

/** How one drain went, whoever did it. */
export interface DrainRound {
  readonly rowsPerSecond: number
  readonly cpu: CpuPerRow
}

/** How a drain by our two programs went. */
export interface OurRound extends DrainRound {
  readonly relayMb: number
  readonly gatewayMb: number
  /**
   * Rows that were posted: fewer than waited where a newer version of a key made some unnecessary.
   */
  readonly sentRows: number
}

/**
 * The sum over the ledger grows with it; asked more often, it would cost HQ what ours is then
 * charged for.
 */
const PROGRESS_MS = 1_000

const SENT_ROWS = /* sql */ `
select coalesce(sum((answer #>> '{counts,received}')::int), 0)::int as rows from ingest.batch`

/** Processor time of our two programs and of both servers. */
export function pipelineClocks({ dx, hq }: BenchServers, { relay, gateway }: Pipeline) {
  return {
    'source server': () => serverCpuMs(dx.postmaster),
    relay: () => programCpuMs(relay.pid),
    gateway: () => programCpuMs(gateway.pid),
    'HQ server': () => serverCpuMs(hq.postmaster),
  }
}

/**
 * Drains what waits in the outbox, with new programs: from the relay's line `working` until the
 * relay has acked all of it, which it does a moment after HQ has committed the last batch.
 * @param rows rows that wait; the rate is theirs, whether the relay sends each or only the newest
 * of a key.
 * @param onDrained runs while both programs still do; not part of what is measured.
 */
export async function drainOurs(
  servers: BenchServers,
  options: BenchOptions,
  rows: number,
  onDrained?: (pipeline: Pipeline) => Promise<void>,
): Promise<OurRound> {
  const { dx, hq } = servers
  const end = await markEnd(dx.client)
  await using pipeline = await startPipeline(servers, options)
  const { relay, gateway, workingSinceMs } = pipeline
  const clocks = pipelineClocks(servers, pipeline)
  async function sentRows(): Promise<number> {
    return (await hq.client.query<{ rows: number }>(SENT_ROWS)).rows[0]?.rows ?? 0
  }
  let shown = { rows: 0, atMs: Number.NEGATIVE_INFINITY }
  /** The ledger only shows progress: a resend may make it count more rows than wait. */
  async function progress(): Promise<number> {
    if (performance.now() - shown.atMs >= PROGRESS_MS) {
      shown = { rows: Math.min(await sentRows(), rows - 1), atMs: performance.now() }
    }
    return shown.rows
  }
  const before = await readCpu(clocks)
  const drainedAtMs = await waitUntilDrained({
    what: 'ours',
    rows,
    signal: options.signal,
    arrived: async () => ((await isAcked(dx.client, end)) ? rows : progress()),
    assertWell: () => pipeline.assertWell(),
  })
  const round = {
    rowsPerSecond: (rows * 1000) / (drainedAtMs - workingSinceMs),
    cpu: cpuPerRow(before, await readCpu(clocks), rows),
    relayMb: await relay.memory.megabytes(),
    gatewayMb: await gateway.memory.megabytes(),
    sentRows: await sentRows(),
  }
  await onDrained?.(pipeline)
  return round
}
