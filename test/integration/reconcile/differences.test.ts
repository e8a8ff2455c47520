import { randomUUID } from 'node:crypto'
import {
  type Column,
  DATASETS,
  type Dataset,
  type DatasetName,
  datasetByName,
} from '@hq-export/contract'
import { beforeAll, expect, test } from 'vitest'
import { brief, ReconcileSite } from '../../support/programs/reconcile-site.ts'
import {
  insertCompany,
  insertEvent,
  insertOrg,
  insertPerson,
  insertRun,
} from '../../support/reference-rows.ts'

const ROWS = 30

let site: ReconcileSite
let org: string
const RUNS: string[] = []
const EVENTS: string[] = []
const COMPANIES: string[] = []
const PERSONS: string[] = []

beforeAll(async () => {
  site = await ReconcileSite.start()
  org = await insertOrg(site.dx)
  for (let n = 0; n < ROWS; n++) {
    const run = await insertRun(site.dx, org)
    RUNS.push(run)
    EVENTS.push(await insertEvent(site.dx, org, run))
    COMPANIES.push(await insertCompany(site.dx, org))
    PERSONS.push(await insertPerson(site.dx, org))
  }
  await site.settled()
  return () => site[Symbol.asyncDispose]()
})

/** A condition on HQ's row, and its key in a finding. */
interface Place {
  readonly key: string
  readonly where: string
}

/** The n-th row of a dataset in HQ; of the snapshots that of the n-th company. */
async function placeOf(name: string, n: number): Promise<Place> {
  switch (name as DatasetName) {
    case 'dx_operation_runs_v1':
      return { key: `${RUNS[n]}`, where: `run_id = '${RUNS[n]}'` }
    case 'dx_operation_events_v1':
      return { key: `${EVENTS[n]}`, where: `event_id = '${EVENTS[n]}'` }
    case 'dx_company_entities_v1':
      return { key: `${org}/${COMPANIES[n]}`, where: `entity_id = '${COMPANIES[n]}'` }
    case 'dx_person_entities_v1':
      return { key: `${org}/${PERSONS[n]}`, where: `entity_id = '${PERSONS[n]}'` }
    case 'dx_entity_snapshots_v1': {
      const { rows } = await site.dx.query(
        'select snapshot_id from hq_export.dx_entity_snapshots_v1 where entity_id = $1',
        [COMPANIES[n]],
      )
      const key = String(rows[0]?.snapshot_id)
      return { key, where: `snapshot_id = '${key}'` }
    }
  }
}

const short = (name: string): string => name.replace(/^dx_|_v1$/g, '')

async function changeHq(name: string, { where }: Place, set: string): Promise<void> {
  const { rowCount } = await site.hq.query(`update hq.${name} set ${set} where ${where}`)
  expect(rowCount, `${name}: ${set}`).toBe(1)
}

/** Another value of a column, as close as its type has one. */
function otherValue({ name, type, values }: Column): string {
  if (values !== undefined) return `case ${name} when '${values[0]}' then 'other' else 'x' end`
  switch (type) {
    case 'text':
      return `coalesce(${name}, '')`.concat(name.endsWith('_code') ? '' : ` || ' '`)
    case 'uuid':
      return `'${randomUUID()}'`
    case 'int4':
    case 'int8':
      return `coalesce(${name}, 0) + 1`
    case 'numeric':
      return `coalesce(${name}, 0) + 0.000000000001`
    case 'boolean':
      return `not ${name}`
    case 'timestamptz':
      return `coalesce(${name}, now()) + interval '1 microsecond'`
    case 'jsonb':
      return `coalesce(${name}, '{}') || '{"a": [null]}'`
  }
}

/** Sends what may be sent, takes out of HQ what may not, sends that, and expects both sides equal. */
async function expectMended(): Promise<void> {
  const repaired = await site.run({ repair: 'all' })
  await site.settled()
  const left = await site.run()
  const unrepairable = repaired.reconciliation.findings.filter(
    ({ repair }) => repair === 'not_repairable',
  )
  expect(brief(left.reconciliation.findings)).toEqual(brief(unrepairable))
  expect(left.reconciliation.state).toBe(unrepairable.length === 0 ? 'equal' : 'different')
  for (const { dataset, key } of unrepairable) {
    const { primaryKey } = datasetByName(dataset)
    const where = primaryKey.map((name, part) => `${name} = '${key.split('/')[part]}'`)
    await site.hq.query(`delete from hq.${dataset} where ${where.join(' and ')}`)
  }
  const { reconciliation } = await site.run({ repair: 'auto' })
  expect(['equal', 'repaired']).toContain(reconciliation.state)
  await site.settled()
  const last = (await site.run()).reconciliation
  expect([last.state, brief(last.findings)]).toEqual(['equal', {}])
  expect(last.datasets.map(({ coverage }) => coverage)).toEqual(DATASETS.map(() => 1))
}

