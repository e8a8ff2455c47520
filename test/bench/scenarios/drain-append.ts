import { cpuPerRow, programCpuMs, readCpu, serverCpuMs } from '../cpu-time.ts'
import { waitUntilDrained } from '../drain.ts'
import { install } from '../install.ts'
import { median } from '../median.ts'
import { NativeReplication } from '../native-replication.ts'
import {
  insertEvents,
  insertPlainEvents,
  insertRuns,
  lastEventId,
  ROWS_PER_COMMIT,
} from '../operation-events.ts'
import { startPipeline } from '../pipeline.ts'
import {
  type BenchOptions,
  type Measurement,
  type Scenario,
  WrongResultError,
} from '../scenario.ts'
import { type BenchServers, settleServers, startServers } from '../servers.ts'

const DATASET = 'dx_operation_events_v1'
const ANCHOR = 'native logical replication'

// The ledger is written in the transaction that writes the rows: its sum is exact, over a few hundred rows.
const LEDGER_ROWS = /* sql */ `
select coalesce(sum((answer #>> '{counts,inserted}')::int), 0)::int as rows from ingest.batch`

const ROW_BYTES = /* sql */ `
select avg(octet_length(body))::float8 as bytes, count(*)::int as rows,
       count(sqlstate)::int as failed
from (select body, sqlstate from hq_export.outbox_0 union all
      select body, sqlstate from hq_export.outbox_1 union all
      select body, sqlstate from hq_export.outbox_2) o`

const EMPTY_DX = /* sql */ `
truncate ops.operation_events, hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2, hq_export.dead_letter`

const EMPTY_HQ = /* sql */ `truncate hq.${DATASET}, ingest.batch, ingest.quarantine`

type Cpu = Readonly<Record<string, number>> | undefined

interface Round {
  readonly rowsPerSecond: number
  readonly cpu: Cpu
}

interface OurRound extends Round {
  readonly rowBytes: number
  readonly relayMb: number
  readonly gatewayMb: number
}

async function assertCount(servers: BenchServers, table: string, expected: number): Promise<void> {
  const { rows } = await servers.hq.client.query<{ count: number }>(
    `select count(*)::int as count from ${table}`,
  )
  const count = rows[0]?.count
  if (count !== expected) throw new WrongResultError(`${table} has ${count} of ${expected} rows`)
}

/** What waits in the outbox: every row, and each captured as it should be. */
async function captured(servers: BenchServers, expected: number): Promise<number> {
  const { rows } = await servers.dx.client.query<{ bytes: number; rows: number; failed: number }>(
    ROW_BYTES,
  )
  const [outbox] = rows
  if (outbox?.rows !== expected || outbox.failed > 0) {
    throw new WrongResultError(
      `the outbox has ${outbox?.rows} of ${expected} rows, ${outbox?.failed} of them raw`,
    )
  }
  return outbox.bytes
}

async function drainOurs(servers: BenchServers, options: BenchOptions): Promise<OurRound> {
  const { rows, signal } = options
  const { dx, hq } = servers
  await dx.client.query(EMPTY_DX)
  await hq.client.query(EMPTY_HQ)
  await insertEvents(dx.client, rows, signal)
  const rowBytes = await captured(servers, rows)
  await settleServers(servers)

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
    rows,
    signal,
    arrived: async () => (await hq.client.query<{ rows: number }>(LEDGER_ROWS)).rows[0]?.rows ?? 0,
    assertWell: () => pipeline.assertWell(),
  })
  const cpu = cpuPerRow(before, await readCpu(clocks), rows)
  const [relayMb, gatewayMb] = [await relay.memory.megabytes(), await gateway.memory.megabytes()]
  await assertCount(servers, `hq.${DATASET}`, rows)
  const rowsPerSecond = (rows * 1000) / (drainedAtMs - workingSinceMs)
  return { rowsPerSecond, cpu, rowBytes, relayMb, gatewayMb }
}

