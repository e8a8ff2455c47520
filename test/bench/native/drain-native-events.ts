import type { DrainRound } from '../drain-ours.ts'
import { assertCount } from '../measure/assert-count.ts'
import { type BenchServers, settleServers } from '../programs/servers.ts'
import type { BenchOptions } from '../scenario.ts'
import { EVENTS_DATASET, emptyEvents } from '../workload/drain-events.ts'
import { insertPlainEvents, lastEventId } from '../workload/operation-events.ts'
import { drainNative } from './drain-native.ts'
import { NativeReplication } from './native-replication.ts'

/** Writes `rows` events and, once all wait in the slot, drains them by logical replication. */
export async function drainNativeEvents(
  servers: BenchServers,
  options: BenchOptions,
  rows: number,
): Promise<DrainRound> {
  const { dx, hq } = servers
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
