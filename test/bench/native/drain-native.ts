import { waitUntilDrained } from '../drain.ts'
import type { DrainRound } from '../drain-ours.ts'
import { cpuPerRow, readCpu, serverCpuMs } from '../measure/cpu-time.ts'
import type { BenchServers } from '../programs/servers.ts'
import type { BenchOptions } from '../scenario.ts'
import type { NativeReplication } from './native-replication.ts'

/** What the anchor of a drain is called. */
export const NATIVE = 'native logical replication'

/**
 * Drains what waits in the slot: from the walsender's state `catchup` until `hasLast` says that the
 * row written last can be read in HQ. One worker applies in commit order, so all others are there
 * then, too.
 */
export async function drainNative(
  { dx, hq }: BenchServers,
  native: NativeReplication,
  { signal }: BenchOptions,
  rows: number,
  hasLast: () => Promise<boolean>,
): Promise<DrainRound> {
  const clocks = {
    publisher: () => serverCpuMs(dx.postmaster),
    subscriber: () => serverCpuMs(hq.postmaster),
  }
  await native.start(signal)
  const startedAtMs = Date.now()
  const before = await readCpu(clocks)
  const drainedAtMs = await waitUntilDrained({
    what: NATIVE,
    rows,
    signal,
    arrived: async () => ((await hasLast()) ? rows : undefined),
    assertWell: () => native.assertWell(),
  })
  return {
    rowsPerSecond: (rows * 1000) / (drainedAtMs - startedAtMs),
    cpu: cpuPerRow(before, await readCpu(clocks), rows),
  }
}
