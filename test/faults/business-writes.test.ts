import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { expectEqualSides } from '../support/equal-sides.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../support/reference-rows.ts'
import { createDxDatabase } from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'
import { Writers } from '../support/writers.ts'

const WAITING_ROWS = 200_000
const TIMED_WRITES = 100
/** Medians differ a little; a queue that slows its writers down differs by far more. */
const MAX_SLOWDOWN = 3
const ATTEMPTS = 3

interface Application {
  readonly dx: pg.Client
  readonly org: string
}

let pipeline: Pipeline
let orgId: string

async function create(): Promise<void> {
  pipeline = await Pipeline.create()
  orgId = await insertOrg(pipeline.dx)
}

const dispose = () => pipeline[Symbol.asyncDispose]()

function medianOf(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN
}

/**
 * How many times as long a write of `client` takes as one of `control`: turn by turn, so that
 * whatever else the machine does, it does to both.
 */
async function measureSlowdown(client: Application, control: Application): Promise<number> {
  const clientMs: number[] = []
  const controlMs: number[] = []
  const turns = [
    { ...client, times: clientMs },
    { ...control, times: controlMs },
  ]
  for (let write = 0; write < TIMED_WRITES; write++) {
    for (const { dx, org, times } of turns) {
      const begin = performance.now()
      await insertCompany(dx, org)
      times.push(performance.now() - begin)
    }
  }
  return medianOf(clientMs) / medianOf(controlMs)
}

/** The same, of the quietest of some attempts: what lasts slows every one of them. */
async function slowdownOf(client: Application, control: Application): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < ATTEMPTS && least >= MAX_SLOWDOWN; attempt++) {
    least = Math.min(least, await measureSlowdown(client, control))
  }
  return least
}

/** Keys of dead letters with their reasons. */
async function deadLetters(): Promise<
  { dataset: string; reason: string; detail: string | null }[]
> {
  const { rows } = await pipeline.dx.query(
    'select dataset, reason, detail from hq_export.dead_letter order by dataset, id',
  )
  return rows
}

/** Makes the payload of companies text that was checked to be JSON, and no more than that. */
async function usePayloadOfTypeJson(): Promise<void> {
  await pipeline.dx.query(`
    alter table entities.company_entities alter column canonical_payload drop default,
      alter column canonical_payload type json using canonical_payload::json`)
}

async function inHq(dataset: string, entityId: string): Promise<Record<string, unknown>[]> {
  const { rows } = await pipeline.hq.query(`select * from hq.${dataset} where entity_id = $1`, [
    entityId,
  ])
  return rows
}

describe('what befalls the relay, HQ or the tables', () => {
  beforeEach(create)
  afterEach(dispose)

  test('I5: writes take as long with 200,000 rows waiting and HQ away as without', async () => {
    await using idle = await createDxDatabase()
    const dx = await idle.connect()
    const control = { dx, org: await insertOrg(dx) }
    const application = { dx: pipeline.dx, org: orgId }
    // The first writes of a session are slow.
    await slowdownOf(application, control)
    await pipeline.dx.query(
      `insert into hq_export.outbox_0 (dataset, key, body)
       select 2, n::text, json_build_object('event_id', n)::text
       from generate_series(1, $1::int) n`,
      [WAITING_ROWS],
    )
    const withBacklog = await slowdownOf(application, control)
    const relay = pipeline.startRelay()
    await waitFor('the relay to fail', () =>
      relay.lines.some((line) => line.includes('ECONNREFUSED')),
    )
    const withHqAway = await slowdownOf(application, control)
    await relay.kill()
    const withRelayDead = await slowdownOf(application, control)
    expect(Math.max(withBacklog, withHqAway, withRelayDead)).toBeLessThan(MAX_SLOWDOWN)
  })

  test('I4, I5: what is written after a column was renamed or dropped commits, and is a dead letter that says why', async () => {
    await pipeline.runGateway()
    pipeline.runRelay()
    const good = await insertPerson(pipeline.dx, orgId)
    await pipeline.dx.query(
      'alter table entities.company_entities rename column industry to sector',
    )
    await pipeline.dx.query('alter table entities.person_entities drop column title')
    await insertCompany(pipeline.dx, orgId, { sector: 'Mining' })
    await insertPerson(pipeline.dx, orgId)
    const runId = await insertRun(pipeline.dx, orgId)
    await insertEvent(pipeline.dx, orgId, runId)
    await pipeline.settled()
    const why = { reason: 'capture_failed', detail: expect.stringContaining('42703') }
    expect(await deadLetters()).toMatchObject([
      { dataset: 'dx_company_entities_v1', ...why },
      { dataset: 'dx_person_entities_v1', ...why },
    ])
    expect(await inHq('dx_person_entities_v1', good)).toHaveLength(1)
    const events = await pipeline.hq.query('select from hq.dx_operation_events_v1')
    expect(events.rowCount).toBe(1)
  })

  describe('defaults of the database', () => {
    test.each(['serializable', 'repeatable read'])(
      'I5: under %s as default isolation concurrent inserts all commit, and everything arrives',
      async (level) => {
        const name = new URL(pipeline.dxDatabase.url).pathname.slice(1)
        await pipeline.dx.query(
          `alter database ${name} set default_transaction_isolation = '${level}'`,
        )
        await pipeline.runGateway()
        pipeline.runRelay()
        const application = await pipeline.dxDatabase.connect()
        const shown = await application.query('show transaction_isolation')
        expect(shown.rows).toEqual([{ transaction_isolation: level }])
        const writers = await Writers.start({ database: pipeline.dxDatabase, orgId, sessions: 3 })
        await waitFor('enough writes', () => writers.committed.length > 300)
        await writers.stop()
        await application.query(
          "update entities.company_entities set canonical_name = 'x', record_version = 2",
        )
        await application.query(
          `delete from entities.company_entities
           where entity_id in (select entity_id from entities.company_entities limit 50)`,
        )
        await pipeline.settled()
        await expectEqualSides(pipeline.dx, pipeline.hq)
        expect(await deadLetters()).toEqual([])
      },
    )

    test('time-outs that suit the application do not end the sessions of the relay', async () => {
      const name = new URL(pipeline.dxDatabase.url).pathname.slice(1)
      for (const timeout of ['statement_timeout', 'idle_session_timeout', 'lock_timeout']) {
        await pipeline.dx.query(`alter database ${name} set ${timeout} = '300ms'`)
      }
      await pipeline.runGateway()
      const relay = pipeline.runRelay()
      await waitFor('three sessions that are older than every time-out', async () => {
        relay.assertRunning()
        const { rowCount } = await pipeline.dx.query(
          `select from pg_stat_activity where application_name like 'outbox-relay%'
           and datname = current_database()
           and clock_timestamp() - backend_start > interval '900 ms'`,
        )
        return (rowCount ?? 0) >= 3
      })
      const entityId = await insertCompany(pipeline.dx, orgId)
      await waitFor(
        'the row',
        async () => (await inHq('dx_company_entities_v1', entityId)).length > 0,
      )
      expect(relay.lines.filter((line) => line.includes('cannot be used now'))).toEqual([])
    })
  })
})

