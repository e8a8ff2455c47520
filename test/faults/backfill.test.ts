import { setTimeout as delay } from 'node:timers/promises'
import { isExecuting } from '@hq-export/outbox-relay/backfill/execution-lock.ts'
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { expectEqualSides } from '../support/equal-sides.ts'
import { AppProcess, runApp } from '../support/programs/app-process.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertCompany, insertOrg, insertRun } from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'
import { Writers } from '../support/writers.ts'

/** More chunks than are delivered at once. */
const COMPANIES = 9_000
const EVENTS = 3_000
/** Each sorts all companies three times. */
const MUTATION_PAUSE_MS = 10
/** The run of the events, too. */
const TOTAL = 1 + EVENTS + COMPANIES

let pipeline: Pipeline
let orgId: string

/** What stood in the source before capture did: nothing of it is in the outbox. */
async function fillSource(dx: pg.Client): Promise<void> {
  await dx.query("set hq_export.disabled = 'on'")
  const runId = await insertRun(dx, orgId)
  await dx.query(
    `insert into ops.operation_events
       (run_id, org_id, entity_id, event_sequence, event_type, entity_type)
     select $1, $2, gen_random_uuid(), n, 'request_sent', 'company'
     from generate_series(1, $3::int) n`,
    [runId, orgId, EVENTS],
  )
  await dx.query(
    `insert into entities.company_entities (org_id, canonical_name, canonical_payload)
     select $1, 'company ' || n, jsonb_build_object('n', n) from generate_series(1, $2::int) n`,
    [orgId, COMPANIES],
  )
  await dx.query('reset hq_export.disabled')
}

beforeEach(async () => {
  pipeline = await Pipeline.create()
  orgId = await insertOrg(pipeline.dx)
  await fillSource(pipeline.dx)
  await pipeline.runGateway()
})

afterEach(() => pipeline[Symbol.asyncDispose]())

function startBackfill(...args: string[]): AppProcess {
  return new AppProcess('outbox-relay', ['backfill', ...args], pipeline.relayEnv)
}

/** The command to its end, where nothing is asked of its process. */
function runBackfill(...args: string[]) {
  return runApp('outbox-relay', ['backfill', ...args], pipeline.relayEnv)
}

function action(...args: string[]) {
  return runApp('outbox-relay', ['backfill', ...args], {
    DX_DATABASE_URL: pipeline.dxDatabase.url,
  })
}

interface Recorded {
  readonly state: string
  readonly scanned: number
}

async function recorded(): Promise<Recorded> {
  const { rows } = await pipeline.dx.query<Recorded>(
    `select b.state, (select sum((p->>'scanned')::int)
       from jsonb_array_elements(b.progress->'passes') p)::int as scanned
     from hq_export.backfill b order by b.id desc limit 1`,
  )
  return rows[0] ?? { state: 'none', scanned: 0 }
}

/** Waits until the checkpoint has passed this many rows. */
async function progressBeyond(rows: number): Promise<void> {
  await waitFor(`a checkpoint beyond ${rows} rows`, async () => (await recorded()).scanned > rows)
}

/** How long the backfill was worked on, as its executor has written last. */
async function activeMs(): Promise<number> {
  const { rows } = await pipeline.dx.query<{ ms: number }>(
    `select (progress->>'activeMs')::float8 as ms
     from hq_export.backfill order by id desc limit 1`,
  )
  return rows[0]?.ms ?? 0
}

/**
 * Waits until whoever executes the backfill has heard what an operator wants: it has written its
 * progress twice since, and read the state with that, or it has left off already. It does so where
 * HQ has just refused its attempts, which wait for a lock for a second, and none is under way.
 */
async function operatorIsHeard(): Promise<void> {
  let seen = await activeMs()
  for (let saves = 0; saves < 2; saves++) {
    await waitFor('progress to be saved, or the work to end', async () => {
      const ms = await activeMs()
      if (ms <= seen) return !(await isExecuting(pipeline.dx))
      seen = ms
      return true
    })
  }
}

