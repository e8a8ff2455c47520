import { expect } from 'vitest'
import { insertOrg } from '../reference-rows.ts'
import { waitFor } from '../wait-for.ts'
import type { AppProcess } from './app-process.ts'
import { Pipeline } from './pipeline.ts'

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
  expect(await countHq(pipeline, 'dx_entity_snapshots_v1')).toBe(rows)
  const digest = `md5(string_agg(concat_ws('|', org_id, entity_id, record_version, canonical_name),
      ',' order by entity_id))`
  const source = await pipeline.dx.query(`select ${digest} from entities.company_entities`)
  const target = await pipeline.hq.query(`select ${digest} from hq.dx_company_entities_v1`)
  expect(target.rows).toEqual(source.rows)
  const refused = await pipeline.dx.query('select reason from hq_export.dead_letter')
  expect(refused.rows).toEqual([])
}

/**
 * Kills the relay or the gateway again and again while rows are on their way; afterwards every one
 * of them is in HQ, once.
 */
export async function killRepeatedly(app: 'relay' | 'gateway', kills: number): Promise<void> {
  await using pipeline = await Pipeline.create()
  const orgId = await insertOrg(pipeline.dx)
  const restart = {
    relay: async () => pipeline.startRelay(),
    gateway: () => pipeline.startGateway(),
  }
  await (app === 'relay' ? restart.gateway() : restart.relay())
  let victim: AppProcess = await restart[app]()
  for (let round = 1; round <= kills; round++) {
    await insertCompanies(pipeline, orgId, COMPANIES_PER_ROUND)
    const before = await countHq(pipeline, 'dx_company_entities_v1')
    await waitFor('some of the rows to arrive', async () => {
      victim.assertRunning()
      return (await countHq(pipeline, 'dx_company_entities_v1')) > before
    })
    await victim.kill()
    victim = await restart[app]()
  }
  await expectEveryCompanyOnce(pipeline, kills * COMPANIES_PER_ROUND)
}
