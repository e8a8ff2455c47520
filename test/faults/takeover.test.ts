import { LEADER_LOCK_CONDITION } from '@hq-export/outbox-relay/lead.ts'
import { DOORBELL_CHANNEL } from '@hq-export/outbox-relay/outbox/doorbell.ts'
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AppProcess } from '../support/app-process.ts'
import { expectEqualSides } from '../support/equal-sides.ts'
import { startInProcessRelay } from '../support/in-process-relay.ts'
import { createSecret, Pipeline } from '../support/pipeline.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'
import { Writers } from '../support/writers.ts'

/** From the death of the leader until a row that was committed after it is in HQ. */
const TAKEOVER_BOUND_MS = 5_000
/** The same for a leader that is stopped or hangs, which nobody hears of: its time-out, and the next question of the standby. */
const STOPPED_BOUND_MS = 10_000
const ROUNDS = 2
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
  await pipeline.startGateway(undefined, {
    INGEST_KEYS: `data-engine-x=${pipeline.secret} data-engine-x=${usurperSecret}`,
  })
})

afterEach(() => pipeline[Symbol.asyncDispose]())

function says(relay: AppProcess, text: string): Promise<boolean> {
  return waitFor(`the relay to say "${text}"`, () => {
    relay.assertRunning()
    return relay.lines.some((line) => line.includes(text))
  })
}

async function arrives(entityId: string): Promise<void> {
  await waitFor('the row in HQ', async () => {
    const { rowCount } = await pipeline.hq.query(
      'select from hq.dx_company_entities_v1 where entity_id = $1',
      [entityId],
    )
    return rowCount === 1
  })
}

/** Changes of every kind over keys that were written before: what a doubled or lost delivery would show on. */
async function rewriteEntities(client: pg.Client): Promise<void> {
  await client.query(
    `update entities.company_entities set record_version = record_version + 1, canonical_name = 'v' || record_version + 1
     where entity_id in (select entity_id from entities.company_entities order by entity_id limit 200)`,
  )
  await client.query(
    `delete from entities.company_entities
     where entity_id in (select entity_id from entities.company_entities order by entity_id desc limit 20)`,
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
  await says(leader, 'working')
  await using writers = await Writers.start({ database: pipeline.dxDatabase, orgId, sessions: 1 })
  for (let round = 0; round < ROUNDS; round++) {
    const standby = pipeline.startRelay()
    await says(standby, 'standing by')
    await leader.kill()
    const killedAt = performance.now()
    await arrives(await insertCompany(pipeline.dx, orgId))
    expect(performance.now() - killedAt).toBeLessThan(TAKEOVER_BOUND_MS)
    await says(standby, 'working')
    leader = standby
  }
  await writers.stop()
  await expectNothingLostOrDoubled()
})

test('I1: a leader that loses only the session of its lock gives way, and nothing is lost or doubled', async () => {
  const first = pipeline.startRelay()
  await says(first, 'working')
  const second = pipeline.startRelay()
  await says(second, 'standing by')
  await using writers = await Writers.start({ database: pipeline.dxDatabase, orgId, sessions: 2 })
  for (let round = 0; round < ROUNDS; round++) {
    const { rows } = await waitFor('a leader', async () => {
      const found = await pipeline.dx.query<{ pid: number }>(
        `select pid from pg_locks l where ${LEADER_LOCK_CONDITION}`,
      )
      return found.rowCount === 1 && found
    })
    await pipeline.dx.query('select pg_terminate_backend($1)', [rows[0]?.pid])
    await rewriteEntities(pipeline.dx)
    await arrives(await insertCompany(pipeline.dx, orgId))
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

test('I1: a leader that is stopped gives way within 10 seconds; woken, it stands by, and nothing is lost or doubled', async () => {
  const leader = pipeline.startRelay()
  await says(leader, 'working')
  const standby = pipeline.startRelay()
  await says(standby, 'standing by')
  await using writers = await Writers.start({ database: pipeline.dxDatabase, orgId, sessions: 1 })
  await arrives(await insertCompany(pipeline.dx, orgId))
  leader.signal('SIGSTOP')
  const stoppedAt = performance.now()
  await arrives(await insertCompany(pipeline.dx, orgId))
  expect(performance.now() - stoppedAt).toBeLessThan(STOPPED_BOUND_MS)
  leader.signal('SIGCONT')
  await says(leader, 'standing by')
  expect(await leaders()).toBe(1)
  expect(standby.lines.some((line) => line.includes('cannot be used'))).toBe(false)
  await writers.stop()
  await expectNothingLostOrDoubled()
})

/** Batches that each key was the first to bring to HQ, the fewest first: an answer from the ledger counts for nobody. */
async function batchesOfKeys(): Promise<number[]> {
  const { rows } = await pipeline.hq.query<{ batches: number }>(
    `select count(*)::int as batches from ingest.batch where dataset = 'dx_company_entities_v1'
     group by key_id order by batches`,
  )
  return rows.map(({ batches }) => batches)
}

test('I3: two relays that work at once lose and double nothing', async () => {
  const leader = pipeline.startRelay()
  await says(leader, 'working')
  await using usurper = await startInProcessRelay({
    databaseUrl: pipeline.dxDatabase.url,
    ingestUrl: pipeline.gatewayUrl,
    secret: usurperSecret,
    ignoresLead: true,
    timing: { rotationPeriodMs: 50 },
  })
  await using writers = await Writers.start({ database: pipeline.dxDatabase, orgId, sessions: 2 })
  for (let round = 0; round < ROUNDS_AT_ONCE; round++) {
    await rewriteEntities(pipeline.dx)
    // Whoever of the two is awake disarms the doorbell of the other, who would sleep on until its safety poll.
    await pipeline.dx.query(`notify ${DOORBELL_CHANNEL}`)
    await arrives(await insertCompany(pipeline.dx, orgId))
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
