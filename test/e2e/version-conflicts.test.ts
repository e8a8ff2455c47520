import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { expectEqualSides } from '../support/equal-sides.ts'
import { startInProcessRelay } from '../support/programs/in-process-relay.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'

const COMPANIES = 'hq.dx_company_entities_v1'
const SNAPSHOTS = 'hq.dx_entity_snapshots_v1'

let pipeline: Pipeline
let other: pg.Client
let orgId: string

beforeAll(async () => {
  pipeline = await Pipeline.create()
  await pipeline.runGateway()
  other = await pipeline.dxDatabase.connect()
})

beforeEach(async () => {
  orgId = await insertOrg(pipeline.dx)
})

afterAll(() => pipeline[Symbol.asyncDispose]())

async function inHq(relation: string, entityId: string) {
  const { rows } = await pipeline.hq.query(
    `select * from ${relation} where entity_id = $1 order by record_version`,
    [entityId],
  )
  return rows
}

async function update(entityId: string, name: string, version: number): Promise<void> {
  await pipeline.dx.query(
    `update entities.company_entities set canonical_name = $2, record_version = $3,
       canonical_payload = jsonb_build_object('name', $2::text) where entity_id = $1`,
    [entityId, name, version],
  )
}

async function remove(entityId: string): Promise<void> {
  await pipeline.dx.query('delete from entities.company_entities where entity_id = $1', [entityId])
}

/** HQ and source are equal, and no row waits for an operator. */
async function expectMended(): Promise<void> {
  await pipeline.settled()
  const { rows } = await pipeline.dx.query(
    'select dataset, reason, detail from hq_export.dead_letter where resolved_at is null',
  )
  expect(rows).toEqual([])
  await expectEqualSides(pipeline.dx, pipeline.hq)
}

/** Works until all is settled, then ends: what is written meanwhile is one window of the next. */
async function relayed(): Promise<void> {
  await using _relay = await startInProcessRelay({
    databaseUrl: pipeline.dxDatabase.url,
    ingestUrl: pipeline.gatewayUrl,
    secret: pipeline.secret,
  })
  await pipeline.settled()
}

describe('an insert that raced with the delete of its key, in a snapshot from before', () => {
  /**
   * Leaves the company deleted and inserted again, the insert captured as version 1, below the
   * delete.
   */
  async function race(entityId: string, betweenCommits: () => Promise<unknown>): Promise<void> {
    await other.query('begin isolation level repeatable read')
    await other.query('select from ops.orgs')
    await remove(entityId)
    await betweenCommits()
    await insertCompany(other, orgId, { entity_id: entityId, canonical_name: 'again' })
    await other.query('commit')
    const { rows } = await pipeline.dx.query(
      `select version from (select * from hq_export.outbox_0
         union all select * from hq_export.outbox_1
         union all select * from hq_export.outbox_2) o
         where dataset = 3 and key = $1 order by seq desc limit 1`,
      [`${orgId}/${entityId}`],
    )
    expect(rows).toEqual([{ version: '1' }])
  }

  async function expectAgain(entityId: string): Promise<void> {
    await expectMended()
    expect(await inHq(COMPANIES, entityId)).toMatchObject([
      { canonical_name: 'again', _dx_deleted_at: null },
    ])
    const { rows } = await pipeline.dx.query(
      'select deleted_at from hq_export.version_base where key = $1',
      [`${orgId}/${entityId}`],
    )
    expect(rows).toEqual([{ deleted_at: null }])
  }

  test.each([
    ['HQ had the delete before', () => relayed()],
    ['both are in one window', async () => {}],
  ])('I1: ends in HQ as the source has it, where %s', async (_, betweenCommits) => {
    const entityId = await insertCompany(pipeline.dx, orgId, { record_version: 5 })
    await relayed()
    await race(entityId, betweenCommits)
    await relayed()
    await expectAgain(entityId)
  })

  test('I1: so it does where HQ knows its version with other content', async () => {
    const entityId = await insertCompany(pipeline.dx, orgId, { canonical_name: 'first' })
    await relayed()
    await race(entityId, async () => {})
    await relayed()
    await expectAgain(entityId)
  })

  test('nothing is sent for keys that were deleted after they were written, or inserted again after', async () => {
    const entityId = await insertCompany(pipeline.dx, orgId)
    await update(entityId, 'changed', 2)
    await remove(entityId)
    const back = await insertCompany(pipeline.dx, orgId)
    await remove(back)
    await insertCompany(pipeline.dx, orgId, { entity_id: back })
    const seq = () => pipeline.dx.query('select last_value from hq_export.outbox_seq')
    const before = (await seq()).rows
    await relayed()
    await expectMended()
    expect((await seq()).rows).toEqual(before)
  })
})

