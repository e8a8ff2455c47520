import { BALANCE_PARTS, type BalanceRow, balanceDifference } from '@hq-export/contract'
import { readBalance } from '@hq-export/outbox-relay/balance/read-balance.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { expect } from 'vitest'
import { insertOrg, insertPerson } from '../reference-rows.ts'
import { waitFor } from '../wait-for.ts'
import type { AppProcess } from './app-process.ts'
import { createSecret, Pipeline } from './pipeline.ts'

/** Companies of a round: enough that a kill meets them on their way. */
export const COMPANIES_PER_ROUND = 3000

/** Writes companies, in one statement. */
export async function insertCompanies(
  pipeline: Pipeline,
  orgId: string,
  count: number,
): Promise<void> {
  await pipeline.dx.query(
    `insert into entities.company_entities (org_id, canonical_name, canonical_payload)
     select $1, 'company ' || n, jsonb_build_object('n', n) from generate_series(1, $2::int) n`,
    [orgId, count],
  )
}

/** Rows of a dataset in HQ. */
export async function countHq(pipeline: Pipeline, table: string): Promise<number> {
  const { rows } = await pipeline.hq.query<{ count: number }>(
    `select count(*)::int as count from hq.${table}`,
  )
  return rows[0]?.count ?? 0
}

/** Every entity once, every version once, equal to the source column by column. */
export async function expectEveryCompanyOnce(pipeline: Pipeline, rows: number): Promise<void> {
  await pipeline.settled()
  expect(await countHq(pipeline, 'dx_company_entities_v1')).toBe(rows)
  expect(await countHq(pipeline, `dx_entity_snapshots_v1 where entity_type = 'company'`)).toBe(rows)
  const digest = `md5(string_agg(concat_ws('|', org_id, entity_id, record_version, canonical_name),
      ',' order by entity_id))`
  const source = await pipeline.dx.query(`select ${digest} from entities.company_entities`)
  const target = await pipeline.hq.query(`select ${digest} from hq.dx_company_entities_v1`)
  expect(target.rows).toEqual(source.rows)
  const refused = await pipeline.dx.query(
    `select reason from hq_export.dead_letter where dataset = 'dx_company_entities_v1'`,
  )
  expect(refused.rows).toEqual([])
}

/** Of a round: persons and versions of each; refused ones; left out by a filter. */
const PERSONS = 100
const VERSIONS = 3
const REFUSED = 3
const FILTERED = 7

/** Has the persons of a round sent once more, as they are. @returns how many. */
async function repeatPersons({ dx }: Pipeline, orgId: string, round: number): Promise<number> {
  const { rowCount } = await dx.query(
    `insert into hq_export.reexport (dataset, key, reason)
     select 4, org_id || '/' || entity_id, 'reconciliation' from entities.person_entities
     where org_id = $1 and full_name = 'person of ' || $2::int`,
    [orgId, round],
  )
  return rowCount ?? 0
}

/**
 * Writes persons of every outcome; their versions become visible at once, so that all but the
 * newest are superseded. @returns rows that are in the outbox by it, or will be.
 */
async function writePersons({ dx }: Pipeline, orgId: string, round: number): Promise<number> {
  await dx.query('begin')
  await dx.query(
    `insert into entities.person_entities (org_id, full_name)
     select $1, 'person of ' || $3::int from generate_series(1, $2::int)`,
    [orgId, PERSONS, round],
  )
  const update = `update entities.person_entities set record_version = record_version + 1
    where org_id = $1 and full_name = 'person of ' || $2::int`
  for (let version = 2; version <= VERSIONS; version++) await dx.query(update, [orgId, round])
  await dx.query('commit')
  await dx.query('begin')
  await dx.query(update, [orgId, round])
  await dx.query('rollback')
  for (let n = 0; n < REFUSED; n++) await insertPerson(dx, orgId, { full_name: createSecret() })
  await dx.query(`select nextval('hq_export.filtered_4') from generate_series(1, $1)`, [FILTERED])
  return PERSONS * VERSIONS + REFUSED + FILTERED
}

/** The balance of all days, by dataset. */
async function balances(pipeline: Pipeline): Promise<Map<string, BalanceRow>> {
  const client = await connect(pipeline.dxDatabase.url, 'test', () => {})
  const sums = new Map<string, BalanceRow>()
  for (const row of await readBalance(client)) {
    const sum = { ...(sums.get(row.dataset) ?? row) }
    if (sums.has(row.dataset)) {
      for (const part of ['captured', ...BALANCE_PARTS] as const) sum[part] += row[part]
    }
    sums.set(row.dataset, sum)
  }
  await client.end()
  return sums
}

/**
 * Kills the relay or the gateway again and again while rows are on their way; afterwards every one
 * of them is in HQ, once, and what became of each that was captured is known.
 */
export async function killRepeatedly(app: 'relay' | 'gateway', kills: number): Promise<void> {
  await using pipeline = await Pipeline.create()
  const orgId = await insertOrg(pipeline.dx)
  const restart = {
    relay: async () => pipeline.startRelay(),
    gateway: () => pipeline.startGateway(),
  }
  /** Without a process of its own, which only one that is killed has to have. */
  const run = { relay: async () => pipeline.runRelay(), gateway: () => pipeline.runGateway() }
  await (app === 'relay' ? run.gateway() : run.relay())
  let victim: AppProcess = await restart[app]()
  let persons = 0
  // What a filter left out before a relay worked is not counted.
  await waitFor('the relay to work', async () => {
    const { rowCount } = await pipeline.dx.query('select from hq_export.balance_mark')
    return rowCount === 1
  })
  for (let round = 1; round <= kills; round++) {
    persons += await writePersons(pipeline, orgId, round)
    persons += await repeatPersons(pipeline, orgId, round - 1)
    await insertCompanies(pipeline, orgId, COMPANIES_PER_ROUND)
    const before = await countHq(pipeline, 'dx_company_entities_v1')
    await waitFor('some of the rows to arrive', async () => {
      victim.assertRunning()
      return (await countHq(pipeline, 'dx_company_entities_v1')) > before
    })
    await victim.kill()
    if (round < kills) victim = await restart[app]()
    else await run[app]()
  }
  await expectEveryCompanyOnce(pipeline, kills * COMPANIES_PER_ROUND)
  // Once they are there.
  persons += await repeatPersons(pipeline, orgId, kills)
  await pipeline.settled()
  const sums = await balances(pipeline)
  expect([...sums.values()].map(balanceDifference)).toEqual([0, 0, 0])
  expect(sums.get('dx_company_entities_v1')).toMatchObject({
    captured: kills * COMPANIES_PER_ROUND,
    waiting: 0,
    refused: 0,
  })
  const balance = sums.get('dx_person_entities_v1')
  expect(balance).toMatchObject({
    captured: persons,
    waiting: 0,
    refused: kills * REFUSED,
    filtered: kills * FILTERED,
  })
  expect(balance?.superseded).toBeGreaterThanOrEqual(kills * PERSONS * (VERSIONS - 1))
  expect(balance?.duplicate).toBeGreaterThanOrEqual(PERSONS)
}
