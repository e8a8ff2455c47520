import { randomUUID } from 'node:crypto'
import { insertDeadLetters } from '@hq-export/outbox-relay/dead-letter/insert-dead-letters.ts'
import { replayDeadLetters } from '@hq-export/outbox-relay/dead-letter/replay-dead-letters.ts'
import {
  type DeadLetterSelection,
  selectDeadLetters,
} from '@hq-export/outbox-relay/dead-letter/selection.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runApp } from '../../support/programs/app-process.ts'
import { Pipeline } from '../../support/programs/pipeline.ts'
import { insertCompany, insertEvent, insertOrg, insertRun } from '../../support/reference-rows.ts'
import { waitFor } from '../../support/wait-for.ts'

const COMPANIES = 'dx_company_entities_v1'
const EVENTS = 'dx_operation_events_v1'
const RUNS = 'dx_operation_runs_v1'

let pipeline: Pipeline
let operator: pg.Client
let orgId: string

beforeAll(async () => {
  pipeline = await Pipeline.create()
  await pipeline.runGateway()
  pipeline.runRelay()
  operator = await connect(pipeline.dxDatabase.url, 'command', () => {})
})

beforeEach(async () => {
  // What the test before has replayed is sent by the relay's loop.
  await pipeline.settled()
  await pipeline.dx.query('truncate hq_export.dead_letter')
  orgId = await insertOrg(pipeline.dx)
})

afterAll(async () => {
  await operator.end()
  await pipeline[Symbol.asyncDispose]()
})

function relay(...args: string[]) {
  return runApp('outbox-relay', ['dead-letters', ...args], {
    DX_DATABASE_URL: pipeline.dxDatabase.url,
  })
}

async function readHq(dataset: string, column: string, value: string) {
  await pipeline.settled()
  const { rows } = await pipeline.hq.query(`select * from hq.${dataset} where ${column} = $1`, [
    value,
  ])
  return rows
}

/** Dead letters, once `count` of them are open. */
async function openLetters(count: number) {
  return waitFor(`${count} open dead letters`, async () => {
    const { rows } = await pipeline.dx.query(
      `select id::text as id, dataset, key, reason, attempts, replay_count, deleted
       from hq_export.dead_letter where resolved_at is null order by hq_export.dead_letter.id`,
    )
    return rows.length === count && rows
  })
}

async function replay(selection: DeadLetterSelection = {}, isDryRun = false) {
  return replayDeadLetters(operator, await selectDeadLetters(operator, selection), isDryRun)
}

async function resolutions() {
  const { rows } = await pipeline.dx.query(
    'select resolution, replay_count from hq_export.dead_letter d order by d.id',
  )
  return rows.map(({ resolution, replay_count }) => `${resolution} ${replay_count}`)
}

/** Writes without capture: what the source holds afterwards only a replay can bring to HQ. */
async function uncaptured(sql: string, values: readonly unknown[]): Promise<void> {
  await pipeline.dx.query("set hq_export.disabled = 'on'")
  await pipeline.dx.query(sql, [...values])
  await pipeline.dx.query('reset hq_export.disabled')
}

async function refusedCompany(): Promise<string> {
  const entityId = await insertCompany(pipeline.dx, orgId, { enrichment_confidence: 'NaN' })
  await openLetters(1)
  return entityId
}

async function batchesOf(dataset: string): Promise<number> {
  await pipeline.settled()
  const { rows } = await pipeline.hq.query(
    'select count(*)::int as count from ingest.batch where dataset = $1',
    [dataset],
  )
  return rows[0].count
}

