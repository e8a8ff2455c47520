import { DOORBELL_CHANNEL } from '@hq-export/outbox-relay/doorbell/doorbell.ts'
import { LEADER_LOCK_CONDITION } from '@hq-export/outbox-relay/session/lead.ts'
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { expectEqualSides } from '../support/equal-sides.ts'
import type { AppProcess } from '../support/programs/app-process.ts'
import { startInProcessRelay } from '../support/programs/in-process-relay.ts'
import { createSecret, Pipeline } from '../support/programs/pipeline.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'
import { Writers } from '../support/writers.ts'

/** From the death of the leader until a row that was committed after it is in HQ. */
const TAKEOVER_BOUND_MS = 5_000
/**
 * The same for a leader that is stopped or hangs, which nobody hears of: its time-out, and the next
 * question of the standby.
 */
const STOPPED_BOUND_MS = 10_000
const ROUNDS = 2
/** As many where a busy machine was slower in all before. */
const MAX_ROUNDS = 5
const WRITE_PAUSE_MS = 5
const ROUNDS_AT_ONCE = 10
/** Of one dataset, and not what the other had brought already. */
const BATCHES_OF_EACH = 5

let pipeline: Pipeline
/** Signs for a second relay, so that HQ's ledger tells whose a batch was. */
let usurperSecret: string
let orgId: string

beforeEach(async () => {
  pipeline = await Pipeline.create()
  orgId = await insertOrg(pipeline.dx)
  usurperSecret = createSecret()
  await pipeline.runGateway(undefined, {
    INGEST_KEYS: `data-engine-x=${pipeline.secret} data-engine-x=${usurperSecret}`,
  })
})

afterEach(() => pipeline[Symbol.asyncDispose]())

/** Traffic all the while, and not as much as there can be. */
function startWriters(sessions: number): Promise<Writers> {
  return Writers.start({ database: pipeline.dxDatabase, orgId, sessions, pauseMs: WRITE_PAUSE_MS })
}

/** Keys for {@link rewriteEntities}. */
async function insertEntities(client: pg.Client): Promise<void> {
  await client.query(
    'insert into entities.company_entities (org_id) select $1 from generate_series(1, 500)',
    [orgId],
  )
}

/**
 * Changes of every kind over keys that were written before: what a doubled or lost delivery would
 * show on.
 */
async function rewriteEntities(client: pg.Client): Promise<void> {
  await client.query(
    `update entities.company_entities
     set record_version = record_version + 1, canonical_name = 'v' || record_version + 1
     where entity_id in (select entity_id from entities.company_entities
       order by entity_id limit 200)`,
  )
  await client.query(
    `delete from entities.company_entities
     where entity_id in (select entity_id from entities.company_entities
       order by entity_id desc limit 20)`,
  )
}

async function expectNothingLostOrDoubled(): Promise<void> {
  await pipeline.settled()
  await expectEqualSides(pipeline.dx, pipeline.hq)
  const { rows } = await pipeline.hq.query<{ entities: string; versions: string }>(
    `select (select sum(record_version) from hq.dx_company_entities_v1)::text as versions,
            (select count(*) from hq.dx_entity_snapshots_v1)::text as entities`,
  )
  // Versions are 1, 2, 3 and so on without a gap, and each has its snapshot once.
  expect(rows[0]?.entities).toBe(rows[0]?.versions)
  const letters = await pipeline.dx.query('select reason, detail from hq_export.dead_letter')
  expect(letters.rows).toEqual([])
}

test('I1: SIGKILL of the leading relay moves its work to the one that stands by within 5 seconds', async () => {
  let leader = pipeline.startRelay()
  await leader.says('working')
  await using writers = await startWriters(1)
  const tookMs: number[] = []
  const isTooSlow = () => Math.min(...tookMs) >= TAKEOVER_BOUND_MS
  while (tookMs.length < ROUNDS || (isTooSlow() && tookMs.length < MAX_ROUNDS)) {
    const standby = pipeline.startRelay()
    await standby.says('standing by')
    await leader.kill()
    const killedAt = performance.now()
    await pipeline.arrives(await insertCompany(pipeline.dx, orgId))
    tookMs.push(performance.now() - killedAt)
    await standby.says('working')
    leader = standby
  }
  expect(isTooSlow(), `${tookMs} ms`).toBe(false)
  await writers.stop()
  await expectNothingLostOrDoubled()
})

