import { describeCpu } from '../drain-comparison.ts'
import { assertCount } from '../measure/assert-count.ts'
import { measureOf } from '../measure/measure-of.ts'
import { median } from '../measure/median.ts'
import {
  COMPANIES_DATASET,
  copyEvents,
  readCopyTexts,
  readJsonTexts,
  upsertCompanies,
  upsertTexts,
} from '../native/ingest-anchors.ts'
import { install } from '../programs/install.ts'
import { assertWaiting, emptyOutbox } from '../programs/outbox.ts'
import { startServers } from '../programs/servers.ts'
import type { BenchOptions, Measurement, Scenario } from '../scenario.ts'
import { type GatewayRound, measureGateway, WARM_UP_BATCHES } from '../stages/gateway-alone.ts'
import { enrichCompanies, fillCompanies, fillHqCompanies } from '../workload/company-entities.ts'
import { EVENTS_DATASET, emptyEvents } from '../workload/drain-events.ts'
import { insertEvents, insertRuns } from '../workload/operation-events.ts'
import { IN_FLIGHT } from '../workload/post-batches.ts'
import { packOutbox, ROWS_PER_BATCH } from '../workload/wire-batches.ts'

async function run(options: BenchOptions): Promise<Measurement> {
  const { rows, signal, repeat, report } = options
  await using servers = await startServers()
  const { dx, hq } = servers
  await install(servers, [EVENTS_DATASET, COMPANIES_DATASET])
  await insertRuns(dx.client, rows)
  await fillCompanies(dx.client, rows)
  await emptyOutbox(dx.client)
  await enrichCompanies(dx.client, 'entities.company_entities', rows, 1, options)
  const updates = await packOutbox(dx.client, COMPANIES_DATASET)
  await emptyEvents(servers)
  await insertEvents(dx.client, rows, options)
  const rowBytes = Math.round(await assertWaiting(dx.client, rows))
  const events = await packOutbox(dx.client, EVENTS_DATASET)
  const copyTexts = await readCopyTexts(dx.client)
  const jsonTexts = await readJsonTexts(dx.client)

  async function append(): Promise<GatewayRound> {
    const round = await measureGateway(servers, options, events, () =>
      hq.client.query(`truncate hq.${EVENTS_DATASET}, ingest.batch, ingest.quarantine`),
    )
    await assertCount(hq.client, `hq.${EVENTS_DATASET}`, rows)
    return round
  }

  async function upsert(): Promise<GatewayRound> {
    return measureGateway(servers, options, updates, () => fillHqCompanies(hq.client, rows))
  }

  const appends: GatewayRound[] = []
  const upserts: GatewayRound[] = []
  const copies: number[] = []
  const statements: number[] = []
  const computed: number[] = []
  for (let round = 0; round < repeat; round++) {
    appends.push(await append())
    copies.push(await copyEvents(servers, copyTexts, rows, signal))
    statements.push(await upsertTexts(servers, jsonTexts, rows, signal))
    computed.push(await upsertCompanies(servers, rows, signal))
    upserts.push(await upsert())
    report(
      `append ${Math.round(appends.at(-1)?.rowsPerSecond ?? 0)} (COPY ${Math.round(copies.at(-1) ?? 0)}), upsert ${Math.round(upserts.at(-1)?.rowsPerSecond ?? 0)} (SQL ${Math.round(statements.at(-1) ?? 0)}) rows/s`,
    )
  }
  const measure = (name: string, ours: GatewayRound[], anchor: number[], anchorName: string) =>
    measureOf({
      name,
      unit: 'rows/s',
      ours: ours.map(({ rowsPerSecond }) => rowsPerSecond),
      anchor: { name: anchorName, values: anchor },
    })
  const megabytes = (of: GatewayRound[]) =>
    Math.max(...of.map(({ memoryMb }) => memoryMb)).toFixed(0)
  return {
    rows,
    rowBytes,
    postgresql: servers.version,
    measures: [
      measure('append_rows_per_s', appends, copies, 'bare COPY'),
      measure('upsert_rows_per_s', upserts, statements, 'INSERT ... ON CONFLICT from SQL'),
    ],
    notes: [
      `batches of ${ROWS_PER_BATCH} rows, compressed before the clock starts, ${IN_FLIGHT} in flight; signed as they are sent; the gateway has seen ${WARM_UP_BATCHES} before`,
      `anchors: one session, a transaction for every ${ROWS_PER_BATCH} rows, same indexes and the same rows, which a client sends: by COPY, as JSON into INSERT ... ON CONFLICT`,
      `upserts whose rows the statement computes itself, so that nothing is sent or parsed: ${Math.round(median(computed))} rows/s`,
      describeCpu('append', appends),
      describeCpu('upsert', upserts),
      `peak memory of the gateway: append ${megabytes(appends)}, upsert ${megabytes(upserts)} MB`,
    ],
  }
}

/** The gateway by itself. */
export const ingest: Scenario = {
  name: 'ingest',
  summary: 'signed batches into the gateway alone, against COPY and INSERT ... ON CONFLICT',
  size: { rows: 200_000 },
  run,
}