describe('replay', () => {
  test('I4: a refused row lands once it is corrected in the source, as it is there now', async () => {
    const entityId = await refusedCompany()
    expect(await readHq(COMPANIES, 'entity_id', entityId)).toEqual([])
    await uncaptured(
      `update entities.company_entities
       set enrichment_confidence = 0.50, canonical_name = 'now', record_version = 7
       where entity_id = $1`,
      [entityId],
    )
    expect(await replay()).toMatchObject({ selected: 1, sent: 1, gone: 0, not_replayable: [] })
    expect(await resolutions()).toEqual(['replayed 1'])
    expect(await readHq(COMPANIES, 'entity_id', entityId)).toMatchObject([
      { canonical_name: 'now', enrichment_confidence: '0.50', record_version: '7' },
    ])
    const snapshots = await readHq('dx_entity_snapshots_v1', 'entity_id', entityId)
    expect(snapshots.map(({ record_version }) => record_version).sort()).toEqual(['1', '7'])
  })

  test('I3: a second replay is a batch of its own, not an answer from the ledger, and changes nothing', async () => {
    const entityId = await refusedCompany()
    await uncaptured(
      `update entities.company_entities set enrichment_confidence = 1, record_version = 2
       where entity_id = $1`,
      [entityId],
    )
    const [letter] = await selectDeadLetters(operator, {})
    const ids = [String(letter?.id)]
    await replay({ ids })
    const [first] = await readHq(COMPANIES, 'entity_id', entityId)
    const before = await batchesOf(COMPANIES)
    expect(await replay({ ids })).toMatchObject({ sent: 1 })
    expect(await batchesOf(COMPANIES)).toBe(before + 1)
    expect(await readHq(COMPANIES, 'entity_id', entityId)).toEqual([first])
    expect(await resolutions()).toEqual(['replayed 2'])
  })

  test('a row that is refused again opens its letter again, and only an open letter is selected by filter', async () => {
    await refusedCompany()
    expect(await replay({ dataset: COMPANIES })).toMatchObject({ sent: 1 })
    expect(await openLetters(1)).toMatchObject([{ attempts: 2, replay_count: 1 }])
    expect(await replay({ dataset: EVENTS })).toMatchObject({ selected: 0 })
    expect(await replay({ reason: 'invalid_value' })).toMatchObject({ selected: 1, sent: 1 })
    expect(await openLetters(1)).toMatchObject([{ attempts: 3, replay_count: 2 }])
  })

  test('a dry run counts and writes nothing', async () => {
    await refusedCompany()
    await pipeline.settled()
    const seq = () => pipeline.dx.query('select last_value from hq_export.outbox_seq')
    const before = (await seq()).rows
    expect(await replay({}, true)).toMatchObject({ dry_run: true, selected: 1, sent: 1 })
    expect(await openLetters(1)).toMatchObject([{ attempts: 1, replay_count: 0 }])
    expect((await seq()).rows).toEqual(before)
  })

  test('a letter of an entity that was deleted since is settled without sending anything', async () => {
    const entityId = await refusedCompany()
    await uncaptured('delete from entities.company_entities where entity_id = $1', [entityId])
    expect(await replay()).toMatchObject({ sent: 0, gone: 1 })
    expect(await resolutions()).toEqual(['gone 0'])
  })

  test('an append-only row is read from the source while it is there', async () => {
    const runId = await insertRun(pipeline.dx, orgId, { cost_usd: 'NaN' })
    expect(await openLetters(1)).toMatchObject([{ dataset: RUNS, key: runId }])
    await uncaptured('update ops.operation_runs set cost_usd = 0.10 where run_id = $1', [runId])
    expect(await replay()).toMatchObject({ sent: 1 })
    expect(await readHq(RUNS, 'run_id', runId)).toMatchObject([{ cost_usd: '0.10' }])
  })

  test('an append-only row that the source has no more is sent as it was', async () => {
    const runId = await insertRun(pipeline.dx, orgId)
    const first = await insertEvent(pipeline.dx, orgId, runId)
    await readHq(EVENTS, 'event_id', first)
    await pipeline.dx.query('delete from ops.operation_events where event_id = $1', [first])
    const second = await insertEvent(pipeline.dx, orgId, runId)
    expect(await openLetters(1)).toMatchObject([{ reason: 'uniqueness_violation', key: second }])
    await pipeline.dx.query('delete from ops.operation_events where event_id = $1', [second])
    await pipeline.hq.query('delete from hq.dx_operation_events_v1 where event_id = $1', [first])
    expect(await replay()).toMatchObject({ sent: 1 })
    expect(await readHq(EVENTS, 'event_id', second)).toHaveLength(1)
  })
})

