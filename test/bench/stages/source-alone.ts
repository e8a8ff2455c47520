import type { DrainRound } from '../drain-ours.ts'
import type { ReadResult, ReadTask } from '../drivers/read-outbox.ts'
import { cpuPerRow, readCpu, serverCpuMs } from '../measure/cpu-time.ts'
import { runDriver } from '../programs/run-driver.ts'
import type { BenchServers } from '../programs/servers.ts'
import { WrongResultError } from '../scenario.ts'

const TIMEOUT_S = 600

/**
 * The source alone: the relay's own reading of everything that waits, by a program that drops it.
 */
export async function measureSource(
  { dx }: BenchServers,
  rows: number,
  signal: AbortSignal,
): Promise<DrainRound> {
  const clocks = { 'source server': () => serverCpuMs(dx.postmaster) }
  const before = await readCpu(clocks)
  const task: ReadTask = { url: dx.url, seconds: TIMEOUT_S }
  const read = await runDriver<ReadResult>('read-outbox.ts', task, signal)
  const cpu = cpuPerRow(before, await readCpu(clocks), rows)
  if (read.rows !== rows) throw new WrongResultError(`${read.rows} of ${rows} rows were read`)
  return {
    rowsPerSecond: rows / read.seconds,
    cpu: cpu && { ...cpu, reader: (read.cpuMs * 1000) / rows },
  }
}