describe('I4: one value that cannot be captured costs its own row, whatever its statement wrote', () => {
  const ROWS = 1000
  const DELETED = 50
  const many = (payload: string) => `
    insert into entities.company_entities (org_id, entity_id, canonical_payload)
    select $1, gen_random_uuid(), case n when 500 then '${payload}' else '{"n": 1.10}' end::json
    from generate_series(1, ${ROWS}) n`

  beforeAll(async () => {
    await create()
    await usePayloadOfTypeJson()
    await pipeline.runGateway()
    pipeline.runRelay()
  })
  afterAll(dispose)

  const countInHq = async (dataset: string, condition = 'true'): Promise<number> => {
    const { rows } = await pipeline.hq.query(
      `select count(*)::int as n from hq.${dataset} where org_id = $1 and ${condition}`,
      [orgId],
    )
    return rows[0].n
  }

  test('the others of the statement arrive by themselves, inserted, updated and deleted', async () => {
    await pipeline.dx.query(many(String.raw`{"a": "nul \u0000 here"}`), [orgId])
    await pipeline.settled()
    expect(await countInHq('dx_company_entities_v1')).toBe(ROWS - 1)
    expect(await countInHq('dx_entity_snapshots_v1')).toBe(ROWS - 1)
    expect(await deadLetters()).toEqual([
      {
        dataset: 'dx_company_entities_v1',
        reason: 'capture_failed',
        detail: 'raw row: SQLSTATE 22P05',
      },
    ])
    await pipeline.dx.query(
      `update entities.company_entities set canonical_name = 'newer' where org_id = $1`,
      [orgId],
    )
    await pipeline.settled()
    expect(
      await countInHq('dx_company_entities_v1', `canonical_name = 'newer' and record_version = 2`),
    ).toBe(ROWS - 1)
    await pipeline.dx.query(
      String.raw`delete from entities.company_entities
       where org_id = $1 and (canonical_payload::text like '%\u0000%'
         or entity_id in (select entity_id from entities.company_entities
           where org_id = $1 limit ${DELETED}))`,
      [orgId],
    )
    await pipeline.settled()
    expect(
      await countInHq(
        'dx_company_entities_v1',
        '_dx_deleted_at is not null and record_version = 3',
      ),
    ).toBeGreaterThanOrEqual(DELETED - 1)
    // Its row before the update, and after it: deleted as it was then.
    expect(await deadLetters()).toHaveLength(2)
  })
})