describe('a version that HQ holds with other content', () => {
  /** HQ has version 2 of a commit that the source lost in a failover. */
  async function forkedCompany(): Promise<string> {
    const entityId = await insertCompany(pipeline.dx, orgId)
    await readHq(COMPANIES, 'entity_id', entityId)
    await pipeline.hq.query(
      `update hq.${COMPANIES} set record_version = 2, canonical_name = 'lost' where entity_id = $1`,
      [entityId],
    )
    return entityId
  }

  test('the relay sends it above that by itself; a replay of the settled letter raises nothing more', async () => {
    const entityId = await forkedCompany()
    await pipeline.dx.query(
      `update entities.company_entities set record_version = 2, canonical_name = 'kept'
       where entity_id = $1`,
      [entityId],
    )
    await waitFor('the row in HQ', async () => {
      const [row] = await readHq(COMPANIES, 'entity_id', entityId)
      return row?.canonical_name === 'kept'
    })
    expect(await openLetters(0)).toEqual([])
    const landed = await readHq(COMPANIES, 'entity_id', entityId)
    const { rows } = await pipeline.dx.query('select id::text from hq_export.dead_letter')
    expect(await replay({ ids: rows.map(({ id }) => id) })).toMatchObject({ sent: rows.length })
    expect(await readHq(COMPANIES, 'entity_id', entityId)).toEqual(landed)
    expect(await openLetters(0)).toEqual([])
  })

  test('what HQ refused twice is sent above both by a replay', async () => {
    const entityId = await forkedCompany()
    const key = `${orgId}/${entityId}`
    const insert = `insert into hq_export.dead_letter
        (captured_at, xid, dataset, key, reason, body, fingerprint)
      values (now(), '700', $1, $2, 'version_conflict',
        json_build_object('record_version', $3::text)::text, $4)`
    await pipeline.dx.query(insert, [COMPANIES, key, '2', Buffer.from('a')])
    await pipeline.dx.query(insert, [COMPANIES, key, '1000002', Buffer.from('b')])
    await uncaptured(
      `update entities.company_entities set canonical_name = 'kept', record_version = 2
       where entity_id = $1`,
      [entityId],
    )
    expect(await replay()).toMatchObject({ sent: 2, not_replayable: [] })
    const [row] = await readHq(COMPANIES, 'entity_id', entityId)
    expect(row).toMatchObject({ canonical_name: 'kept' })
    expect(Number(row?.record_version)).toBeGreaterThan(2_000_000)
  })

  test('at the highest version there is nothing above, and the operator is told', async () => {
    const version = '9223372036854775807'
    const entityId = await insertCompany(pipeline.dx, orgId)
    await readHq(COMPANIES, 'entity_id', entityId)
    await pipeline.hq.query(`update hq.${COMPANIES} set record_version = $2 where entity_id = $1`, [
      entityId,
      version,
    ])
    await pipeline.dx.query(
      `update entities.company_entities set record_version = $2, canonical_name = 'kept'
       where entity_id = $1`,
      [entityId, version],
    )
    await openLetters(1)
    const { sent, not_replayable } = await replay()
    expect({ sent, not_replayable }).toMatchObject({
      sent: 0,
      not_replayable: [{ why: expect.stringContaining('highest version') }],
    })
  })
})

test('I4: a row that somebody holds locked in HQ is left for later; an unrelated one arrives meanwhile, and it follows by itself', async () => {
  const held = await insertCompany(pipeline.dx, orgId)
  await readHq(COMPANIES, 'entity_id', held)
  const holder = await pipeline.hqDatabase.connect()
  await holder.query('begin')
  await holder.query(`select from hq.${COMPANIES} where entity_id = $1 for update`, [held])
  await pipeline.dx.query(
    `update entities.company_entities set canonical_name = 'new', record_version = 2
     where entity_id = $1`,
    [held],
  )
  const other = await insertCompany(pipeline.dx, orgId)
  expect(await readHq(COMPANIES, 'entity_id', other)).toHaveLength(1)
  expect(await openLetters(1)).toMatchObject([{ reason: 'not_in_time' }])
  await holder.query('rollback')
  await holder.end()
  await openLetters(0)
  expect(await readHq(COMPANIES, 'entity_id', held)).toMatchObject([{ canonical_name: 'new' }])
})

