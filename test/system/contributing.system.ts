import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AppProcess } from '../support/programs/app-process.ts'
import type { App } from '../support/programs/command-host.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { WalkedCopy } from '../support/programs/walked-copy.ts'
import { insertOrg, insertPerson } from '../support/reference-rows.ts'

/*
 * The walked examples of CONTRIBUTING.md to their end: programs built from a copy on which they
 * were walked, on databases of before.
 */

let pipeline: Pipeline
let copy: WalkedCopy

beforeAll(async () => {
  pipeline = await Pipeline.create()
  copy = await WalkedCopy.create()
})

afterAll(async () => {
  await pipeline[Symbol.asyncDispose]()
  await copy[Symbol.asyncDispose]()
})

async function command(app: App, args: readonly string[], env: Record<string, string>) {
  const program = new AppProcess(app, args, env, copy.root)
  expect(await program.exited(), program.lines.join('\n')).toBe(0)
}

test('rows of an added dataset, and of one with an added column, arrive in HQ', async () => {
  const name = 'dx_tenant_companies_v1'
  const orgId = await insertOrg(pipeline.dx)
  const createCompany = (company: string) =>
    pipeline.dx.query('insert into ops.companies (org_id, name) values ($1, $2)', [orgId, company])
  await createCompany('before')
  for (const example of ['Add a column to a dataset', 'Add a dataset']) {
    const ended = copy.walk(example)
    for (const { status, text } of ended) expect(status, text).toBe(0)
    expect(ended.at(-1)?.text).toContain('nothing breaks')
    copy.commit(example)
  }

  const differences = async () =>
    (await pipeline.hq.query(copy.read('packages/contract/generated/hq-check.sql'))).rows
  expect(await differences()).toContainEqual(
    expect.objectContaining({ dataset: name, name: 'company_id', expected: 'uuid, required' }),
  )
  await command('hq-ingest', ['migrate'], { HQ_DATABASE_URL: pipeline.hqDatabase.url })
  expect(await differences()).toEqual([])
  await pipeline.startGateway(undefined, {}, copy.root)
  pipeline.startRelay({}, copy.root)
  const binding = join(copy.root, 'migrations/data-engine-x/bindings/reference.json')
  await command('outbox-relay', ['bind', binding], pipeline.relayEnv)
  await command('outbox-relay', ['backfill', '--dataset', name], pipeline.relayEnv)
  await createCompany('after')
  const entityId = await insertPerson(pipeline.dx, orgId)
  await pipeline.settled()

  const { rows: companies } = await pipeline.hq.query(
    `select name from hq.${name} where org_id = $1 order by created_at`,
    [orgId],
  )
  expect(companies).toEqual([{ name: 'before' }, { name: 'after' }])
  const { rows: persons } = await pipeline.hq.query(
    'select preferred_name, _dx_extra from hq.dx_person_entities_v1 where entity_id = $1',
    [entityId],
  )
  expect(persons).toEqual([{ preferred_name: null, _dx_extra: null }])
  await command('outbox-relay', ['reconcile'], pipeline.relayEnv)
}, 600_000)
