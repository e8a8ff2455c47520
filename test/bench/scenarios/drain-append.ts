import { compareDrains, drainMeasures, drainNotes } from '../drain-comparison.ts'
import { drainNative } from '../drain-native.ts'
import { type DrainRound, drainOurs, type OurRound } from '../drain-ours.ts'
import { install } from '../install.ts'
import { NativeReplication } from '../native-replication.ts'
import {
  insertEvents,
  insertPlainEvents,
  insertRuns,
  lastEventId,
  ROWS_PER_COMMIT,
} from '../operation-events.ts'
import {
  type BenchOptions,
  type Measurement,
  type Scenario,
  WrongResultError,
} from '../scenario.ts'
import { type BenchServers, settleServers, startServers } from '../servers.ts'

const DATASET = 'dx_operation_events_v1'

const EMPTY_DX = /* sql */ `
truncate ops.operation_events, hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2, hq_export.dead_letter`

const EMPTY_HQ = /* sql */ `truncate hq.${DATASET}, ingest.batch, ingest.quarantine`

const WAITING = /* sql */ `
select count(*)::int as rows, count(sqlstate)::int as failed, avg(octet_length(body))::float8 as bytes
from (select body, sqlstate from hq_export.outbox_0 union all
      select body, sqlstate from hq_export.outbox_1 union all
      select body, sqlstate from hq_export.outbox_2) o`

async function empty({ dx, hq }: BenchServers): Promise<void> {
  await dx.client.query(EMPTY_DX)
  await hq.client.query(EMPTY_HQ)
}

async function assertCount({ hq }: BenchServers, table: string, expected: number): Promise<void> {
  const { rows } = await hq.client.query<{ count: number }>(
    `select count(*)::int as count from ${table}`,
  )
  const count = rows[0]?.count
  if (count !== expected) throw new WrongResultError(`${table} has ${count} of ${expected} rows`)
}

/** Every row waits and was captured as it should be; returns the average size of a row. */
async function assertWaiting({ dx }: BenchServers, expected: number): Promise<number> {
  const { rows } = await dx.client.query<{ rows: number; failed: number; bytes: number }>(WAITING)
  const [outbox] = rows
  if (outbox?.rows !== expected || outbox.failed > 0) {
    throw new WrongResultError(
      `the outbox has ${outbox?.rows} of ${expected} rows, ${outbox?.failed} of them raw`,
    )
  }
  return outbox.bytes
}

async function run(options: BenchOptions): Promise<Measurement> {
  const { rows, signal } = options
  await using servers = await startServers()
  const { dx, hq } = servers
  await install(servers, [DATASET])
  await insertRuns(dx.client, rows)
  let rowBytes = 0

  async function runOurs(): Promise<OurRound> {
    await empty(servers)
    await insertEvents(dx.client, rows, signal)
    rowBytes = await assertWaiting(servers, rows)
    await settleServers(servers)
    const round = await drainOurs(servers, options, rows)
    await assertCount(servers, `hq.${DATASET}`, rows)
    return round
  }

  async function runAnchor(): Promise<DrainRound> {
    await empty(servers)
    await using native = new NativeReplication(servers, DATASET)
    await native.prepare()
    await insertPlainEvents(dx.client, native.table, rows, signal)
    const values = [await lastEventId(dx.client, rows)]
    const text = `select from ${native.table} where event_id = $1`
    await settleServers(servers)
    const round = await drainNative(
      servers,
      native,
      options,
      async () => (await hq.client.query({ name: 'last', text, values })).rowCount === 1,
    )
    await assertCount(servers, native.table, rows)
    return round
  }

  const drains = await compareDrains(options, runOurs, runAnchor)
  return {
    rowBytes: Math.round(rowBytes),
    postgresql: servers.version,
    measures: drainMeasures(drains),
    notes: [`rows were written in transactions of ${ROWS_PER_COMMIT}`, ...drainNotes(drains)],
  }
}

/** Events that wait in the outbox, until all are in HQ. */
export const drainAppend: Scenario = {
  name: 'drain-append',
  summary: 'dx_operation_events_v1 rows waiting, until all are in HQ, against logical replication',
  defaultRows: 300_000,
  run,
}
