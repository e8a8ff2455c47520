import { type CpuPerRow, cpuPerRow, programCpuMs, readCpu, serverCpuMs } from './cpu-time.ts'
import { waitUntilDrained } from './drain.ts'
import { startPipeline } from './pipeline.ts'
import type { BenchOptions } from './scenario.ts'
import type { BenchServers } from './servers.ts'

/** How one drain went, whoever did it. */
export interface DrainRound {
  readonly rowsPerSecond: number
  readonly cpu: CpuPerRow
}

/** How a drain by our two programs went. */
export interface OurRound extends DrainRound {
  readonly relayMb: number
  readonly gatewayMb: number
}

// The ledger is written in the transaction that writes the rows: its sum is exact, over a few hundred rows.
const LEDGER_ROWS = /* sql */ `
select coalesce(sum((answer #>> '{counts,received}')::int - (answer #>> '{counts,quarantined}')::int), 0)::int as rows
from ingest.batch`

/**
 * Drains what waits in the outbox, with new programs: from the relay's line `working` until the ledger has
 * `expectedRows`, which is less than `options.rows` where the relay sends only the newest version of a key.
 */
export async function drainOurs(
  servers: BenchServers,
  options: BenchOptions,
  expectedRows: number,
): Promise<OurRound> {
  const { rows, signal } = options
  const { dx, hq } = servers
  await using pipeline = await startPipeline(servers, options)
  const { relay, gateway, workingSinceMs } = pipeline
  const clocks = {
    relay: () => programCpuMs(relay.pid),
    gateway: () => programCpuMs(gateway.pid),
    source: () => serverCpuMs(dx.postmaster),
    hq: () => serverCpuMs(hq.postmaster),
  }
  const before = await readCpu(clocks)
  const drainedAtMs = await waitUntilDrained({
    what: 'ours',
    rows: expectedRows,
    signal,
    arrived: async () => (await hq.client.query<{ rows: number }>(LEDGER_ROWS)).rows[0]?.rows,
    assertWell: () => pipeline.assertWell(),
  })
  return {
    rowsPerSecond: (rows * 1000) / (drainedAtMs - workingSinceMs),
    cpu: cpuPerRow(before, await readCpu(clocks), rows),
    relayMb: await relay.memory.megabytes(),
    gatewayMb: await gateway.memory.megabytes(),
  }
}
