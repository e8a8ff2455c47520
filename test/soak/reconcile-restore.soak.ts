import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Finding } from '@hq-export/contract'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { Pipeline } from '../support/programs/pipeline.ts'
import { reconcileAll } from '../support/programs/reconcile-under-load.ts'
import { insertCompany, insertEvent, insertOrg, insertRun } from '../support/reference-rows.ts'
import { createOwnDatabase, prepareDx, type TestDatabase } from '../support/servers/databases.ts'
import { startOwnServer } from '../support/servers/own-server.ts'
import { waitFor } from '../support/wait-for.ts'

const run = promisify(execFile)
const ROWS = 200

const UPDATE = `update entities.company_entities
  set canonical_name = $2, record_version = record_version + 1 where entity_id = $1`

/** Rows of both lives of a source. */
class Lives {
  readonly #org: string
  readonly #run: string
  /** Of both lives. */
  readonly companies: readonly string[]

  private constructor(org: string, run: string, companies: readonly string[]) {
    this.#org = org
    this.#run = run
    this.companies = companies
  }

  static async begin(dx: pg.Client): Promise<Lives> {
    const org = await insertOrg(dx)
    const run = await insertRun(dx, org)
    await insertEvent(dx, org, run)
    const companies: string[] = []
    for (let n = 0; n < ROWS; n++) companies.push(await insertCompany(dx, org))
    return new Lives(org, run, companies)
  }

  company(n: number): string {
    return this.companies[n] ?? ''
  }

