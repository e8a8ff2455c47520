import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { DrainRound } from '../drain-ours.ts'
import { cpuPerRow, readCpu, serverCpuMs } from '../measure/cpu-time.ts'
import { timedRate } from '../measure/timed-rate.ts'
import { EVENT_COLUMNS, readCopyTexts } from '../native/ingest-anchors.ts'
import { type BenchServers, openSession, settleServers } from '../programs/servers.ts'
import { EVENTS_DATASET } from '../workload/drain-events.ts'
import { IN_FLIGHT } from '../workload/post-batches.ts'

const INTO_HQ = `copy hq.${EVENTS_DATASET}
  (${EVENT_COLUMNS}, _dx_xid, _dx_extra, _dx_source, _dx_batch) from stdin`

/** The captured events as texts for COPY into HQ's own table, one for each batch. */
export function readHqTexts(dx: pg.Client): Promise<string[]> {
  return readCopyTexts(dx, `${EVENT_COLUMNS}, 1, null, 'data-engine-x', 'bench'`)
}

/**
 * HQ alone: ready texts by COPY into its own table, as many transactions at once as the gateway
 * has; without ledger.
 */
export async function measureHq(
  servers: BenchServers,
  texts: readonly string[],
  rows: number,
  signal: AbortSignal,
): Promise<DrainRound> {
  const { hq } = servers
  await using sessions = new AsyncDisposableStack()
  const clients: pg.Client[] = []
  while (clients.length < IN_FLIGHT) clients.push(sessions.use(await openSession(hq.url)).client)
  await settleServers(servers)
  // The iterator is shared: each session takes the next text.
  const waiting = texts.values()
  async function write(client: pg.Client): Promise<void> {
    for (const text of waiting) {
      signal.throwIfAborted()
      await pipeline(Readable.from([text]), client.query(copyFrom(INTO_HQ)))
    }
  }
  const clocks = { 'HQ server': () => serverCpuMs(hq.postmaster) }
  const before = await readCpu(clocks)
  const rowsPerSecond = await timedRate(rows, () => Promise.all(clients.map(write)))
  return { rowsPerSecond, cpu: cpuPerRow(before, await readCpu(clocks), rows) }
}