test('another value in any column of any dataset is found, and the column named', async () => {
  const expected: Record<string, string> = {}
  for (const dataset of DATASETS as readonly Dataset[]) {
    const { name, primaryKey, versionColumn } = dataset
    const columns = dataset.columns.filter((column) => !primaryKey.includes(column.name))
    for (const [n, column] of columns.entries()) {
      const place = await placeOf(name, n)
      await changeHq(name, place, `${column.name} = ${otherValue(column)}`)
      expected[`${short(name)} ${place.key}`] =
        column.name === versionColumn ? 'ahead' : `different ${column.name}`
    }
  }
  const { reconciliation, cost } = await site.run()
  expect(brief(reconciliation.findings)).toEqual(
    Object.fromEntries(Object.entries(expected).sort(([a], [b]) => (a < b ? -1 : 1))),
  )
  expect(reconciliation.state).toBe('different')
  expect(cost.every(({ dirtyBuckets }) => dirtyBuckets > 0)).toBe(true)
  await expectMended()
})

test('what means the same is no difference', async () => {
  const company = await insertCompany(site.dx, org, { enrichment_confidence: '1.0' })
  const event = await insertEvent(site.dx, org, RUNS[0] ?? '', {
    event_sequence: 1_000,
    metadata_json: '{"a": 1.0, "b": {"c": 2, "d": null}}',
  })
  await site.settled()
  await changeHq(
    'dx_company_entities_v1',
    { key: '', where: `entity_id = '${company}'` },
    'enrichment_confidence = 1.000, updated_at = (updated_at at time zone $$Asia/Tokyo$$) ' +
      'at time zone $$Asia/Tokyo$$',
  )
  await changeHq(
    'dx_operation_events_v1',
    { key: '', where: `event_id = '${event}'` },
    `metadata_json = '{"b": {"d": null, "c": 2.0}, "a": 1.000}'`,
  )
  const name = new URL(site.hqDatabase.url).pathname.slice(1)
  await site.hq.query(`alter database ${name} set timezone = 'Pacific/Apia'`)
  expect((await site.run()).reconciliation.state).toBe('equal')
})

test('rows that are missing, older, too many or of another org are told apart', async () => {
  const expected: Record<string, string> = {}
  const expectAs = (name: string, { key }: { key: string }, found: string) => {
    expected[`${short(name)} ${key}`] = found
  }
  const other = randomUUID()
  for (const { name, primaryKey, versionColumn, columns } of DATASETS as readonly Dataset[]) {
    const missing = await placeOf(name, 0)
    await site.hq.query(`delete from hq.${name} where ${missing.where}`)
    expectAs(name, missing, 'missing')

    const extra = randomUUID()
    const list = columns.map((column) => column.name)
    const key = primaryKey.at(-1) ?? ''
    const unique = name.includes('events') ? ['event_sequence'] : []
    const copied = list.map((column) => {
      if (column === key || (name.includes('snapshots') && column === 'entity_id'))
        return `'${extra}'`
      return unique.includes(column) ? `${column} + 77` : column
    })
    const own = ['_dx_xid', '_dx_batch', '_dx_source']
    const source = await placeOf(name, 1)
    await site.hq.query(`insert into hq.${name} (${[...list, ...own].join(', ')})
      select ${[...copied, ...own].join(', ')} from hq.${name} where ${source.where}`)
    expectAs(name, { key: primaryKey.length === 1 ? extra : `${org}/${extra}` }, 'extra')

    // Of the snapshots one whose entity is as it was.
    const hidden = await placeOf(name, name.includes('snapshots') ? 8 : 6)
    await changeHq(name, hidden, '_dx_deleted_at = now()')
    expectAs(name, hidden, 'different')

    const moved = await placeOf(name, 2)
    await changeHq(name, moved, `org_id = '${other}'`)
    if (versionColumn === undefined) {
      expectAs(name, moved, 'different org_id')
      continue
    }
    expectAs(name, moved, 'missing')
    expectAs(name, { key: `${other}/${moved.key.split('/')[1]}` }, 'extra')

    const older = await placeOf(name, 3)
    await changeHq(name, older, `${versionColumn} = ${versionColumn} - 1`)
    expectAs(name, older, 'stale')
  }
  // Deleted at the source, and not in HQ any more.
  const gone = await placeOf('dx_company_entities_v1', 4)
  await site.dx.query('delete from entities.company_entities where entity_id = $1', [COMPANIES[4]])
  await site.settled()
  await changeHq('dx_company_entities_v1', gone, '_dx_deleted_at = null')
  expectAs('dx_company_entities_v1', gone, 'extra')
  // A version of an entity that it never had.
  const { rows } = await site.hq.query(
    `update hq.dx_entity_snapshots_v1 set record_version = record_version + 1000000000000
     where entity_id = $1 and record_version = (select max(record_version)
       from hq.dx_entity_snapshots_v1 where entity_id = $1) returning snapshot_id as id`,
    [COMPANIES[5]],
  )
  expectAs('dx_entity_snapshots_v1', { key: String(rows[0]?.id) }, 'different record_version')
  // An older version than its entity's, under an id that does not follow from it.
  const past = randomUUID()
  const current = await placeOf('dx_entity_snapshots_v1', 7)
  const set = `snapshot_id = '${past}', record_version = 0`
  await changeHq('dx_entity_snapshots_v1', current, set)
  expectAs('dx_entity_snapshots_v1', { key: past }, 'extra')
  expectAs('dx_entity_snapshots_v1', current, 'missing')

  const { reconciliation } = await site.run()
  expect(brief(reconciliation.findings)).toEqual(
    Object.fromEntries(Object.entries(expected).sort(([a], [b]) => (a < b ? -1 : 1))),
  )
  await expectMended()
})