describe('captures that failed', () => {
  const rename = (table: string, to: string) =>
    pipeline.dx.query(`alter table hq_export.${table} rename to ${to}`)

  /**
   * Captures of entities fail in one transaction, and the relay sees their raw rows when all is
   * well again.
   */
  async function whileCaptureFails(work: () => Promise<unknown>): Promise<void> {
    await pipeline.dx.query('begin')
    await rename('version_base', 'elsewhere')
    await work()
    await rename('elsewhere', 'version_base')
    await pipeline.dx.query('commit')
  }

  /** A raw row that nobody could project, as a letter. */
  const insertRawLetter = (dataset: string, values: Readonly<Record<string, unknown>>) =>
    pipeline.dx.query(
      `insert into hq_export.dead_letter (captured_at, xid, dataset, reason, body, fingerprint)
       select now(), '700', $1, 'capture_failed', row_to_json(r)::text,
         sha256(random()::text::bytea)
       from jsonb_populate_record(null::ops.operation_runs, $2) r`,
      [dataset, JSON.stringify({ org_id: orgId, ...values })],
    )

  test('the relay sends by itself what it can project: entities as they are now, deletes from the raw row', async () => {
    const gone = await insertCompany(pipeline.dx, orgId)
    const back = await insertCompany(pipeline.dx, orgId, { record_version: 4 })
    let entityId = ''
    await whileCaptureFails(async () => {
      entityId = await insertCompany(pipeline.dx, orgId, { canonical_name: 'raw' })
      await pipeline.dx.query('delete from entities.company_entities where entity_id = any ($1)', [
        [gone, back],
      ])
      await insertCompany(pipeline.dx, orgId, { entity_id: back, canonical_name: 'back' })
    })
    expect(await readHq(COMPANIES, 'entity_id', entityId)).toMatchObject([
      { canonical_name: 'raw', record_version: '1' },
    ])
    expect(await readHq('dx_entity_snapshots_v1', 'entity_id', entityId)).toHaveLength(1)
    expect(await readHq(COMPANIES, 'entity_id', gone)).toMatchObject([
      { record_version: '2', _dx_deleted_at: expect.any(Date) },
    ])
    expect(await readHq(COMPANIES, 'entity_id', back)).toMatchObject([
      { canonical_name: 'back', record_version: '6', _dx_deleted_at: null },
    ])
    expect(await openLetters(0)).toEqual([])
  })

  test('I4: whatever a function raises for one row, under whichever SQLSTATE, costs its own row and no other', async () => {
    const states = ['0A000', '21000', '39004', '42501', '55000', 'HQ001', 'P0001']
    const view = `hq_export.${COMPANIES}`
    const { rows } = await pipeline.dx.query<{ sql: string }>(
      `select pg_get_viewdef('${view}') as sql`,
    )
    const [{ sql } = { sql: '' }] = rows
    await pipeline.dx.query(`
      create function public.checked(name text) returns integer language plpgsql stable as $$
      begin
        if name like 'bad %' then
          raise exception 'told %', name using errcode = substr(name, 5);
        end if;
        return 1;
      end $$`)
    const raising = sql.replace(
      /r?\.?employee_count( AS employee_count)?/,
      'public.checked(r.canonical_name) AS employee_count',
    )
    await pipeline.dx.query(`create or replace view ${view} as ${raising}`)
    try {
      const good: string[] = []
      await whileCaptureFails(async () => {
        for (const state of states) {
          await insertCompany(pipeline.dx, orgId, { canonical_name: `bad ${state}` })
          good.push(await insertCompany(pipeline.dx, orgId, { canonical_name: 'good' }))
        }
      })
      await openLetters(states.length)
      for (const id of good) expect(await readHq(COMPANIES, 'entity_id', id)).toHaveLength(1)
      const { not_replayable } = await replay()
      expect(not_replayable.map(({ why }) => /SQLSTATE (\w+)/.exec(why)?.[1]).toSorted()).toEqual(
        states,
      )
      expect(JSON.stringify(not_replayable)).not.toContain('told')
    } finally {
      await pipeline.dx.query(`create or replace view ${view} as ${sql}`)
    }
    expect(await replay()).toMatchObject({ sent: states.length, not_replayable: [] })
  })

  test('a raw row is found in the source by its key, and sent as it is there now', async () => {
    const column = (from: string, to: string) =>
      pipeline.dx.query(`alter table entities.company_entities rename column ${from} to ${to}`)
    await column('industry', 'sector')
    const entityId = await insertCompany(pipeline.dx, orgId, { canonical_name: 'raw' })
    expect(await openLetters(1)).toMatchObject([{ reason: 'capture_failed', key: null }])
    await column('sector', 'industry')
    expect(await replay()).toMatchObject({ sent: 1 })
    expect(await readHq(COMPANIES, 'entity_id', entityId)).toMatchObject([
      { canonical_name: 'raw', record_version: '1' },
    ])
    expect(await readHq('dx_entity_snapshots_v1', 'entity_id', entityId)).toHaveLength(1)
  })

  test('a delete whose capture failed is projected from its raw row', async () => {
    const entityId = await insertCompany(pipeline.dx, orgId)
    await rename('version_base', 'elsewhere')
    await pipeline.dx.query('delete from entities.company_entities where entity_id = $1', [
      entityId,
    ])
    expect(await openLetters(1)).toMatchObject([{ reason: 'capture_failed', deleted: true }])
    await rename('elsewhere', 'version_base')
    expect(await replay()).toMatchObject({ sent: 1 })
    expect(await readHq(COMPANIES, 'entity_id', entityId)).toMatchObject([
      { record_version: '2', _dx_deleted_at: expect.any(Date) },
    ])
    await insertCompany(pipeline.dx, orgId, { entity_id: entityId })
    expect(await readHq(COMPANIES, 'entity_id', entityId)).toMatchObject([
      { record_version: '3', _dx_deleted_at: null },
    ])
  })

  test('what cannot be replayed stays open, says why and what helps, and stops no other letter', async () => {
    const entityId = await insertCompany(pipeline.dx, orgId)
    await pipeline.dx.query(
      'alter table entities.company_entities rename column industry to sector',
    )
    await pipeline.dx.query('delete from entities.company_entities where entity_id = $1', [
      entityId,
    ])
    await openLetters(1)
    await pipeline.dx.query(
      'alter table entities.company_entities rename column sector to industry',
    )
    await pipeline.dx.query(
      `insert into hq_export.outbox_0 (dataset, sqlstate, body)
       values (3, '57014', null), (3, '57014', '{"entity_id":"${entityId}"}')`,
    )
    await insertCompany(pipeline.dx, orgId, { enrichment_confidence: 'NaN' })
    await openLetters(4)
    const { sent, not_replayable } = await replay()
    expect(sent).toBe(1)
    expect(not_replayable.map(({ why }) => why).sort()).toEqual([
      expect.stringContaining('backfill the dataset'),
      expect.stringContaining('no column org_id, which is its key'),
      expect.stringContaining('lacks column industry'),
    ])
    await openLetters(4)
  })

  test('a raw row that the contract does not cover stays open', async () => {
    await insertRawLetter(RUNS, { run_id: randomUUID(), status: 'running' })
    const { not_replayable } = await replay()
    expect(not_replayable).toMatchObject([{ why: expect.stringContaining('filters the row out') }])
    await openLetters(1)
  })

  test('an append-only row that was never projected and is gone is projected from its raw row', async () => {
    const runId = randomUUID()
    const time = '2026-02-16T09:30:00.123456Z'
    await insertRawLetter(RUNS, {
      run_id: runId,
      entity_id: runId,
      status: 'failed',
      attempt_count: 1,
      operation_id: 'o',
      action_id: 'a',
      entity_type: 'company',
      cost_usd: '1.10',
      started_at: time,
      created_at: time,
    })
    expect(await replay()).toMatchObject({ sent: 1 })
    expect(await readHq(RUNS, 'run_id', runId)).toMatchObject([
      { status: 'failed', cost_usd: '1.10' },
    ])
  })

  test('a row that PostgreSQL cannot project is named by SQLSTATE, never by value', async () => {
    await pipeline.dx.query(
      `insert into hq_export.dead_letter (captured_at, xid, dataset, key, reason, body, fingerprint)
       values (now(), '700', '${COMPANIES}', 'secret/value', 'invalid_value', '{}', '\\x00')`,
    )
    const { not_replayable } = await replay()
    expect(not_replayable).toMatchObject([{ why: expect.stringContaining('SQLSTATE 22P02') }])
    expect(JSON.stringify(not_replayable)).not.toContain('secret')
  })
})

