import { datasetByName } from '@hq-export/contract'
import { readBinding } from '@hq-export/outbox-relay/binding/read-binding.ts'
import { insertDeadLetters } from '@hq-export/outbox-relay/dead-letter/insert-dead-letters.ts'
import { planReplay } from '@hq-export/outbox-relay/dead-letter/plan-replay.ts'
import { replayOne } from '@hq-export/outbox-relay/dead-letter/replay-one.ts'
import type { Plan } from '@hq-export/outbox-relay/dead-letter/replay-plan.ts'
import { sendAgain } from '@hq-export/outbox-relay/dead-letter/send-again.ts'
import { createLog } from '@hq-export/outbox-relay/process/log.ts'
import { NotReplayableError } from '@hq-export/outbox-relay/reexport/not-replayable-error.ts'
import { noteKey } from '@hq-export/outbox-relay/reexport/note-key.ts'
import { Reexporter } from '@hq-export/outbox-relay/reexport/reexporter.ts'
import { repairDeleteRaces } from '@hq-export/outbox-relay/reexport/repair-delete-races.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { capturing, ofDataset } from '../../support/capture-rows.ts'
import { acceptAll, ScriptedGateway } from '../../support/network/scripted-gateway.ts'
import { DOORBELL_ONLY, startInProcessRelay } from '../../support/programs/in-process-relay.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'
import { whileTwoAreFound } from '../../support/while-two-are-found.ts'

const COMPANIES = 'dx_company_entities_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'
const TRACEPARENT = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
const OUTBOX = 'hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2'

let database: TestDatabase
/** The application. */
let app: pg.Client
let relay: pg.Client
let orgId: string

beforeAll(async () => {
  database = await createDxDatabase()
  app = await database.connect()
  relay = await relaySession()
  orgId = await insertOrg(app)
})

afterAll(async () => {
  await relay.end()
  await database[Symbol.asyncDispose]()
})

function relaySession(): Promise<pg.Client> {
  return connect(database.url, 'push', () => {})
}

const reexporting = (client = relay) => new Reexporter(client, createLog('silent')).step(true)

async function note(entityId: string, client = relay): Promise<void> {
  const key = `${orgId}/${entityId}`
  const noted = { key, reason: 'replay', traceparent: TRACEPARENT, letter: null } as const
  await noteKey(client, datasetByName(COMPANIES), noted)
}

async function noted(): Promise<string[]> {
  const { rows } = await app.query<{ key: string }>('select key from hq_export.reexport')
  return rows.map(({ key }) => key.split('/')[1] ?? '')
}

/** While the outbox is locked, so that a step that is on its way to it waits. */
async function whileLocked(client: pg.Client, work: (pid: number) => Promise<void>) {
  const blocker = await database.connect()
  await blocker.query(`begin; lock table ${OUTBOX} in access exclusive mode`)
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  const pid = rows[0]?.pid ?? 0
  const step = reexporting(client).then(
    () => 'done',
    () => 'died',
  )
  await waitFor('the step to wait for the outbox', async () => {
    const { rowCount } = await app.query('select from pg_locks where pid = $1 and not granted', [
      pid,
    ])
    return rowCount === 1
  })
  await work(pid)
  await blocker.query('rollback')
  await blocker.end()
  return step
}

test('a key that is noted goes out once, as its view has it by then, with its snapshot and its trace', async () => {
  const entityId = await insertCompany(app, orgId)
  const gone = await insertCompany(app, orgId)
  await note(entityId)
  await note(entityId)
  await note(gone)
  await app.query('update entities.company_entities set record_version = 2 where entity_id = $1', [
    entityId,
  ])
  await app.query('delete from entities.company_entities where entity_id = $1', [gone])
  const rows = await capturing(app, async () => {
    expect(await reexporting()).toBe(true)
    expect(await reexporting()).toBe(false)
  })
  expect(rows).toMatchObject([
    { dataset: COMPANIES, version: '2', deleted: false, traceparent: TRACEPARENT },
    { dataset: SNAPSHOTS, row: { entity_id: entityId, record_version: '2' } },
  ])
  expect(await noted()).toEqual([])
})

