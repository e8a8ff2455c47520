import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { datasetByName } from '@hq-export/contract'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { histories } from '@hq-export/outbox-relay/doctor/checks/histories.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { capturing } from '../support/capture-rows.ts'
import { expectEqualSides } from '../support/equal-sides.ts'
import { runApp } from '../support/programs/app-process.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertCompany, insertOrg, insertPerson } from '../support/reference-rows.ts'
import { createUnboundDxDatabase } from '../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'
const PERSONS = 'dx_person_entities_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'

let pipeline: Pipeline
let companies: string[]
let person: string
/** Snapshots by id, every contract column as text: all that the view has shown since `bind`. */
let versions: Map<string, string>

async function read(client: pg.Client, relation: string): Promise<Map<string, string>> {
  const texts = datasetByName(SNAPSHOTS).columns.map(({ name }) => `${name}::text`)
  await client.query(`set timezone = 'UTC'`)
  const { rows } = await client.query<{ id: string; row: string }>(
    `select snapshot_id::text as id, array[${texts.join(', ')}]::text as row from ${relation}`,
  )
  return new Map(rows.map(({ id, row }) => [id, row]))
}

async function note(): Promise<void> {
  for (const [id, row] of await read(pipeline.dx, `hq_export.${SNAPSHOTS}`)) versions.set(id, row)
}

async function change(sql: string, ...values: unknown[]): Promise<void> {
  await pipeline.dx.query(sql, values)
  await note()
}

const relay = (args: readonly string[], env: Record<string, string> = {}) =>
  runApp('outbox-relay', args, { ...pipeline.relayEnv, ...env })

/** Everything that HQ has of entities, with the place of each row version: any write changes it. */
async function hqImage(): Promise<unknown> {
  const tables = [COMPANIES, PERSONS, SNAPSHOTS].map(
    (table) =>
      `select '${table}' as name, ctid::text, xmin::text, t::text as row from hq.${table} t`,
  )
  return (await pipeline.hq.query(`${tables.join(' union all ')} order by 1, 4`)).rows
}

async function historyTriggers(): Promise<string[]> {
  const { rows } = await pipeline.dx.query<{ name: string }>(
    `select tgname as name from pg_trigger where tgname ~ '_(replaced|emptied)$' order by 1`,
  )
  return rows.map(({ name }) => name)
}

const ALL_TRIGGERS = [3, 4].flatMap((n) => [`hq_export_${n}_emptied`, `hq_export_${n}_replaced`])

beforeEach(async () => {
  const dxDatabase = await createUnboundDxDatabase()
  pipeline = await Pipeline.create({ dxDatabase })
  const orgId = await insertOrg(pipeline.dx)
  companies = []
  for (let n = 0; n < 6; n++) {
    const payload = `{"n": ${n}, "cost": 1.10, "big": 12345678901234567890}`
    companies.push(
      await insertCompany(pipeline.dx, orgId, { canonical_payload: payload, record_version: 3 }),
    )
  }
  person = await insertPerson(pipeline.dx, orgId)
  await bind(dxDatabase.url, 'reference')
  versions = new Map()
  await note()
  await pipeline.runGateway()
})

afterEach(() => pipeline[Symbol.asyncDispose]())

test('every version from bind on is in HQ, whatever replaces it before a backfill; the second backfill changes nothing, and nothing is left in the triggers', async () => {
  const { dx, hq, dxDatabase } = pipeline
  expect(await runDoctor(dxDatabase.url, [histories])).toMatchObject([
    { state: 'warn', todo: `run: npm run relay -- backfill --dataset ${COMPANIES}` },
    { state: 'warn', todo: `run: npm run relay -- backfill --dataset ${PERSONS}` },
  ])
  const update = `update entities.company_entities
    set canonical_name = $2, record_version = record_version + $3 where entity_id = $1`
  const remove = 'delete from entities.company_entities where entity_id = $1'
  await change(update, companies[0], 'once', 1)
  for (const name of ['one', 'two', 'three']) await change(update, companies[1], name, 1)
  await change(remove, companies[2])
  await change(update, companies[3], 'silent', 0)
  await change(update, companies[3], 'back', -2)
  await change(remove, companies[3])
  await change(`update entities.person_entities set full_name = 'Ada' where entity_id = $1`, person)

  // Part of it completes nothing.
  expect((await relay(['backfill', '--until', '2001-01-01'])).exitCode).toBe(0)
  expect(await historyTriggers()).toEqual(ALL_TRIGGERS)

  const first = await relay(['backfill'])
  expect(first).toMatchObject({ exitCode: 0, output: expect.stringContaining('are gone') })
  expect(await historyTriggers()).toEqual([])
  expect(await runDoctor(dxDatabase.url, [histories])).toMatchObject([{ state: 'ok' }])
  expect(await bind(dxDatabase.url, 'reference')).toMatchObject({ changed: false })

  await change(update, companies[4], 'after the backfill', 1)
  const lean = await capturing(dx, () => change(update, companies[5], 'lean', 1))
  expect(lean.map(({ dataset }) => dataset)).toEqual([COMPANIES, SNAPSHOTS])

  pipeline.runRelay()
  await pipeline.settled()
  await expectEqualSides(dx, hq)
  const inHq = await read(hq, `hq.${SNAPSHOTS}`)
  expect([...versions].filter(([id, row]) => inHq.get(id) !== row)).toEqual([])
  // Beside these the two deletes, each a version of its own.
  expect(inHq.size).toBe(versions.size + 2)
  expect((await dx.query('select reason from hq_export.dead_letter')).rows).toEqual([])

  const image = await hqImage()
  const second = await relay(['backfill', '--json'])
  const result = JSON.parse(
    second.output.split('\n').findLast((line) => line.startsWith('{"id')) ?? '',
  )
  expect(result.counts.duplicate).toBe(result.counts.received)
  expect(await hqImage()).toEqual(image)
})

