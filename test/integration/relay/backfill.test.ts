import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { expectEqualSides } from '../../support/equal-sides.ts'
import { acceptAll, ScriptedGateway } from '../../support/network/scripted-gateway.ts'
import { runApp } from '../../support/programs/app-process.ts'
import { startInProcessRelay } from '../../support/programs/in-process-relay.ts'
import { createSecret, Pipeline } from '../../support/programs/pipeline.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../../support/reference-rows.ts'
import { createDxDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const COMPANIES = 'dx_company_entities_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'
const EVENTS = 'dx_operation_events_v1'

let pipeline: Pipeline

async function begin(orgs?: readonly string[]): Promise<void> {
  pipeline = await Pipeline.create()
  await pipeline.runGateway(orgs)
}

/** A command of the operator, in a process of its own; no relay runs, so it delivers by itself. */
async function backfill(...args: string[]) {
  const { exitCode, output } = await runApp(
    'outbox-relay',
    ['backfill', ...args, '--json'],
    pipeline.relayEnv,
  )
  // Beside log lines, which are JSON, too.
  const json = output.split('\n').find((line) => /^(?:\{(?!"level")|\[)/.test(line))
  return { exitCode, output, result: json === undefined ? undefined : JSON.parse(json) }
}

/** Writes as it was before capture was installed: nothing of it is in the outbox. */
async function beforeCapture(work: (dx: pg.Client) => Promise<unknown>): Promise<void> {
  await pipeline.dx.query("set hq_export.disabled = 'on'")
  await work(pipeline.dx)
  await pipeline.dx.query('reset hq_export.disabled')
}

async function hqKeys(dataset: string, column: string): Promise<string[]> {
  const { rows } = await pipeline.hq.query<{ key: string }>(
    `select ${column}::text as key from hq.${dataset} order by 1`,
  )
  return rows.map(({ key }) => key)
}

/** Everything HQ has, with the place of each row version: any write changes it. */
async function hqImage(): Promise<unknown> {
  const tables = ['dx_operation_runs_v1', EVENTS, COMPANIES, 'dx_person_entities_v1', SNAPSHOTS]
  const images: unknown[] = []
  for (const table of tables) {
    const { rows } = await pipeline.hq.query(
      `select ctid::text, xmin::text, _dx_batch, t::text from hq.${table} t order by 4`,
    )
    images.push(rows)
  }
  return images
}

describe('a database that was there before us', () => {
  let orgId: string
  let otherOrgId: string

  beforeAll(async () => {
    await begin()
    await beforeCapture(async (dx) => {
      orgId = await insertOrg(dx)
      otherOrgId = await insertOrg(dx)
      for (const org of [orgId, otherOrgId]) {
        const run = await insertRun(dx, org, { created_at: '2026-01-10T00:00:00Z' })
        await insertRun(dx, org, { status: 'running', created_at: '2026-01-10T00:00:00Z' })
        for (let n = 0; n < 3; n++) {
          await insertEvent(dx, org, run, {
            event_sequence: n,
            occurred_at: `2026-01-1${n}T00:00:00Z`,
            metadata_json: '{"cost": 1.10, "big": 12345678901234567890}',
          })
        }
        await insertCompany(dx, org, { updated_at: '2026-01-10T00:00:00Z' })
        await insertCompany(dx, org, { updated_at: '2026-02-10T00:00:00Z' })
        await insertPerson(dx, org, { updated_at: '2026-02-10T00:00:00Z' })
      }
    })
  })

  afterEach(async () => {
    await pipeline.hq.query(
      `truncate hq.dx_operation_runs_v1, hq.${EVENTS}, hq.${COMPANIES}, hq.dx_person_entities_v1,
         hq.${SNAPSHOTS}, ingest.batch, ingest.quarantine`,
    )
    await pipeline.dx.query('truncate hq_export.backfill')
  })

  afterAll(() => pipeline[Symbol.asyncDispose]())

  test('--dry-run counts exactly and writes nothing, on neither side', async () => {
    const { exitCode, result } = await backfill('--dry-run')
    expect(exitCode).toBe(0)
    const counted = result.passes.map((pass: Record<string, unknown>) => [
      pass.dataset,
      pass.kind,
      pass.rows,
      pass.exact,
    ])
    expect(counted).toEqual([
      ['dx_operation_runs_v1', 'rows', 2, true],
      [EVENTS, 'rows', 6, true],
      [COMPANIES, 'rows', 4, true],
      [SNAPSHOTS, 'rows', 4, true],
      [COMPANIES, 'deletes', 0, true],
      ['dx_person_entities_v1', 'rows', 2, true],
      [SNAPSHOTS, 'rows', 2, true],
      ['dx_person_entities_v1', 'deletes', 0, true],
    ])
    expect(result.rows).toBe(20)
    expect((await pipeline.dx.query('select from hq_export.backfill')).rowCount).toBe(0)
    expect((await pipeline.hq.query('select from ingest.batch')).rowCount).toBe(0)
  })

  test('all of it arrives without a relay, equal column by column, and the second time, asked for by name, changes nothing in HQ', async () => {
    const first = await backfill()
    expect(first).toMatchObject({
      exitCode: 0,
      result: { state: 'completed', refused: 0, counts: { received: 20, inserted: 20 } },
    })
    await expectEqualSides(pipeline.dx, pipeline.hq)
    expect(await hqKeys(SNAPSHOTS, 'snapshot_id')).toHaveLength(6)
    const image = await hqImage()

    const second = await backfill('--dataset', 'all')
    expect(second).toMatchObject({
      exitCode: 0,
      result: { state: 'completed', dataset: 'all', counts: { received: 20, duplicate: 20 } },
    })
    expect(await hqImage()).toEqual(image)
    const outbox = await pipeline.dx.query(
      `select from hq_export.outbox_0 union all select from hq_export.outbox_1
       union all select from hq_export.outbox_2`,
    )
    expect(outbox.rowCount).toBe(0)
  })

  test('what was captured of a version and what a backfill sends of it are the same row, and the same snapshot', async () => {
    const entityId = await insertCompany(pipeline.dx, orgId, { canonical_payload: '{"a": 1.10}' })
    const relay = pipeline.runRelay()
    await pipeline.settled()
    await relay.terminate()
    const image = await hqImage()
    const { result } = await backfill('--dataset', COMPANIES, '--org', orgId)
    expect(result.counts).toMatchObject({ inserted: 4, duplicate: 2, quarantined: 0 })
    const stored = await pipeline.hq.query(
      `select xmin::text from hq.${SNAPSHOTS} where entity_id = $1`,
      [entityId],
    )
    expect(JSON.stringify(image)).toContain(`"xmin":"${stored.rows[0].xmin}"`)
    await beforeCapture((dx) =>
      dx.query('delete from entities.company_entities where entity_id = $1', [entityId]),
    )
  })

  test.each([
    { args: ['--since', '2026-01-11T00:00:00Z'], sequences: [1, 1, 2, 2] },
    { args: ['--until', '2026-01-11'], sequences: [0, 0] },
    { args: ['--since', '2026-01-11', '--until', '2026-01-12T00:00:00+00:00'], sequences: [1, 1] },
  ])(
    '$args selects exactly these rows: from inclusive, until exclusive',
    async ({ args, sequences }) => {
      expect((await backfill('--dataset', EVENTS, ...args)).exitCode).toBe(0)
      const found = await hqKeys(EVENTS, 'event_sequence')
      expect(found.map(Number)).toEqual(sequences)
    },
  )

  test('--org selects the rows of this tenant, in every dataset', async () => {
    const { result } = await backfill('--org', otherOrgId)
    expect(result.counts).toMatchObject({ received: 10, inserted: 10 })
    for (const dataset of ['dx_operation_runs_v1', EVENTS, COMPANIES, SNAPSHOTS]) {
      expect(new Set(await hqKeys(dataset, 'org_id'))).toEqual(new Set([otherOrgId]))
    }
  })

  test('the dataset of snapshots sends the current versions alone, by the time of the version', async () => {
    const { result } = await backfill('--dataset', SNAPSHOTS, '--since', '2026-02-01')
    expect(result.counts).toMatchObject({ received: 4, inserted: 4 })
    expect(await hqKeys(COMPANIES, 'entity_id')).toEqual([])
    expect(await hqKeys(SNAPSHOTS, 'entity_type')).toEqual([
      'company',
      'company',
      'person',
      'person',
    ])
  })

  test('settings that cannot deliver are exit status 2, with the reason, and the backfill stays recorded', async () => {
    const { exitCode, output } = await runApp('outbox-relay', ['backfill'], {
      ...pipeline.relayEnv,
      HQ_SIGNING_SECRET: createSecret(),
    })
    expect(exitCode).toBe(2)
    expect(output).toContain('401 unauthorized')
    const listed = await backfill('list')
    expect(listed.result).toMatchObject([
      { state: 'running', reason: expect.stringContaining('halted') },
    ])
    // With the right ones it goes on.
    expect(await backfill('resume')).toMatchObject({ exitCode: 0, result: { state: 'completed' } })
    await expectEqualSides(pipeline.dx, pipeline.hq)
  })

  test('bad usage exits 2 and records nothing', async () => {
    const usages = [
      ['--dataset', 'dx_nothing_v1'],
      ['--since', 'soon'],
      ['--since', '2026-02-01', '--until', '2026-01-01'],
      ['--org', 'acme'],
      ['pause', 'x'],
      ['resume'],
      ['cancel', '4711'],
    ]
    for (const args of usages) {
      const { exitCode } = await backfill(...args)
      expect({ args, exitCode }).toEqual({ args, exitCode: 2 })
    }
    expect((await pipeline.dx.query('select from hq_export.backfill')).rowCount).toBe(0)
  })

  test('a backfill that is over cannot be steered any more', async () => {
    const { result } = await backfill('--dataset', EVENTS)
    const canceled = await backfill('cancel', result.id)
    expect(canceled).toMatchObject({ exitCode: 1, result: { state: 'completed' } })
  })
})

describe('what cannot arrive, and what is gone', () => {
  afterEach(() => pipeline[Symbol.asyncDispose]())

  test('I4: rows that HQ refuses are dead letters, stop no other, and make it exit status 1', async () => {
    await begin()
    await beforeCapture(async (dx) => {
      const orgId = await insertOrg(dx)
      const run = await insertRun(dx, orgId)
      await insertEvent(dx, orgId, run, { event_sequence: 1 })
      await dx.query('alter table ops.operation_events alter column event_type drop not null')
      await insertEvent(dx, orgId, run, { event_sequence: 2, event_type: null })
      await insertCompany(dx, orgId)
    })
    const { exitCode, result } = await backfill()
    expect(exitCode).toBe(1)
    expect(result).toMatchObject({ state: 'completed', refused: 1, counts: { quarantined: 1 } })
    const letters = await pipeline.dx.query(
      'select dataset, reason, attempts from hq_export.dead_letter',
    )
    expect(letters.rows).toEqual([{ dataset: EVENTS, reason: 'invalid_type', attempts: 1 }])
    expect(await hqKeys(EVENTS, 'event_sequence')).toEqual(['1'])

    // Mended in the source, a replay of the letter sends the row.
    await beforeCapture((dx) =>
      dx.query("update ops.operation_events set event_type = 'error' where event_type is null"),
    )
    const replay = await runApp(
      'outbox-relay',
      ['dead-letters', 'replay', '--all'],
      pipeline.relayEnv,
    )
    expect(replay).toMatchObject({ exitCode: 0 })
    pipeline.runRelay()
    await pipeline.settled()
    expect(await hqKeys(EVENTS, 'event_sequence')).toEqual(['1', '2'])
  })

  test('a row that PostgreSQL cannot project is a dead letter by itself, once, and the rows around it arrive', async () => {
    await begin()
    await beforeCapture(async (dx) => {
      const orgId = await insertOrg(dx)
      for (let n = 10; n < 50; n++) {
        // Faults that could be the statement's: before any row was read, side by side, and last.
        const lacksRight = [10, 11, 49].includes(n)
        await insertCompany(dx, orgId, {
          entity_id: `00000000-0000-0000-0000-0000000000${n}`,
          canonical_name: lacksRight ? 'a right' : n === 17 ? 'not a number' : String(n),
        })
      }
    })
    // As a binding could have it: an expression that fails on one row's values.
    const view = await pipeline.dx.query<{ sql: string }>(
      `select pg_get_viewdef('hq_export.${COMPANIES}') as sql`,
    )
    const sql = view.rows[0]?.sql.replace(
      /r?\.?employee_count( AS employee_count)?/,
      'public.number_of(r.canonical_name) AS employee_count',
    )
    await pipeline.dx.query(`
      create function public.number_of(name text) returns integer language plpgsql stable as $$
      begin
        if name = 'a right' then raise insufficient_privilege; end if;
        return name::integer;
      end $$`)
    await pipeline.dx.query(`create or replace view hq_export.${COMPANIES} as ${sql}`)
    for (const attempts of [1, 2]) {
      const { exitCode, result } = await backfill('--dataset', COMPANIES)
      expect({ exitCode, refused: result.refused }).toEqual({ exitCode: 1, refused: 4 })
      const letters = await pipeline.dx.query(
        'select reason, detail, attempts, body from hq_export.dead_letter d order by d.detail',
      )
      const letter = { reason: 'projection_failed', attempts, body: null }
      const lacksRight = { ...letter, detail: 'SQLSTATE 42501' }
      expect(letters.rows).toEqual([
        { ...letter, detail: 'SQLSTATE 22P02' },
        lacksRight,
        lacksRight,
        lacksRight,
      ])
    }
    expect(await hqKeys(COMPANIES, 'entity_id')).toHaveLength(36)

    // Where no row can be read the statement is wrong, and none of them goes to the dead letters.
    await pipeline.dx.query(`
      create or replace function public.number_of(name text) returns integer language plpgsql stable
      as $$ begin raise insufficient_privilege; end $$`)
    expect(await backfill('--dataset', COMPANIES)).toMatchObject({
      exitCode: 2,
      result: { state: 'failed', reason: expect.stringContaining('SQLSTATE 42501'), refused: 0 },
    })
  })

  test('a view that cannot be read fails the backfill with the reason, and it goes on once mended', async () => {
    await begin()
    await beforeCapture(async (dx) => insertCompany(dx, await insertOrg(dx)))
    const stray = { ...pipeline.relayEnv, HQ_SIGNING_SECRET: createSecret() }
    expect(await runApp('outbox-relay', ['backfill'], stray)).toMatchObject({ exitCode: 2 })
    const view = `hq_export.${COMPANIES}`
    await pipeline.dx.query(`revoke select on ${view} from hq_export_relay`)
    expect(await backfill('resume')).toMatchObject({
      exitCode: 2,
      result: { state: 'failed', reason: expect.stringContaining('SQLSTATE 42501') },
    })
    await pipeline.dx.query(`grant select on ${view} to hq_export_relay`)
    expect(await backfill('resume')).toMatchObject({ exitCode: 0, result: { state: 'completed' } })
    await expectEqualSides(pipeline.dx, pipeline.hq)
  })

  test('deletes that HQ missed are made up for, ones that it has are duplicates, and none comes back to life', async () => {
    await begin()
    const { dx, hq } = pipeline
    const orgId = await insertOrg(dx)
    const [known, missed, revived, unknown] = [
      randomUUID(),
      randomUUID(),
      randomUUID(),
      randomUUID(),
    ]
    const remove = (id: string) =>
      dx.query('delete from entities.company_entities where entity_id = $1', [id])
    for (const id of [known, missed, revived, unknown])
      await insertCompany(dx, orgId, { entity_id: id })
    const relay = pipeline.runRelay()
    await pipeline.settled()
    await remove(known)
    await pipeline.settled()
    await relay.terminate()
    await remove(missed)
    await remove(unknown)
    await remove(revived)
    await insertCompany(dx, orgId, { entity_id: revived, canonical_name: 'again' })
    await dx.query('truncate hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2')
    await hq.query(`delete from hq.${COMPANIES} where entity_id = $1`, [unknown])

    const { exitCode, result } = await backfill('--dataset', COMPANIES)
    expect(exitCode).toBe(0)
    expect(result.counts).toMatchObject({ inserted: 2, updated: 2, duplicate: 1, quarantined: 0 })
    await expectEqualSides(dx, hq)
    const { rows } = await hq.query(
      `select entity_id, canonical_name, record_version::text as version,
         _dx_deleted_at is not null as gone
       from hq.${COMPANIES} order by entity_id`,
    )
    expect(Object.fromEntries(rows.map(({ entity_id, ...row }) => [entity_id, row]))).toEqual({
      // Its last state came with the delete, and stays.
      [known]: { canonical_name: 'Acme', version: '2', gone: true },
      // Only that it is gone is known still.
      [missed]: { canonical_name: null, version: '2', gone: true },
      [unknown]: { canonical_name: null, version: '2', gone: true },
      [revived]: { canonical_name: 'again', version: '3', gone: false },
    })
    const image = await hqImage()
    expect((await backfill('--dataset', COMPANIES)).result.counts).toMatchObject({
      received: 5,
      duplicate: 5,
    })
    expect(await hqImage()).toEqual(image)
  })
})

test('a backfill that HQ refuses as a whole is exit status 2 with the reason, and live changes go on', async () => {
  await using gateway = await ScriptedGateway.start()
  gateway.answer((batch) =>
    batch.envelope.dataset === EVENTS
      ? {
          status: 403,
          body: { code: 'not_allowed', status: 403, title: 'no', type: 'about:blank' },
        }
      : acceptAll(batch),
  )
  await using database = await createDxDatabase()
  const dx = await database.connect()
  const orgId = await insertOrg(dx)
  await dx.query("set hq_export.disabled = 'on'")
  await insertEvent(dx, orgId, await insertRun(dx, orgId))
  await dx.query('reset hq_export.disabled')
  await using started = await startInProcessRelay({
    databaseUrl: database.url,
    ingestUrl: gateway.url,
  })
  const command = await runApp('outbox-relay', ['backfill', '--dataset', EVENTS], {
    DX_DATABASE_URL: database.url,
  })
  expect(command.exitCode).toBe(2)
  expect(command.output).toContain('delivery halted: 403')
  await insertCompany(dx, orgId)
  // Far less than the pause of a halted delivery.
  await waitFor(
    'the live change',
    () => gateway.received.some(({ envelope }) => envelope.dataset === COMPANIES),
    10_000,
  )
  expect(started.relay.progress.state).toBe('working')
})
