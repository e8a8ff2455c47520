import pg from 'pg'
import { compareDrains, drainMeasures, drainNotes } from '../drain-comparison.ts'
import { install } from '../programs/install.ts'
import { startServers } from '../programs/servers.ts'
import type { BenchOptions, Measurement, Scenario } from '../scenario.ts'
import { drainEvents, EVENTS_DATASET, type EventsRound } from '../workload/drain-events.ts'
import { insertRuns } from '../workload/operation-events.ts'
import { describeCommits } from '../workload/write-in-commits.ts'

const ANCHOR = 'ours, no old snapshot'

/**
 * A session that looks at a snapshot from before the rows, in a transaction with an id, as long as
 * it lives.
 */
async function holdSnapshot(url: string): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: url, application_name: 'bench-holder' })
  await client.connect()
  try {
    await client.query('begin isolation level repeatable read')
    await client.query('select pg_catalog.pg_current_xact_id(), pg_catalog.pg_current_snapshot()')
  } catch (error) {
    await client.end()
    throw error
  }
  return {
    async [Symbol.asyncDispose]() {
      await client.query('rollback').finally(() => client.end())
    },
  }
}

async function run(options: BenchOptions): Promise<Measurement> {
  const { rows } = options
  await using servers = await startServers()
  await install(servers, [EVENTS_DATASET])
  await insertRuns(servers.dx.client, rows)

  async function runHeld(): Promise<EventsRound> {
    await using _held = await holdSnapshot(servers.dx.url)
    return await drainEvents(servers, options, rows)
  }

  const drains = await compareDrains(options, runHeld, () => drainEvents(servers, options, rows))
  return {
    rows,
    rowBytes: drains.anchors[0]?.rowBytes ?? 0,
    postgresql: servers.version,
    measures: drainMeasures(drains, ANCHOR),
    notes: [
      describeCommits(options),
      'ours: a REPEATABLE READ transaction with an xid, begun before the rows were written, is open throughout',
      ...drainNotes(drains, ANCHOR),
    ],
  }
}

/** Events that wait while another session holds an old snapshot on the source. */
export const heldXmin: Scenario = {
  name: 'held-xmin',
  summary: 'events waiting while a session holds an old snapshot, against ours without one',
  size: { rows: 200_000 },
  run,
}