test('I4: a row of which a sub-select finds two goes out as a failed capture, and holds up none of the others', async () => {
  const ids: string[] = []
  for (const canonical_name of ['good', 'two', 'good', 'good', 'two'])
    ids.push(await insertCompany(app, orgId, { canonical_name }))
  for (const id of ids) await note(id)
  await whileTwoAreFound(app, 'two', async () => {
    const rows = ofDataset(await capturing(app, () => reexporting()), COMPANIES)
    const states = rows.map(({ key, sqlstate }) => [key?.split('/')[1], sqlstate])
    expect(states.toSorted()).toEqual(
      ids.map((id, n) => [id, n === 1 || n === 4 ? '21000' : null]).toSorted(),
    )
  })
  expect(await noted()).toEqual([])
})

test('I4: an insert that raced with a delete and cannot be projected is a failed capture, not lost', async () => {
  const entityId = await insertCompany(app, orgId, { canonical_name: 'two' })
  await app.query('update hq_export.version_base set deleted_at = now()')
  await whileTwoAreFound(app, 'two', async () => {
    const key = `${orgId}/${entityId}`
    await repairDeleteRaces(relay, [{ dataset: 3, key, version: '0' }])
    expect(await noted()).toEqual([entityId])
    const rows = await capturing(app, () => reexporting())
    expect(rows).toMatchObject([{ dataset: COMPANIES, key, sqlstate: '21000' }])
    // Its letter is replayed by the key; should the entity be gone, its delete has told.
    const letter = { id: '1', dataset: COMPANIES, key, reason: 'capture_failed' }
    const nothing = { deleted: false, traceparent: null, body: null, xid: '1' }
    const plan = async () => planReplay(relay, { ...letter, ...nothing }, await readBinding(relay))
    await expect(plan()).rejects.toMatchObject({ code: '21000' })
    await app.query('delete from entities.company_entities where entity_id = $1', [entityId])
    expect(await plan()).toEqual({ kind: 'gone' })
  })
})

test('I1: a relay that dies while it sends a key again leaves it noted, and the next one sends it once', async () => {
  const entityId = await insertCompany(app, orgId)
  await note(entityId)
  const dying = await relaySession()
  const end = await whileLocked(dying, async (pid) => {
    await app.query('select pg_terminate_backend($1)', [pid])
    await waitFor('its end', async () => {
      const { rowCount } = await app.query('select from pg_stat_activity where pid = $1', [pid])
      return rowCount === 0
    })
  })
  expect(end).toBe('died')
  expect(await noted()).toEqual([entityId])
  const rows = await capturing(app, () => reexporting())
  expect(ofDataset(rows, COMPANIES)).toHaveLength(1)
  expect(await noted()).toEqual([])
})

test('a key that is noted while it is being sent goes once more, and another relay does not wait for it', async () => {
  const entityId = await insertCompany(app, orgId)
  await note(entityId)
  const working = await relaySession()
  const noting = await relaySession()
  let second: Promise<void> | undefined
  await whileLocked(working, async () => {
    expect(await reexporting()).toBe(false)
    second = note(entityId, noting)
  })
  await second
  expect(await noted()).toEqual([entityId])
  expect(ofDataset(await capturing(app, () => reexporting()), COMPANIES)).toHaveLength(1)
  await working.end()
  await noting.end()
})

