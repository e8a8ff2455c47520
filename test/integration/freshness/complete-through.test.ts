import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HistoryProof } from '../../support/programs/history-proof.ts'
import { startInProcessRelay } from '../../support/programs/in-process-relay.ts'
import { Pipeline } from '../../support/programs/pipeline.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { waitFor } from '../../support/wait-for.ts'

const COMPANIES = 'dx_company_entities_v1'

let pipeline: Pipeline
let orgId: string

beforeEach(async () => {
  pipeline = await Pipeline.create()
  orgId = await insertOrg(pipeline.dx)
})

afterEach(() => pipeline[Symbol.asyncDispose]())

function startRelay() {
  return startInProcessRelay({
    databaseUrl: pipeline.dxDatabase.url,
    ingestUrl: pipeline.gatewayUrl,
    secret: pipeline.secret,
    heartbeatMs: 100,
    timing: { renewalMs: 100 },
  })
}

/** What HQ says now, as text that compares as the moments do. */
async function completeThrough(dataset = COMPANIES): Promise<string | null> {
  const { rows } = await pipeline.hq.query<{ moment: string | null }>(
    `select extract(epoch from complete_through)::text as moment from hq.dx_freshness
     where dataset = $1`,
    [dataset],
  )
  return rows[0]?.moment ?? null
}

async function sourceClock(): Promise<string> {
  const { rows } = await pipeline.dx.query('select extract(epoch from clock_timestamp())::text c')
  return rows[0]?.c ?? ''
}

async function passes(moment: string): Promise<void> {
  await waitFor('the moment to pass', async () => Number(await completeThrough()) > Number(moment))
}

test('complete_through holds against history, with kills, late commits, a backfill', async () => {
  const proof = await HistoryProof.create(pipeline, orgId)
  await proof.begin()
  for (const victim of ['relay', 'gateway'] as const) {
    await proof.writeFor(600)
    await proof.kill(victim)
  }
  await proof.writeFor(600)
  await proof.end()
  expect(proof.looks).toBeGreaterThan(10)
  expect(proof.moves).toBeGreaterThan(2)
})

test('it moves while the source is idle, waits where anything is held back, and goes on', async () => {
  await pipeline.startGateway()
  await using running = await startRelay()
  await waitFor('a report', async () => running.relay.progress.heartbeat !== undefined)
  await insertCompany(pipeline.dx, orgId)
  await pipeline.settled()
  // Nobody has sent what was there before the capture.
  expect(await completeThrough()).toBeNull()
  await pipeline.dx.query(
    `insert into hq_export.backfill (progress, state, finished_at) values ($1, 'completed', now())`,
    [JSON.stringify({ passes: [{ dataset: COMPANIES, kind: 'rows' }] })],
  )
  await passes(await sourceClock())
  // At rest, by heartbeats alone.
  await passes(await sourceClock())
  // Of the versions before it nobody says anything.
  expect(await completeThrough('dx_entity_snapshots_v1')).toBeNull()

  await pipeline.dx.query(
    `insert into hq_export.capture_gap (dataset, operation)
     select number, 'disabled' from hq_export.binding where dataset = '${COMPANIES}'`,
  )
  const begun = await sourceClock()
  const beats = running.relay.progress.settledBatches
  await waitFor('heartbeats after it', () => running.relay.progress.settledBatches > beats + 3)
  expect(Number(await completeThrough())).toBeLessThan(Number(begun))
  await pipeline.dx.query('update hq_export.capture_gap set closed_at = now()')
  await passes(begun)
})

test('I2: an open transaction holds nothing back, and its rows are waited for from its commit on', async () => {
  await pipeline.startGateway()
  await using _running = await startRelay()
  await pipeline.dx.query(
    `insert into hq_export.backfill (progress, state, finished_at) values ($1, 'completed', now())`,
    [JSON.stringify({ passes: [{ dataset: COMPANIES, kind: 'rows' }] })],
  )
  const late = await pipeline.dxDatabase.connect()
  await late.query('begin')
  const entity = randomUUID()
  await insertCompany(late, orgId, { entity_id: entity })
  await passes(await sourceClock())
  const stopHq = await pipeline.hqDatabase.connect()
  await stopHq.query('begin')
  await stopHq.query(`lock table hq.${COMPANIES} in exclusive mode`)
  await late.query('commit')
  const committed = await sourceClock()
  expect(Number(await completeThrough())).toBeLessThan(Number(committed))
  await stopHq.query('rollback')
  await passes(committed)
  const { rowCount } = await pipeline.hq.query(`select from hq.${COMPANIES} where entity_id = $1`, [
    entity,
  ])
  expect(rowCount).toBe(1)
})