describe('odd values commit, and end in HQ or, with a reason, as dead letters', () => {
  beforeAll(async () => {
    await create()
    await pipeline.runGateway()
    pipeline.runRelay()
  })
  afterAll(dispose)
  afterEach(() => pipeline.dx.query('truncate hq_export.dead_letter'))

  test('every nullable column is NULL', async () => {
    const company = await insertCompany(pipeline.dx, orgId, { canonical_name: null })
    const person = await insertPerson(pipeline.dx, orgId, { full_name: null })
    const runId = await insertRun(pipeline.dx, orgId, { status: 'failed', ended_at: null })
    const eventId = await insertEvent(pipeline.dx, orgId, runId, { metadata_json: null })
    await pipeline.settled()
    expect(await deadLetters()).toEqual([])
    expect(await inHq('dx_company_entities_v1', company)).toMatchObject([{ canonical_name: null }])
    expect(await inHq('dx_person_entities_v1', person)).toMatchObject([{ full_name: null }])
    const event = await pipeline.hq.query(
      'select from hq.dx_operation_events_v1 where event_id = $1',
      [eventId],
    )
    expect(event.rowCount).toBe(1)
  })

  test('a payload of a megabyte arrives whole', async () => {
    const text = 'ü€😀 "\\'.repeat(100_000)
    const entityId = await insertCompany(pipeline.dx, orgId, {
      canonical_payload: JSON.stringify({ text }),
    })
    await pipeline.settled()
    expect(await deadLetters()).toEqual([])
    expect(await inHq('dx_entity_snapshots_v1', entityId)).toMatchObject([
      { canonical_payload_json: { text } },
    ])
  })

  test('a megabyte that an update leaves alone (unchanged TOAST) arrives whole with the new version', async () => {
    const text = randomBytes(500_000).toString('hex')
    const entityId = await insertCompany(pipeline.dx, orgId, {
      canonical_payload: JSON.stringify({ text }),
    })
    await pipeline.dx.query(
      `update entities.company_entities set canonical_name = 'newer', record_version = 2
       where entity_id = $1`,
      [entityId],
    )
    await pipeline.settled()
    expect(await deadLetters()).toEqual([])
    const snapshots = await inHq('dx_entity_snapshots_v1', entityId)
    expect(snapshots.map((row) => row.canonical_payload_json)).toEqual([{ text }, { text }])
  })

  test.each([
    ['NaN', { enrichment_confidence: 'NaN' }],
    ['an infinite number', { enrichment_confidence: '-Infinity' }],
    ['a time without end', { last_enriched_at: 'infinity' }],
    ['a time without beginning', { last_enriched_at: '-infinity' }],
    ['a time before Christ', { last_enriched_at: '0044-03-15 12:00:00+00 BC' }],
    ['a time after the year 9999', { last_enriched_at: '20000-01-01 00:00:00+00' }],
    ['a time of the first year', { last_enriched_at: '0001-01-01 00:00:00+00' }],
    ['131,072 digits', { enrichment_confidence: `${'9'.repeat(131_072)}.5` }],
  ])('I4: %s', async (_name, values) => {
    const odd = await insertCompany(pipeline.dx, orgId, values)
    const plain = await insertCompany(pipeline.dx, orgId)
    await pipeline.settled()
    expect(await inHq('dx_company_entities_v1', plain)).toHaveLength(1)
    const arrived = await inHq('dx_company_entities_v1', odd)
    const letters = await pipeline.dx.query<{ reason: string }>(
      `select reason from hq_export.dead_letter
       where dataset = 'dx_company_entities_v1' and key = $1`,
      [`${orgId}/${odd}`],
    )
    expect(arrived.length + letters.rows.length).toBe(1)
    if (letters.rows[0] !== undefined) expect(letters.rows[0].reason).toMatch(/^[a-z_]+$/)
    else {
      const value = `select enrichment_confidence::text,
          (last_enriched_at at time zone 'UTC')::text`
      const source = await pipeline.dx.query(
        `${value} from entities.company_entities where entity_id = $1`,
        [odd],
      )
      const target = await pipeline.hq.query(
        `${value} from hq.dx_company_entities_v1 where entity_id = $1`,
        [odd],
      )
      expect(target.rows).toEqual(source.rows)
    }
  })

  test.each([
    ['U+0000', String.raw`{"a": "nul \u0000 here"}`, '22P05'],
    ['half a surrogate pair', String.raw`{"a": "half \ud83d here"}`, '22P02'],
  ])(
    'I4, I6: %s in a column of type json, which jsonb cannot hold',
    async (_name, payload, sqlstate) => {
      await usePayloadOfTypeJson()
      const odd = await insertCompany(pipeline.dx, orgId, { canonical_payload: payload })
      const plain = await insertCompany(pipeline.dx, orgId, { canonical_payload: '{"a": 1}' })
      await pipeline.settled()
      expect(await inHq('dx_company_entities_v1', plain)).toHaveLength(1)
      expect(await inHq('dx_entity_snapshots_v1', plain)).toHaveLength(1)
      expect(await inHq('dx_entity_snapshots_v1', odd)).toEqual([])
      const { rows } = await pipeline.dx.query(
        'select reason, detail, body from hq_export.dead_letter',
      )
      expect(rows).toEqual([
        {
          reason: 'capture_failed',
          detail: expect.stringContaining(sqlstate),
          body: expect.stringContaining(odd),
        },
      ])
    },
  )
})
