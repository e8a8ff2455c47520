import { drainOurs, type OurRound } from '../drain-ours.ts'
import { assertCount } from '../measure/assert-count.ts'
import { assertWaiting, emptyOutbox } from '../programs/outbox.ts'
import type { Pipeline } from '../programs/pipeline.ts'
import { type BenchServers, settleServers } from '../programs/servers.ts'
import type { BenchOptions } from '../scenario.ts'
import { insertEvents } from './operation-events.ts'

/** The dataset of every drain of an append-only dataset. */
export const EVENTS_DATASET = 'dx_operation_events_v1'

/** Empties the events on both sides and everything on their way. */
export async function emptyEvents({ dx, hq }: BenchServers): Promise<void> {
  await dx.client.query('truncate ops.operation_events')
  await emptyOutbox(dx.client)
  await hq.client.query(`truncate hq.${EVENTS_DATASET}, ingest.batch, ingest.quarantine`)
}

/** A drain of events by ours, with the average size of their bodies. */
export interface EventsRound extends OurRound {
  readonly rowBytes: number
}

/** Writes `rows` events and, once all wait, drains them; afterwards HQ has exactly these. */
export async function drainEvents(
  servers: BenchServers,
  options: BenchOptions,
  rows: number,
  onDrained?: (pipeline: Pipeline) => Promise<void>,
  write: typeof insertEvents = insertEvents,
): Promise<EventsRound> {
  await emptyEvents(servers)
  await write(servers.dx.client, rows, options)
  const rowBytes = await assertWaiting(servers.dx.client, rows)
  await settleServers(servers)
  const round = await drainOurs(servers, options, rows, onDrained)
  await assertCount(servers.hq.client, `hq.${EVENTS_DATASET}`, rows)
  return { ...round, rowBytes: Math.round(rowBytes) }
}
