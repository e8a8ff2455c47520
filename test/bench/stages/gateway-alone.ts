import type { DrainRound } from '../drain-ours.ts'
import { cpuPerRow, programCpuMs, readCpu, serverCpuMs } from '../measure/cpu-time.ts'
import { PeakMemory } from '../measure/peak-memory.ts'
import { timedRate } from '../measure/timed-rate.ts'
import { startGateway } from '../programs/pipeline.ts'
import { type BenchServers, settleServers } from '../programs/servers.ts'
import type { BenchOptions } from '../scenario.ts'
import { postBatches } from '../workload/post-batches.ts'
import type { WireBatch } from '../workload/wire-batches.ts'

/** How the gateway did by itself. */
export interface GatewayRound extends DrainRound {
  readonly memoryMb: number
}

/**
 * Batches that a gateway has seen before the clock starts: it is a program that runs for months,
 * not its first second.
 */
export const WARM_UP_BATCHES = 10

/**
 * The gateway alone, and HQ's server under it: batches are made, compressed and waiting when the
 * clock starts.
 * @param reset brings HQ to what it is before the first batch.
 */
export async function measureGateway(
  servers: BenchServers,
  options: BenchOptions,
  batches: readonly WireBatch[],
  reset: () => Promise<unknown>,
): Promise<GatewayRound> {
  const rows = batches.reduce((sum, { rowCount }) => sum + rowCount, 0)
  await reset()
  await using gateway = await startGateway(servers, options)
  const { pid } = gateway.program
  await postBatches(gateway, batches.slice(0, WARM_UP_BATCHES), options.signal)
  await reset()
  await settleServers(servers)
  using memory = new PeakMemory(pid)
  const clocks = {
    gateway: () => programCpuMs(pid),
    'HQ server': () => serverCpuMs(servers.hq.postmaster),
  }
  const before = await readCpu(clocks)
  const rowsPerSecond = await timedRate(rows, () => postBatches(gateway, batches, options.signal))
  const cpu = cpuPerRow(before, await readCpu(clocks), rows)
  return { rowsPerSecond, cpu, memoryMb: await memory.megabytes() }
}