/**
 * Makes HQ's writes to a dataset wait, so that a backfill is where the test wants it for as long as
 * the test wants.
 * @returns lets them go on.
 */
async function holdUp(dataset: string): Promise<() => Promise<unknown>> {
  const client = await pipeline.hqDatabase.connect()
  await client.query(`begin; lock table hq.${dataset} in share row exclusive mode`)
  return () => client.query('rollback')
}

/** Until batches of a backfill wait for HQ. */
async function attemptsAreHeldUp(): Promise<void> {
  await waitFor('attempts that wait for HQ', async () => {
    const { rows } = await pipeline.hq.query<{ waiting: number }>(
      `select count(*)::int as waiting from pg_locks where not granted
         and database = (select oid from pg_database where datname = current_database())`,
    )
    return (rows[0]?.waiting ?? 0) > 0
  })
}

async function hqCount(dataset: string): Promise<number> {
  const { rows } = await pipeline.hq.query<{ count: number }>(
    `select count(*)::int as count from hq.${dataset}`,
  )
  return rows[0]?.count ?? 0
}

async function expectAllArrived(): Promise<void> {
  await expectEqualSides(pipeline.dx, pipeline.hq)
  const letters = await pipeline.dx.query(
    'select dataset, reason, detail from hq_export.dead_letter',
  )
  expect(letters.rows).toEqual([])
}

test('I1, I3: SIGKILL of a backfill at any point loses and doubles nothing: it goes on from its checkpoint', async () => {
  // Nothing settled yet; one pass done and batches of the next under way; somewhere among the
  // chunks of a pass.
  const points = [
    { held: 'dx_operation_events_v1', beyond: 0 },
    { held: 'dx_company_entities_v1', beyond: EVENTS },
    { held: undefined, beyond: 1 + EVENTS },
  ]
  let command = startBackfill()
  for (const { held, beyond } of points) {
    const letGo = held === undefined ? undefined : await holdUp(held)
    await progressBeyond(beyond)
    if (held !== undefined) await attemptsAreHeldUp()
    await command.kill()
    const { scanned } = await recorded()
    await letGo?.()
    command = startBackfill('resume', '1')
    // The last one may have settled every row before it was killed; then only its end is left to
    // record.
    if (scanned < TOTAL) await progressBeyond(scanned)
  }
  await waitFor('the end', async () => (await recorded()).state === 'completed')
  await command.exited()
  expect(await recorded()).toEqual({ state: 'completed', scanned: TOTAL })
  expect(await hqCount('dx_entity_snapshots_v1')).toBe(COMPANIES)
  await expectAllArrived()
})

test('while writers insert, update and delete, both sides are equal afterwards, and what is deleted stays deleted', async () => {
  pipeline.runRelay()
  await using writers = await Writers.start({
    database: pipeline.dxDatabase,
    orgId,
    sessions: 1,
    pauseMs: 2,
  })
  const mutator = await pipeline.dxDatabase.connect()
  let isOver = false
  async function mutate(): Promise<number> {
    let deleted = 0
    while (!isOver) {
      await delay(MUTATION_PAUSE_MS)
      await mutator.query(
        `update entities.company_entities
         set record_version = record_version + 1, canonical_name = 'changed'
         where entity_id in (select entity_id from entities.company_entities
           order by random() limit 20)`,
      )
      // Without a new version: the base of the key rises.
      await mutator.query(
        `update entities.company_entities set canonical_name = 'changed in silence'
         where entity_id in (select entity_id from entities.company_entities
           order by random() limit 10)`,
      )
      const gone = await mutator.query(
        `with gone as (
           delete from entities.company_entities
           where entity_id in (select entity_id from entities.company_entities
             order by random() limit 10)
           returning *
         ) insert into entities.company_entities select * from gone
         where entity_id::text < '8' returning 1`,
      )
      deleted += 10 - (gone.rowCount ?? 0)
    }
    return deleted
  }
  const mutating = mutate()
  const { exitCode } = await runBackfill()
  isOver = true
  const deleted = await mutating
  await writers.stop()
  expect(exitCode).toBe(0)
  expect(deleted).toBeGreaterThan(0)
  await pipeline.settled()
  await expectAllArrived()
})