test('I1: a replay settles its letter and notes the key together, or does neither; the attempt knows its letter', async () => {
  const entityId = await insertCompany(app, orgId)
  const key = `${orgId}/${entityId}`
  const place = { dataset: 3, key, xid: '700', seq: '1', capturedAt: 'now' }
  const row = { ...place, deleted: false, sqlstate: null, traceparent: null, body: '{}' }
  const [letter] = await insertDeadLetters(relay, [
    { dataset: COMPANIES, row, reason: 'invalid_value', detail: null, batch: null },
  ])
  const id = letter?.id ?? ''
  const state = async () => {
    const { rows } = await app.query(
      'select resolution, resent_xid::text from hq_export.dead_letter where id = $1',
      [id],
    )
    return rows[0]
  }
  const binding = await readBinding(relay)
  for (const end of ['rollback', 'commit']) {
    expect(await state()).toEqual({ resolution: null, resent_xid: null })
    expect(await noted()).toEqual([])
    await relay.query('begin')
    await replayOne(relay, id, binding)
    await relay.query(end)
  }
  expect(await noted()).toEqual([entityId])
  expect(await state()).toMatchObject({ resolution: 'replayed' })
  await reexporting()
  const { rows } = await app.query(
    `select xid::text from (${OUTBOX.split(', ')
      .map((table) => `select xid, seq from ${table}`)
      .join(' union all ')}) o order by seq desc limit 1`,
  )
  expect((await state())?.resent_xid).toBe(rows[0]?.xid)
})

test('an entity that is deleted between plan and replay of a version conflict is planned anew, as deleted', async () => {
  const entityId = await insertCompany(app, orgId)
  const key = `${orgId}/${entityId}`
  const body = JSON.stringify({ record_version: '1' })
  const place = { dataset: 3, key, xid: '701', seq: '1', capturedAt: 'now' }
  const row = { ...place, deleted: false, sqlstate: null, traceparent: null, body }
  await insertDeadLetters(relay, [
    { dataset: COMPANIES, row, reason: 'version_conflict', detail: null, batch: null },
  ])
  const { rows } = await app.query(
    `select d.id::text as id, dataset, key, reason, deleted, traceparent, body, xid::text as xid
     from hq_export.dead_letter d where key = $1`,
    [key],
  )
  const binding = await readBinding(relay)
  const plan = await planReplay(relay, rows[0], binding)
  await app.query('delete from entities.company_entities where entity_id = $1', [entityId])
  await relay.query('begin')
  await expect(sendAgain(relay, plan as Plan<'current'>, rows[0], binding)).rejects.toBeInstanceOf(
    NotReplayableError,
  )
  await relay.query('rollback')
  expect(await planReplay(relay, rows[0], binding)).toMatchObject({ kind: 'stored', deleted: true })
  expect(await noted()).toEqual([])
})

test('I1: a key that is noted arrives with no poll to help it: of a transaction that saw the relay awake and ends while it sleeps, too', async () => {
  const entityId = await insertCompany(app, orgId)
  const isOurs = ({ row }: { row: Record<string, unknown> }) => row.entity_id === entityId
  await using gateway = await ScriptedGateway.start()
  const held = Promise.withResolvers<void>()
  let arrived = 0
  gateway.answer(async (batch) => {
    const { dataset, rows } = batch.envelope
    if (dataset === COMPANIES && rows.some(isOurs) && ++arrived === 1) await held.promise
    return acceptAll(batch)
  })
  await using _relay = await startInProcessRelay({
    databaseUrl: database.url,
    ingestUrl: gateway.url,
    timing: DOORBELL_ONLY,
  })
  // The second look after the doorbell is armed is one of rest: nothing is read any more.
  const asleep = async () => {
    const looks = new Set<string>()
    await waitFor('the relay to rest', async () => {
      const { rows } = await app.query<{ at: string }>(
        `select query_start::text as at from pg_stat_activity
         where hq_export.is_relay_asleep() and datname = current_database()
           and query like '%unrung%'
           and pid <> pg_backend_pid()`,
      )
      for (const { at } of rows) looks.add(at)
      return looks.size > 1
    })
  }
  await waitFor('a batch under way', () => arrived === 1)
  const noting = await relaySession()
  await noting.query('begin')
  await note(entityId, noting)
  held.resolve()
  await asleep()
  await noting.query('commit')
  await waitFor('what was noted while the relay was awake', () => arrived === 2)
  await asleep()
  await note(entityId, noting)
  await waitFor('what was noted while it slept', () => arrived === 3)
  await noting.end()
})
