import { randomUUID } from 'node:crypto'
import { LIMITS } from '@hq-export/contract'
import { cutMoment, lookAfter } from '@hq-export/outbox-relay/freshness/cut-moment.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startProofSite } from '../../support/programs/history-proof.ts'
import { startInProcessRelay } from '../../support/programs/in-process-relay.ts'
import { createSecret, Pipeline } from '../../support/programs/pipeline.ts'
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

/** As if everything had been sent once. */
async function noteBackfill(): Promise<void> {
  await pipeline.dx.query(
    `insert into hq_export.backfill (progress, state, finished_at) values ($1, 'completed', now())`,
    [JSON.stringify({ passes: [{ dataset: COMPANIES, kind: 'rows' }] })],
  )
}

async function sourceClock(): Promise<string> {
  const { rows } = await pipeline.dx.query('select extract(epoch from clock_timestamp())::text c')
  return rows[0]?.c ?? ''
}

async function passes(moment: string): Promise<void> {
  await waitFor('the moment to pass', async () => Number(await completeThrough()) > Number(moment))
}

test('complete_through holds against history, with kills, late and prepared commits, refused rows, backfills', async () => {
  await using site = await startProofSite()
  const { proof } = site
  await proof.begin()
  for (const victim of ['relay', 'gateway'] as const) {
    await proof.writeFor(600)
    if (victim === 'relay') proof.backfill()
    await proof.kill(victim)
  }
  await proof.writeFor(600)
  await proof.end()
  expect(proof.looks).toBeGreaterThan(10)
  expect(proof.moves).toBeGreaterThan(2)
  expect(proof.refused).toBeGreaterThan(2)
  expect(proof.prepared).toBeGreaterThan(2)
})

test('it moves while the source is idle, waits where anything is held back, and goes on', async () => {
  await pipeline.runGateway()
  await using running = await startRelay()
  await waitFor('a report', async () => running.relay.progress.heartbeat !== undefined)
  await insertCompany(pipeline.dx, orgId)
  await pipeline.settled()
  // Nobody has sent what was there before the capture.
  expect(await completeThrough()).toBeNull()
  await noteBackfill()
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
  await pipeline.runGateway()
  await using _running = await startRelay()
  await noteBackfill()
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

test('a moment that passes refused rows has counted them, and goes on while rows are refused all the time', async () => {
  await pipeline.runGateway()
  await noteBackfill()
  const blocker = await pipeline.dxDatabase.connect()
  await blocker.query('begin')
  await blocker.query('lock table hq_export.dead_letter in share row exclusive mode')
  await insertCompany(pipeline.dx, orgId, { canonical_name: 'x'.repeat(LIMITS.maxRowBytes) })
  await using _running = await startRelay()
  await waitFor('a look that waits for the row', async () => {
    const { rowCount } = await pipeline.dx.query(
      `select from pg_stat_activity where datname = current_database()
         and query ~ '^\\s*with a as materialized' and application_name ~ 'freshness'`,
    )
    return rowCount === 1
  })
  await blocker.query('rollback')
  // What HQ shows with the first moment.
  const refused = await waitFor('a moment', async () => {
    const { rows } = await pipeline.hq.query<{ refused: number }>(
      `select open_refused::int as refused from hq.dx_freshness
       where dataset = '${COMPANIES}' and complete_through is not null`,
    )
    return rows[0]?.refused
  })
  expect(refused).toBe(1)

  const before = await sourceClock()
  await waitFor('the moment to pass', async () => {
    await insertCompany(pipeline.dx, orgId, { canonical_name: createSecret() })
    return Number(await completeThrough()) > Number(before)
  })
})

test('a key that was noted before a look and committed after it holds its datasets, and its letter is refused still', async () => {
  await noteBackfill()
  const { dx } = pipeline
  const late = await pipeline.dxDatabase.connect()
  await late.query('begin')
  await late.query(
    `with letter as (
       insert into hq_export.dead_letter
         (captured_at, xid, dataset, key, reason, fingerprint, resolved_at, resolution)
       values (now(), '700', '${COMPANIES}', 'k', 'too_large', 'x', now(), 'replayed') returning id
     )
     insert into hq_export.reexport (dataset, key, reason, letter)
     select b.number, 'k', 'replay', l.id
     from hq_export.binding b, letter l where b.dataset = '${COMPANIES}'`,
  )
  const cut = await cutMoment(dx)
  expect(cut?.datasets[0]).toMatchObject({ dataset: COMPANIES, completeThrough: cut?.at })
  await late.query('commit')
  const { datasets, stands } = await lookAfter(dx, cut?.at ?? '')
  expect(stands).toBe(true)
  const held = datasets.filter(({ isHeld }) => isHeld).map(({ dataset }) => dataset)
  expect(held.sort()).toEqual([COMPANIES, 'dx_entity_snapshots_v1'])
  expect(datasets.find(({ dataset }) => dataset === COMPANIES)?.refused).toBe(1)
})

test('what waits is told of its dataset alone, also while no moment can be told', async () => {
  await pipeline.runGateway()
  await using _running = await startRelay()
  const lags = async () => {
    const { rows } = await pipeline.hq.query<{ dataset: string; waits: boolean }>(
      `select f.dataset, f.behind > '0' as waits from ingest.freshness f
       join hq.dx_freshness v using (source, dataset) where v.lag >= f.behind order by 1`,
    )
    return Object.fromEntries(rows.map(({ dataset, waits }) => [dataset, waits]))
  }
  const nothing = { [COMPANIES]: false, dx_person_entities_v1: false }
  await waitFor('lags', async () => COMPANIES in (await lags()))
  expect(await lags()).toMatchObject(nothing)
  const blocker = await pipeline.dxDatabase.connect()
  await blocker.query('begin')
  await blocker.query('lock table hq_export.ack in exclusive mode')
  await insertCompany(pipeline.dx, orgId)
  await waitFor('the row to be told as waiting', async () => (await lags())[COMPANIES])
  expect(await lags()).toMatchObject({ ...nothing, [COMPANIES]: true })
  await blocker.query('rollback')
})
