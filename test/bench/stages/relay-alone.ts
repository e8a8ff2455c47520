import { randomBytes } from 'node:crypto'
import { waitUntilDrained } from '../drain.ts'
import type { DrainRound } from '../drain-ours.ts'
import { cpuPerRow, programCpuMs, readCpu, serverCpuMs } from '../measure/cpu-time.ts'
import { isAcked, markEnd } from '../programs/outbox.ts'
import { neutralEnvironment, startRelay } from '../programs/pipeline.ts'
import { Program } from '../programs/program.ts'
import type { BenchServers } from '../programs/servers.ts'
import type { BenchOptions } from '../scenario.ts'

const START_TIMEOUT_MS = 30_000

/**
 * The relay alone, and the source's server under it: read, compressed, signed and posted to a
 * program that answers at once. From the relay's line `working` until it has acked everything.
 */
export async function measureRelay(
  servers: BenchServers,
  options: BenchOptions,
  rows: number,
): Promise<DrainRound> {
  const { dx } = servers
  const { env, signal } = options
  const end = await markEnd(dx.client)
  await using sink = new Program({
    name: 'sink',
    entry: 'test/bench/drivers/accept-batches.ts',
    args: [],
    env: neutralEnvironment(env),
    profileFolder: undefined,
  })
  const isPort = (line: string) => /^\d+$/.test(line)
  const port = await sink.waitForLine('its port', isPort, START_TIMEOUT_MS, signal)
  await using relay = await startRelay(servers, options, {
    url: `http://127.0.0.1:${port}`,
    secret: `whsec_${randomBytes(32).toString('base64')}`,
  })
  const clocks = {
    'source server': () => serverCpuMs(dx.postmaster),
    relay: () => programCpuMs(relay.program.pid),
  }
  const before = await readCpu(clocks)
  const drainedAtMs = await waitUntilDrained({
    what: 'the relay alone',
    rows,
    signal,
    arrived: async () => ((await isAcked(dx.client, end)) ? rows : undefined),
    assertWell() {
      relay.program.assertWell()
      sink.assertWell()
    },
  })
  return {
    rowsPerSecond: (rows * 1000) / (drainedAtMs - relay.workingSinceMs),
    cpu: cpuPerRow(before, await readCpu(clocks), rows),
  }
}
