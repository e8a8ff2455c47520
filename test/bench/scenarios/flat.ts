import {
  compareDrains,
  cpuMeasures,
  describeCpu,
  drainNotes,
  memoryMeasures,
  rateMeasure,
} from '../drain-comparison.ts'
import type { DrainRound } from '../drain-ours.ts'
import { pollUntil } from '../measure/poll-until.ts'
import { NATIVE } from '../native/drain-native.ts'
import { drainNativeEvents } from '../native/drain-native-events.ts'
import { install } from '../programs/install.ts'
import { outboxSize } from '../programs/outbox.ts'
import { startServers } from '../programs/servers.ts'
import type { BenchOptions, Measurement, Scenario } from '../scenario.ts'
import { drainEvents, EVENTS_DATASET, type EventsRound } from '../workload/drain-events.ts'
import { insertRuns } from '../workload/operation-events.ts'
import { describeCommits } from '../workload/write-in-commits.ts'

/** The anchor has this part of the rows. */
const FEWER = 10
/**
 * Rotation turns every 30 s, and the table that was current is emptied in the third turn at the
 * latest.
 */
const ROTATION_TIMEOUT_MS = 150_000
const ROTATION_POLL_MS = 1_000
/** How long PostgreSQL may take to report the truncation in its statistics. */
const STATISTICS_DELAY_MS = 1_500

async function run(options: BenchOptions): Promise<Measurement> {
  const { rows, signal } = options
  const fewerRows = Math.ceil(rows / FEWER)
  await using servers = await startServers()
  const { client } = servers.dx
  await install(servers, [EVENTS_DATASET])
  await insertRuns(client, rows)
  const outbox: string[] = []

  /** The relay goes on until the outbox is empty. */
  async function waitUntilRotated(): Promise<void> {
    const full = await outboxSize(client)
    const sinceMs = performance.now()
    options.report(`drained; waiting for the rotation of ${Math.round(full.bytes / 1e6)} MB`)
    await pollUntil({
      what: 'the outbox to be rotated empty',
      everyMs: ROTATION_POLL_MS,
      timeoutMs: ROTATION_TIMEOUT_MS,
      signal,
      probe: async () => (await outboxSize(client)).rows === 0 || undefined,
    })
    const seconds = Math.round((performance.now() - sinceMs) / 1000)
    await new Promise((resolve) => setTimeout(resolve, STATISTICS_DELAY_MS))
    const { bytes, dead } = await outboxSize(client)
    outbox.push(
      `outbox: ${Math.round(full.bytes / 1e6)} MB when drained; ${seconds} s later rotated, ${bytes / 1e6} MB, n_dead_tup ${dead}`,
    )
  }

  const natives: DrainRound[] = []
  /** Native stands beside the many rows, in the same turn. */
  async function drainMany(): Promise<EventsRound> {
    const round = await drainEvents(servers, options, rows, waitUntilRotated)
    const native = await drainNativeEvents(servers, options, rows)
    natives.push(native)
    options.report(`native  ${Math.round(native.rowsPerSecond)} rows/s`)
    return round
  }

  const drains = await compareDrains(options, drainMany, () =>
    drainEvents(servers, options, fewerRows),
  )
  const anchorName = `ours at ${fewerRows} rows`
  return {
    rows,
    rowBytes: drains.ours[0]?.rowBytes ?? 0,
    postgresql: servers.version,
    measures: [
      rateMeasure('rows_per_s', drains.ours, drains.anchors, anchorName),
      rateMeasure('rows_native_per_s', drains.ours, natives, NATIVE),
      ...cpuMeasures(drains.ours, natives, NATIVE),
      ...memoryMeasures(drains.ours, drains.anchors, anchorName),
    ],
    notes: [
      describeCommits(options),
      ...drainNotes(drains, anchorName),
      describeCpu(`${NATIVE} of ${rows} rows`, natives),
      'logical replication: as many rows, after ours in each round, measured as drain-append does',
      ...outbox,
    ],
  }
}

/** Ten times the rows: as fast, in as little memory, and no trace afterwards; native beside it. */
export const flat: Scenario = {
  name: 'flat',
  summary:
    'many events waiting, against ours with a tenth, and logical replication; then none is left',
  size: { rows: 2_000_000 },
  run,
}