describe('a failover that lost commits which HQ has', () => {
  /**
   * Takes the source back to an earlier state of the row, without a trace, as a standby has it that
   * did not get the rest.
   */
  async function loseCommits(entityId: string, name: string, version: number): Promise<void> {
    await pipeline.dx.query('alter table entities.company_entities disable trigger user')
    await update(entityId, name, version)
    await pipeline.dx.query('alter table entities.company_entities enable trigger user')
  }

  /** HQ has versions 7 to `last` of a company that the source has at 6. */
  async function forked(last: number): Promise<string> {
    const entityId = await insertCompany(pipeline.dx, orgId, { record_version: 5 })
    await update(entityId, 'known', 6)
    await relayed()
    for (let version = 7; version <= last; version++) await update(entityId, 'lost', version)
    await relayed()
    await loseCommits(entityId, 'known', 6)
    return entityId
  }

  /** Names in HQ's history of the entity, oldest version first. */
  async function history(entityId: string): Promise<string[]> {
    const rows = await inHq(SNAPSHOTS, entityId)
    return rows.map(({ canonical_payload_json }) => canonical_payload_json.name ?? '')
  }

  test('I1: one lost commit: HQ ends equal to the source, without a dead letter', async () => {
    const entityId = await forked(7)
    await update(entityId, 'kept', 7)
    await relayed()
    await expectMended()
    expect(await inHq(COMPANIES, entityId)).toMatchObject([{ canonical_name: 'kept' }])
    expect(await history(entityId)).toEqual(['', 'known', 'lost', 'kept'])
    // What the source writes next goes on from there.
    await update(entityId, 'next', 8)
    await relayed()
    await expectMended()
    expect(await history(entityId)).toEqual(['', 'known', 'lost', 'kept', 'next'])
  })

  test('I1: several lost commits: HQ is ahead, and the snapshot that it holds otherwise tells', async () => {
    const entityId = await forked(9)
    await update(entityId, 'kept', 7)
    await relayed()
    await expectMended()
    expect(await history(entityId)).toEqual(['', 'known', 'lost', 'lost', 'lost', 'kept'])
  })

  test('I1: several versions waiting: each has its place in the history', async () => {
    const entityId = await forked(8)
    await update(entityId, 'kept', 7)
    await update(entityId, 'kept too', 8)
    await update(entityId, 'newest', 9)
    await relayed()
    await expectMended()
    const names = await history(entityId)
    expect(names.filter((name) => name.startsWith('kept'))).toEqual(['kept', 'kept too'])
    expect(names.at(-1)).toBe('newest')
  })

  test.each([7, 9])('I1: a delete in the source, HQ at version %i', async (last) => {
    const entityId = await forked(last)
    await update(entityId, 'kept', 7)
    await remove(entityId)
    await relayed()
    await expectMended()
    expect(await inHq(COMPANIES, entityId)).toMatchObject([{ _dx_deleted_at: expect.any(Date) }])
    // And the key comes back above it.
    await insertCompany(pipeline.dx, orgId, { entity_id: entityId, canonical_name: 'back' })
    await relayed()
    await expectMended()
    expect(await inHq(COMPANIES, entityId)).toMatchObject([{ canonical_name: 'back' }])
  })

  test('I3: the same window once more sends nothing again', async () => {
    const entityId = await forked(7)
    await update(entityId, 'kept', 7)
    await relayed()
    const letters = () =>
      pipeline.dx.query(
        'select resolution, replay_count, note from hq_export.dead_letter d order by d.id',
      )
    const before = (await letters()).rows
    expect(before.at(-1)).toEqual({
      resolution: 'replayed',
      replay_count: 1,
      note: expect.stringContaining('by the relay'),
    })
    const seq = () => pipeline.dx.query('select last_value from hq_export.outbox_seq')
    const last = (await seq()).rows
    await pipeline.dx.query(
      `insert into hq_export.ack (epoch, acked) select epoch, '1:1:'
       from hq_export.ack a order by a.id desc limit 1`,
    )
    await relayed()
    await expectMended()
    expect((await letters()).rows).toEqual(before)
    expect((await seq()).rows).toEqual(last)
  })

  test('a key that a writer holds is not waited for: the letter stays open, and all else goes on', async () => {
    const entityId = await forked(7)
    await update(entityId, 'kept', 7)
    await other.query('begin')
    await other.query(`insert into hq_export.version_base (dataset, key, base) values (3, $1, 0)`, [
      `${orgId}/${entityId}`,
    ])
    const unrelated = await insertCompany(pipeline.dx, orgId)
    await relayed()
    expect(await inHq(COMPANIES, unrelated)).toHaveLength(1)
    const { rows } = await pipeline.dx.query(
      'select reason from hq_export.dead_letter where resolved_at is null',
    )
    expect(rows).toContainEqual({ reason: 'version_conflict' })
    await other.query('rollback')
    await pipeline.dx.query('delete from hq_export.dead_letter where resolved_at is null')
    await update(entityId, 'healed', 8)
    await relayed()
    await expectMended()
  })
})