test('I1: a leader that loses only the session of its lock gives way, and nothing is lost or doubled', async () => {
  const first = pipeline.runRelay()
  await first.says('working')
  const second = pipeline.runRelay()
  await second.says('standing by')
  await insertEntities(pipeline.dx)
  await using writers = await startWriters(2)
  for (let round = 0; round < ROUNDS; round++) {
    const { rows } = await waitFor('a leader', async () => {
      const found = await pipeline.dx.query<{ pid: number }>(
        `select pid from pg_locks l where ${LEADER_LOCK_CONDITION}`,
      )
      return found.rowCount === 1 && found
    })
    await pipeline.dx.query('select pg_terminate_backend($1)', [rows[0]?.pid])
    await rewriteEntities(pipeline.dx)
    await pipeline.arrives(await insertCompany(pipeline.dx, orgId))
  }
  await writers.stop()
  await expectNothingLostOrDoubled()
  first.assertRunning()
  second.assertRunning()
})

async function leaders(): Promise<number> {
  const { rowCount } = await pipeline.dx.query(
    `select from pg_locks l where ${LEADER_LOCK_CONDITION}`,
  )
  return rowCount ?? 0
}

function countOf(relay: AppProcess, text: string): number {
  return relay.lines.filter((line) => line.includes(text)).length
}

/**
 * Stops the leader and wakes it once its standby works. @returns milliseconds from the stop until a
 * row that was committed after it is in HQ.
 */
async function takeOverFromStopped(leader: AppProcess, standby: AppProcess): Promise<number> {
  const standbys = countOf(leader, 'standing by')
  const losses = countOf(standby, 'cannot be used')
  await pipeline.arrives(await insertCompany(pipeline.dx, orgId))
  leader.signal('SIGSTOP')
  const stoppedAt = performance.now()
  await pipeline.arrives(await insertCompany(pipeline.dx, orgId))
  const tookMs = performance.now() - stoppedAt
  leader.signal('SIGCONT')
  await waitFor('the woken relay to stand by', () => countOf(leader, 'standing by') > standbys)
  expect(await leaders()).toBe(1)
  expect(countOf(standby, 'cannot be used')).toBe(losses)
  return tookMs
}

test('I1: a leader that is stopped gives way within 10 seconds; woken, it stands by, and nothing is lost or doubled', async () => {
  const leader = pipeline.startRelay()
  await leader.says('working')
  const standby = pipeline.startRelay()
  await standby.says('standing by')
  await using writers = await startWriters(1)
  let tookMs = await takeOverFromStopped(leader, standby)
  // A busy machine makes it longer and never shorter: too long a second time is too long.
  if (tookMs >= STOPPED_BOUND_MS) tookMs = await takeOverFromStopped(standby, leader)
  expect(tookMs).toBeLessThan(STOPPED_BOUND_MS)
  await writers.stop()
  await expectNothingLostOrDoubled()
})

/**
 * Batches that each key was the first to bring to HQ, the fewest first: an answer from the ledger
 * counts for nobody.
 */
async function batchesOfKeys(): Promise<number[]> {
  const { rows } = await pipeline.hq.query<{ batches: number }>(
    `select count(*)::int as batches from ingest.batch where dataset = 'dx_company_entities_v1'
     group by key_id order by batches`,
  )
  return rows.map(({ batches }) => batches)
}

test('I3: two relays that work at once lose and double nothing', async () => {
  const leader = pipeline.runRelay()
  await leader.says('working')
  await using usurper = await startInProcessRelay({
    databaseUrl: pipeline.dxDatabase.url,
    ingestUrl: pipeline.gatewayUrl,
    secret: usurperSecret,
    ignoresLead: true,
    timing: { rotationPeriodMs: 50 },
  })
  await insertEntities(pipeline.dx)
  await using writers = await startWriters(2)
  for (let round = 0; round < ROUNDS_AT_ONCE; round++) {
    await rewriteEntities(pipeline.dx)
    // Whoever of the two is awake disarms the doorbell of the other, who would sleep on until its
    // safety poll.
    await pipeline.dx.query(`notify ${DOORBELL_CHANNEL}`)
    await pipeline.arrives(await insertCompany(pipeline.dx, orgId))
  }
  await waitFor('batches in HQ from each of the two', async () => {
    leader.assertRunning()
    await pipeline.dx.query(`notify ${DOORBELL_CHANNEL}`)
    const [fewest = 0, most = 0] = await batchesOfKeys()
    return fewest >= BATCHES_OF_EACH && most >= BATCHES_OF_EACH
  })
  expect(usurper.relay.progress.state).toBe('working')
  await writers.stop()
  await expectNothingLostOrDoubled()
})
