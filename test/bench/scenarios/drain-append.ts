import { compareDrains, drainMeasures, drainNotes, NATIVE_NOTE } from '../drain-comparison.ts'
import { NATIVE } from '../native/drain-native.ts'
import { drainNativeEvents } from '../native/drain-native-events.ts'
import { install } from '../programs/install.ts'
import { startServers } from '../programs/servers.ts'
import type { BenchOptions, Measurement, Scenario } from '../scenario.ts'
import { drainEvents, EVENTS_DATASET, type EventsRound } from '../workload/drain-events.ts'
import { insertRuns } from '../workload/operation-events.ts'
import { describeCommits } from '../workload/write-in-commits.ts'

async function run(options: BenchOptions): Promise<Measurement> {
  const { rows } = options
  await using servers = await startServers()
  await install(servers, [EVENTS_DATASET])
  await insertRuns(servers.dx.client, rows)
  let rowBytes = 0

  async function runOurs(): Promise<EventsRound> {
    const round = await drainEvents(servers, options, rows)
    rowBytes = round.rowBytes
    return round
  }

  const drains = await compareDrains(options, runOurs, () =>
    drainNativeEvents(servers, options, rows),
  )
  return {
    rows,
    rowBytes,
    postgresql: servers.version,
    measures: drainMeasures(drains, NATIVE),
    notes: [describeCommits(options), NATIVE_NOTE, ...drainNotes(drains, NATIVE)],
  }
}

/** Events that wait in the outbox, until all are in HQ. */
export const drainAppend: Scenario = {
  name: 'drain-append',
  summary: 'dx_operation_events_v1 rows waiting, until all are in HQ, against logical replication',
  size: { rows: 300_000 },
  run,
}