test('where the login of a backfill may not drop triggers, it says so, and bind does; bound anew, a history is incomplete again', async () => {
  const { dx, dxDatabase } = pipeline
  const role = `login_${randomBytes(4).toString('hex')}`
  await dx.query(`create role ${role} login password 'x'; grant hq_export_relay to ${role}`)
  const url = new URL(dxDatabase.url)
  url.username = role
  url.password = 'x'
  const backfill = await relay(['backfill', '--dataset', SNAPSHOTS], { DX_DATABASE_URL: url.href })
  await dx.query(`drop role ${role}`)
  expect(backfill.exitCode).toBe(0)
  expect(backfill.output).toContain('this login may not drop them; run: npm run relay -- bind NAME')
  expect(await historyTriggers()).toEqual(ALL_TRIGGERS)
  expect(await runDoctor(dxDatabase.url, [histories])).toMatchObject([
    { state: 'warn', todo: 'run, as the role that binds: npm run relay -- bind reference' },
    { state: 'warn' },
  ])
  expect(await bind(dxDatabase.url, 'reference')).toMatchObject({ changed: true })
  expect(await historyTriggers()).toEqual([])
  expect(await runDoctor(dxDatabase.url, [histories])).toMatchObject([{ state: 'ok' }])

  const folder = await mkdtemp(join(tmpdir(), 'hq-export-history-'))
  const reference = JSON.parse(
    await readFile(join(dxMigrations.folder, 'bindings', 'reference.json'), 'utf8'),
  )
  const file = join(folder, 'without.json')
  const datasets = reference.datasets.filter(
    ({ dataset }: { dataset: string }) => dataset !== PERSONS,
  )
  await writeFile(file, JSON.stringify({ name: 'without', datasets }))
  await bind(dxDatabase.url, file)
  await rm(folder, { recursive: true })
  await bind(dxDatabase.url, 'reference')
  expect(await historyTriggers()).toEqual(['hq_export_4_emptied', 'hq_export_4_replaced'])
})

test('a replaced version that cannot be projected is a dead letter with its raw row, and arrives once the binding is mended', async () => {
  const { dx, hq, dxDatabase } = pipeline
  await dx.query('alter table entities.company_entities drop column last_run_id')
  await dx.query(
    `update entities.company_entities set canonical_name = 'u', record_version = 4
     where entity_id = $1`,
    [companies[0]],
  )
  pipeline.runRelay()
  await pipeline.settled()
  const letters = await dx.query(
    'select dataset, reason, detail from hq_export.dead_letter order by 1',
  )
  expect(letters.rows).toMatchObject([
    { dataset: COMPANIES, reason: 'capture_failed' },
    { dataset: SNAPSHOTS, reason: 'capture_failed', detail: 'raw row: SQLSTATE 42703' },
  ])
  expect((await relay(['dead-letters', 'replay', '--all'])).exitCode).toBe(1)

  const folder = await mkdtemp(join(tmpdir(), 'hq-export-history-'))
  const text = await readFile(join(dxMigrations.folder, 'bindings', 'reference.json'), 'utf8')
  const mended = JSON.parse(text)
  for (const bound of mended.datasets) {
    if (bound.dataset !== COMPANIES) continue
    bound.columns.last_run_id = 'null'
    bound.snapshot.sourceRunId = 'null'
  }
  const file = join(folder, 'mended.json')
  await writeFile(file, JSON.stringify({ ...mended, name: 'mended' }))
  await bind(dxDatabase.url, file)
  await rm(folder, { recursive: true })
  expect(await historyTriggers()).toEqual(ALL_TRIGGERS)
  expect((await relay(['dead-letters', 'replay', '--all'])).exitCode).toBe(0)
  await note()
  await pipeline.settled()
  const inHq = await read(hq, `hq.${SNAPSHOTS}`)
  const { rows } = await hq.query(
    `select record_version::text as version from hq.${SNAPSHOTS} where entity_id = $1 order by 1`,
    [companies[0]],
  )
  expect(rows).toEqual([{ version: '3' }, { version: '4' }])
  expect([...inHq].filter(([id, row]) => versions.get(id) !== row)).toEqual([])
})
