import { compareDrains, drainMeasures, drainNotes, NATIVE_NOTE } from '../drain-comparison.ts'
import type { DrainRound } from '../drain-ours.ts'
import { assertCount } from '../measure/assert-count.ts'
import { drainNative, NATIVE } from '../native/drain-native.ts'
import { NativeReplication } from '../native/native-replication.ts'
import { install } from '../programs/install.ts'
import { settleServers, startServers } from '../programs/servers.ts'
import type { BenchOptions, Measurement, Scenario } from '../scenario.ts'
import {
  drainEvents,
  EVENTS_DATASET,
  type EventsRound,
  emptyEvents,
} from '../workload/drain-events.ts'
import { insertPlainEvents, insertRuns, lastEventId } from '../workload/operation-events.ts'
import { describeCommits } from '../workload/write-in-commits.ts'

async function run(options: BenchOptions): Promise<Measurement> {
  const { rows } = options
  await using servers = await startServers()
  const { dx, hq } = servers
  await install(servers, [EVENTS_DATASET])
  await insertRuns(dx.client, rows)
  let rowBytes = 0

  async function runOurs(): Promise<EventsRound> {
    const round = await drainEvents(servers, options, rows)
    rowBytes = round.rowBytes
    return round
  }

  async function runAnchor(): Promise<DrainRound> {
    await emptyEvents(servers)
    await using native = new NativeReplication(servers, EVENTS_DATASET)
    await native.prepare()
    await insertPlainEvents(dx.client, native.table, rows, options)
    const values = [await lastEventId(dx.client, rows)]
    const text = `select from ${native.table} where event_id = $1`
    await settleServers(servers)
    const round = await drainNative(
      servers,
      native,
      options,
      rows,
      async () => (await hq.client.query({ name: 'last', text, values })).rowCount === 1,
    )
    await assertCount(hq.client, native.table, rows)
    return round
  }

  const drains = await compareDrains(options, runOurs, runAnchor)
  return {
    rows,
    rowBytes,
    postgresql: servers.version,
    measures: drainMeasures(drains, NATIVE),
    notes: [describeCommits(options), NATIVE_NOTE, ...drainNotes(drains)],
  }
}

/** Events that wait in the outbox, until all are in HQ. */
export const drainAppend: Scenario = {
  name: 'drain-append',
  summary: 'dx_operation_events_v1 rows waiting, until all are in HQ, against logical replication',
  size: { rows: 300_000 },
  run,
}