test('a live change passes a backfill whose every attempt waits for HQ', async () => {
  const relay = pipeline.runRelay()
  await relay.says('working')
  const letGo = await holdUp('dx_operation_events_v1')
  const command = runBackfill('--dataset', 'dx_operation_events_v1')
  await attemptsAreHeldUp()
  const entityId = await insertCompany(pipeline.dx, orgId)
  await waitFor('the live change', async () => {
    const { rowCount } = await pipeline.hq.query(
      'select from hq.dx_company_entities_v1 where entity_id = $1',
      [entityId],
    )
    return rowCount === 1
  })
  expect(await recorded()).toEqual({ state: 'running', scanned: 0 })
  await letGo()
  expect(await command).toMatchObject({ exitCode: 0 })
})

test('pause keeps the checkpoint, resume goes on from there, cancel ends it, whoever executes it', async () => {
  for (const hasRelay of [false, true]) {
    await pipeline.dx.query('truncate hq_export.backfill')
    const relay = hasRelay ? pipeline.runRelay() : undefined
    if (relay !== undefined) await relay.says('working')
    let letGo = await holdUp('dx_company_entities_v1')
    const command = runBackfill()
    await progressBeyond(EVENTS)
    expect(await action('pause')).toMatchObject({ exitCode: 0 })
    // What waits for HQ is let go only once its executor has heard of the pause, or it would all be
    // done.
    await operatorIsHeard()
    await letGo()
    const { exitCode, output } = await command
    expect(exitCode).toBe(2)
    if (relay !== undefined) await relay.says('the work on a backfill has ended')
    expect(output).toContain('backfill resume')
    const paused = await recorded()
    expect(paused.state).toBe('paused')
    expect(paused.scanned).toBeLessThan(TOTAL)

    letGo = await holdUp('dx_company_entities_v1')
    const resumed = runBackfill('resume')
    await attemptsAreHeldUp()
    expect(await action('cancel')).toMatchObject({ exitCode: 0 })
    await letGo()
    expect(await resumed).toMatchObject({ exitCode: 2 })
    expect((await recorded()).state).toBe('canceled')
  }
})

test('Ctrl-C of a command that executes it itself pauses it; of one that follows a relay leaves it running', async () => {
  let letGo = await holdUp('dx_company_entities_v1')
  const alone = startBackfill()
  await progressBeyond(EVENTS)
  alone.signal('SIGINT')
  await letGo()
  expect(await alone.exited()).toBe(2)
  expect(alone.lines.join('\n')).toContain('waits at its checkpoint')
  expect((await recorded()).state).toBe('paused')

  const relay = pipeline.runRelay()
  await relay.says('working')
  letGo = await holdUp('dx_company_entities_v1')
  const following = startBackfill('resume')
  await relay.says('working on a backfill')
  following.signal('SIGINT')
  expect(await following.exited()).toBe(2)
  expect(following.lines.join('\n')).toContain('goes on in the relay')
  await letGo()
  await waitFor('the relay to complete it', async () => (await recorded()).state === 'completed')
  await expectAllArrived()
})

test('I1: a relay that comes takes over from the command, its standby from it when it dies, and all of it arrives', async () => {
  const letGo = await holdUp('dx_company_entities_v1')
  let hasEnded = false
  const command = runBackfill().finally(() => {
    hasEnded = true
  })
  await progressBeyond(EVENTS)
  const leader = pipeline.startRelay()
  await leader.says('working on a backfill')
  const standby = pipeline.runRelay()
  await standby.says('standing by')
  await leader.kill()
  await standby.says('working on a backfill')
  expect(hasEnded).toBe(false)
  await letGo()
  expect(await command).toMatchObject({ exitCode: 0 })
  expect(await recorded()).toEqual({ state: 'completed', scanned: TOTAL })
  await expectAllArrived()
})
