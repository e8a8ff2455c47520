import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { CHECKS } from '@hq-export/outbox-relay/doctor/checks.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { capturing, ofDataset } from '../../support/capture-rows.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'

let database: TestDatabase
let client: pg.Client
let orgId: string

beforeEach(async () => {
  database = await createDxDatabase()
  client = await database.connect()
  orgId = await insertOrg(client)
})

afterEach(() => database[Symbol.asyncDispose]())

/** What doctor finds wrong with the binding and what it installed. */
async function faults(): Promise<string[]> {
  const checks = CHECKS.filter(({ name }) =>
    ['sources', 'expressions', 'generated-sql'].includes(name),
  )
  const findings = await runDoctor(database.url, checks)
  return findings
    .filter(({ state }) => state !== 'ok')
    .map(({ check, state, found, todo }) => `${state} ${check}: ${found} -> ${todo}`)
}

const insertCaptured = async () =>
  ofDataset(await capturing(client, () => insertCompany(client, orgId)), COMPANIES)

const readView = () =>
  client.query(`select * from hq_export.${COMPANIES} where org_id = $1`, [orgId])

describe('I5: a migration of the application succeeds as it would without us', () => {
  test.each([
    ['drop column industry', 'industry'],
    ['rename column industry to sector', 'industry'],
    ['drop column canonical_payload', 'canonical_payload'],
  ])('%s: writes go on, and doctor names the column and what to do', async (action, column) => {
    await client.query(`alter table entities.company_entities ${action}`)
    expect(await insertCaptured()).toMatchObject([{ sqlstate: '42703' }])
    await expect(readView()).rejects.toMatchObject({ code: '42703' })
    expect(await faults()).toEqual(
      expect.arrayContaining([
        expect.stringMatching(
          new RegExp(
            `^fail expressions: .*entities\\.company_entities.*r\\.${column} does not exist.*captures of this dataset fail -> correct the binding, run: npm run relay -- bind FILE`,
          ),
        ),
      ]),
    )
  })

  test('alter type: what still fits the contract is captured and read as before, and doctor says to bind again', async () => {
    await client.query(
      'alter table entities.company_entities alter column employee_count type bigint',
    )
    await client.query(
      'alter table entities.company_entities alter column industry type varchar(40)',
    )
    expect(await insertCaptured()).toMatchObject([{ sqlstate: null, version: '1' }])
    expect((await readView()).rowCount).toBe(1)
    expect(await faults()).toEqual([
      expect.stringMatching(
        /^warn generated-sql: .*other columns.* -> run: npm run relay -- bind reference$/,
      ),
    ])
    expect(await bind(database.url, 'reference')).toMatchObject({ changed: true })
    expect(await faults()).toEqual([])
  })

  test('a column that the binding does not read comes and goes unnoticed but for the doctor', async () => {
    await client.query('alter table entities.company_entities add column note text')
    await client.query('alter table entities.company_entities drop column note')
    expect(await insertCaptured()).toMatchObject([{ sqlstate: null }])
    expect((await readView()).rowCount).toBe(1)
    expect(await faults()).toEqual([])
  })

  test('a column in the condition of a trigger can be changed once the triggers are dropped; bind brings them back', async () => {
    const alter = 'alter table entities.company_entities alter column record_version type numeric'
    await expect(client.query(alter)).rejects.toThrow(/trigger/)
    await client.query('begin')
    for (const event of ['bump', 'leave'])
      await client.query(`drop trigger hq_export_3_${event} on entities.company_entities`)
    await client.query(alter)
    await client.query('commit')
    expect(await bind(database.url, 'reference')).toMatchObject({ changed: true })
    expect(await insertCaptured()).toMatchObject([{ sqlstate: null, version: '1' }])
  })
})

test('a view reads its table by the index of the key, one row and page by page', async () => {
  await client.query(
    `insert into entities.company_entities (org_id, entity_id)
     select $1, gen_random_uuid() from generate_series(1, 5000)`,
    [orgId],
  )
  await client.query('vacuum analyze entities.company_entities')
  await client.query('vacuum analyze hq_export.version_base')
  const planOf = async (sql: string): Promise<string> => {
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${sql}`)
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }
  const plans = await Promise.all([
    planOf(
      `select * from hq_export.${COMPANIES} where org_id = '${orgId}' and entity_id = '${orgId}'`,
    ),
    planOf(
      `select * from hq_export.${COMPANIES} where (org_id, entity_id) > ('${orgId}', '${orgId}')
       order by org_id, entity_id limit 100`,
    ),
  ])
  for (const plan of plans) {
    expect(plan).toMatch(/Index Scan using company_entities_pkey[^\n]*\n\s+Index Cond: /)
    expect(plan).not.toMatch(/Sort|Function Scan|Seq Scan on company_entities/)
  }
})