async function drainAnchor(servers: BenchServers, options: BenchOptions): Promise<Round> {
  const { rows, signal } = options
  const { dx, hq } = servers
  await dx.client.query(EMPTY_DX)
  await hq.client.query(EMPTY_HQ)
  await using native = new NativeReplication(servers, DATASET)
  await native.prepare()
  await insertPlainEvents(dx.client, native.table, rows, signal)
  // One worker applies in commit order: once the last row is there, all are.
  const lastId = await lastEventId(dx.client, rows)
  await settleServers(servers)

  const clocks = { source: () => serverCpuMs(dx.postmaster), hq: () => serverCpuMs(hq.postmaster) }
  await native.start(signal)
  const startedAtMs = Date.now()
  const before = await readCpu(clocks)
  const drainedAtMs = await waitUntilDrained({
    what: ANCHOR,
    rows,
    signal,
    arrived: async () => {
      const found = await hq.client.query({
        name: 'last-event',
        text: `select from ${native.table} where event_id = $1`,
        values: [lastId],
      })
      return found.rowCount === 1 ? rows : undefined
    },
    assertWell: () => native.assertWell(),
  })
  const cpu = cpuPerRow(before, await readCpu(clocks), rows)
  await assertCount(servers, native.table, rows)
  return { rowsPerSecond: (rows * 1000) / (drainedAtMs - startedAtMs), cpu }
}

function describeCpu(side: string, cpu: Cpu): string {
  if (cpu === undefined) return `CPU of ${side}: not known on this system`
  const parts = Object.entries(cpu).map(([name, value]) => `${name} ${value.toFixed(1)}`)
  const total = Object.values(cpu).reduce((sum, value) => sum + value, 0)
  return `CPU of ${side}, us per row: ${parts.join(', ')}; together ${total.toFixed(1)}`
}

function medianCpu(rounds: readonly Round[]): Cpu {
  const [first] = rounds
  if (first?.cpu === undefined) return undefined
  return Object.fromEntries(
    Object.keys(first.cpu).map((name) => [name, median(rounds.map(({ cpu }) => cpu?.[name] ?? 0))]),
  )
}

async function run(options: BenchOptions): Promise<Measurement> {
  await using servers = await startServers()
  await install(servers, [DATASET])
  await insertRuns(servers.dx.client, options.rows)

  const ours: OurRound[] = []
  const anchors: Round[] = []
  async function measureOurs(): Promise<void> {
    const round = await drainOurs(servers, options)
    ours.push(round)
    options.report(`ours    ${Math.round(round.rowsPerSecond)} rows/s`)
  }
  async function measureAnchor(): Promise<void> {
    const round = await drainAnchor(servers, options)
    anchors.push(round)
    options.report(`anchor  ${Math.round(round.rowsPerSecond)} rows/s`)
  }
  for (let round = 0; round < options.repeat; round++) {
    // Who goes first alternates, so that neither always meets the warmer machine.
    const order = [measureOurs, measureAnchor]
    for (const measure of round % 2 === 0 ? order : order.reverse()) await measure()
  }

  const rate = (rounds: readonly Round[]) => median(rounds.map((round) => round.rowsPerSecond))
  return {
    rowBytes: Math.round(median(ours.map((round) => round.rowBytes))),
    postgresql: servers.version,
    measures: [
      {
        name: 'rows_per_s',
        unit: 'rows/s',
        ours: Math.round(rate(ours)),
        anchor: Math.round(rate(anchors)),
        anchor_name: ANCHOR,
      },
      {
        name: 'relay_rss_mb',
        unit: 'MB',
        ours: Math.round(median(ours.map(({ relayMb }) => relayMb))),
        anchor: null,
        anchor_name: null,
      },
      {
        name: 'gateway_rss_mb',
        unit: 'MB',
        ours: Math.round(median(ours.map(({ gatewayMb }) => gatewayMb))),
        anchor: null,
        anchor_name: null,
      },
    ],
    notes: [
      `rows were written in transactions of ${ROWS_PER_COMMIT}`,
      "ours: from the relay's line `working` until the ledger, which commits with the rows, has all of them",
      "anchor: from the walsender's state `catchup` until the last row can be read in HQ",
      describeCpu('ours', medianCpu(ours)),
      describeCpu('anchor', medianCpu(anchors)),
    ],
  }
}

/** Events that wait in the outbox, until all are in HQ. */
export const drainAppend: Scenario = {
  name: 'drain-append',
  summary: 'dx_operation_events_v1 rows waiting, until all are in HQ, against logical replication',
  defaultRows: 300_000,
  run,
}