test('a settled letter stays settled when the same capture comes once more, and opens for a later one', async () => {
  const row = {
    dataset: 3,
    key: `${orgId}/${randomUUID()}`,
    xid: '700',
    seq: null,
    capturedAt: '2026-01-01T00:00:00.000000Z',
    deleted: false,
    traceparent: null,
    sqlstate: null,
    body: '{}',
  }
  const letter = { dataset: COMPANIES, row, reason: 'invalid_value', detail: null, batch: null }
  await insertDeadLetters(operator, [letter])
  const [open] = await openLetters(1)
  const { exitCode } = await relay('discard', '--id', open.id, '--note', 'test data')
  expect(exitCode).toBe(0)
  await insertDeadLetters(operator, [letter])
  expect(await openLetters(0)).toEqual([])
  await insertDeadLetters(operator, [
    { ...letter, row: { ...row, capturedAt: '2999-01-01T00:00:00.000000Z' } },
  ])
  expect(await openLetters(1)).toMatchObject([{ attempts: 3 }])
})

describe('the command line', () => {
  test('list shows open ones and exits 1; --resolved shows the others', async () => {
    await refusedCompany()
    expect(await relay('list', '--json')).toMatchObject({ exitCode: 1 })
    const discard = await relay('discard', '--all', '--note', 'not ours', '--json')
    expect(JSON.parse(discard.output)).toEqual({ dry_run: false, selected: 1, missing: [] })
    expect(await relay('list')).toMatchObject({ exitCode: 0, output: 'no dead letters' })
    const resolved = await relay('list', '--resolved', '--json')
    expect(resolved.exitCode).toBe(0)
    expect(JSON.parse(resolved.output)).toMatchObject([
      { resolution: 'discarded', note: 'not ours', resolved_at: expect.any(String) },
    ])
  })

  test('show hides the values unless it is told to show them', async () => {
    await refusedCompany()
    const [{ id }] = await openLetters(1)
    const shown = await relay('show', id)
    expect(shown).toMatchObject({ exitCode: 0, output: expect.stringContaining('hidden') })
    expect(shown.output).toContain('invalid_value')
    expect(shown.output).not.toContain('Acme')
    expect((await relay('show', id, '--json')).output).not.toContain('Acme')
    expect((await relay('show', id, '--values')).output).toContain('Acme')
  })

  test('replay says what it did, and with --dry-run what it would do', async () => {
    await refusedCompany()
    expect(await relay('replay', '--all', '--dry-run')).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining('1 would be sent again'),
    })
    const { exitCode, output } = await relay('replay', '--all', '--json')
    expect(exitCode).toBe(0)
    expect(JSON.parse(output)).toMatchObject({ sent: 1, not_replayable: [], missing: [] })
  })

  test('an id that does not exist is something wrong: exit status 1', async () => {
    for (const args of [
      ['show', '99999'],
      ['replay', '--id', '99999'],
      ['discard', '--id', '99999', '--note', 'not ours'],
    ]) {
      const { exitCode, output } = await relay(...args)
      expect({ args, exitCode }).toEqual({ args, exitCode: 1 })
      expect(output).toContain('no dead letter 99999')
    }
  })

  test.each([
    [['replay']],
    [['replay', '--all', '--id', '1']],
    [['discard', '--all', '--reason', 'too_large', '--note', 'not ours']],
    [['discard', '--all']],
    [['replay', '--dataset', 'dx_nothing_v1']],
    [['replay', '--id', 'one']],
    [['show']],
  ])('bad usage %j exits 2 and changes nothing', async (args) => {
    expect((await relay(...args)).exitCode).toBe(2)
  })
})