  /** What the backup does not have. @returns what it is by key, once it is gone from the source. */
  async loseLater(dx: pg.Client): Promise<Record<string, string>> {
    const lost: Record<string, string> = {}
    for (let n = 0; n < 20; n++) lost[await insertCompany(dx, this.#org)] = 'extra'
    lost[await insertEvent(dx, this.#org, this.#run, { event_sequence: 2 })] = 'extra'
    for (const n of [1, 2, 3]) {
      await dx.query(UPDATE, [this.company(n), 'newer'])
      lost[this.company(n)] = 'ahead'
    }
    await dx.query('delete from entities.company_entities where entity_id = $1', [this.company(4)])
    lost[this.company(4)] = 'ahead'
    return lost
  }

  /** The source goes on, under transaction ids that the life before has used. */
  async goOn(dx: pg.Client): Promise<void> {
    for (let n = 0; n < 10; n++) await insertCompany(dx, this.#org)
    for (const n of [3, 5]) await dx.query(UPDATE, [this.company(n), 'of the new life'])
    await insertEvent(dx, this.#org, this.#run, { event_sequence: 3 })
  }
}

/** Findings but those of snapshots, which follow their entities: class by last part of the key. */
function brief(findings: readonly Finding[]): Record<string, string> {
  return Object.fromEntries(
    findings
      .filter(({ dataset }) => !dataset.includes('snapshots'))
      .map(({ key, class: found }): [string, string] => [key.split('/').at(-1) ?? '', found]),
  )
}

async function acksInThisLife(dx: pg.Client): Promise<boolean> {
  const { rowCount } = await dx.query(
    `select from (select epoch from hq_export.ack order by id desc limit 1) a, hq_export.incarnation i
     where a.epoch = (select system_identifier::text from pg_control_system()) || '.' || i.id`,
  )
  return rowCount === 1
}

/** What HQ is expected to differ in after a restore, and what becomes of it. */
async function expectLossToBeFound(
  pipeline: Pipeline,
  lives: Lives,
  lost: Readonly<Record<string, string>>,
): Promise<void> {
  const { dx, hq } = pipeline
  await waitFor('a relay of the new life', () => acksInThisLife(dx))
  await lives.goOn(dx)
  await pipeline.settled()
  // The relay itself raises the version of what is written again.
  const { [lives.company(3)]: _, ...left } = lost
  await hq.query('delete from hq.dx_company_entities_v1 where entity_id = $1', [lives.company(6)])
  await hq.query(
    `update hq.dx_company_entities_v1 set canonical_name = 'planted' where entity_id = $1`,
    [lives.company(7)],
  )
  const planted = { [lives.company(6)]: 'missing', [lives.company(7)]: 'different' }
  const found = await reconcileAll(pipeline)
  expect([found.state, brief(found.findings)]).toEqual(['different', { ...left, ...planted }])

  const repaired = await reconcileAll(pipeline, { repair: 'all' })
  expect(brief(repaired.findings)).toEqual({ ...left, ...planted })
  for (const { class: each, repair } of repaired.findings)
    expect(`${each} ${repair}`).toMatch(/^((missing|different|stale) sent|(ahead|extra) not_rep)/)
  await pipeline.settled()
  const after = await reconcileAll(pipeline)
  expect([after.state, brief(after.findings)]).toEqual(['different', left])
}

test('a source whose files are those of an earlier day: the same server, its ids used again', async () => {
  await using server = await startOwnServer('dx-files')
  await using pipeline = await Pipeline.create({
    dxDatabase: await createOwnDatabase(server.cluster.url(), prepareDx),
  })
  await pipeline.startGateway()
  const before = pipeline.startRelay()
  const lives = await Lives.begin(pipeline.dx)
  await pipeline.settled()
  const { rows } = await pipeline.dx.query<{ data_directory: string }>('show data_directory')
  const folder = rows[0]?.data_directory ?? ''
  await server.cluster.halt()
  await run('cp', ['-a', folder, `${folder}.backup`])
  await server.cluster.resume()
  await waitFor('the server to be back', () => pipeline.reconnect().then(() => true))
  const lost = await lives.loseLater(pipeline.dx)
  await pipeline.settled()
  await before.terminate()
  await server.cluster.halt()
  await run('rm', ['-r', folder])
  await run('mv', [`${folder}.backup`, folder])
  await server.cluster.resume()
  await pipeline.reconnect()
  pipeline.startRelay()
  await expectLossToBeFound(pipeline, lives, lost)
})

const TABLES = `
select c.oid::regclass::text as name, string_agg(quote_ident(a.attname), ', ') as columns
from pg_class c join pg_attribute a on a.attrelid = c.oid and attnum > 0 and not attisdropped
  and attgenerated = ''
where c.relnamespace in ('ops'::regnamespace, 'entities'::regnamespace, 'hq_export'::regnamespace)
  and c.relkind = 'r' and c.relpersistence = 'p'
group by c.oid`

/** Copies the rows and sequences of a source into one that has the same tables, as a dump would. */
async function restoreInto(from: TestDatabase, into: TestDatabase): Promise<void> {
  const [reader, writer] = [await from.connect(), await into.connect()]
  await writer.query(`set session_replication_role = replica; set hq_export.disabled = 'on'`)
  const { rows: tables } = await reader.query<{ name: string; columns: string }>(TABLES)
  for (const { name, columns } of tables) {
    const { rows } = await reader.query(
      `select coalesce(json_agg(t), '[]')::text as all from ${name} t`,
    )
    await writer.query(`delete from ${name}`)
    await writer.query(
      `insert into ${name} (${columns}) overriding system value
       select ${columns} from json_populate_recordset(null::${name}, $1)`,
      [rows[0].all],
    )
  }
  const { rows: sequences } = await reader.query<{ name: string; last: string }>(
    `select format('%I.%I', schemaname, sequencename) as name, last_value::text as last
     from pg_sequences where last_value is not null`,
  )
  for (const { name, last } of sequences)
    await writer.query('select setval($1::regclass, $2::int8)', [name, last])
}

test('a source that was restored into another server, whose ids begin anew', async () => {
  await using server = await startOwnServer('dx-dump')
  await using restored = await startOwnServer('dx-restored')
  const dxDatabase = await createOwnDatabase(server.cluster.url(), prepareDx)
  const otherDatabase = await createOwnDatabase(restored.cluster.url(), prepareDx)
  await using before = await Pipeline.create({ dxDatabase })
  await before.startGateway()
  const relay = before.startRelay()
  const lives = await Lives.begin(before.dx)
  await before.settled()
  await restoreInto(dxDatabase, otherDatabase)
  const lost = await lives.loseLater(before.dx)
  await before.settled()
  await relay.terminate()

  // The databases go with the first of them.
  const hqDatabase = { ...before.hqDatabase, [Symbol.asyncDispose]: async () => {} }
  await using after = await Pipeline.create({ dxDatabase: otherDatabase, hqDatabase })
  await after.startGateway()
  after.startRelay()
  await expectLossToBeFound(after, lives, lost)
})
