import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WalkedCopy } from '../support/programs/walked-copy.ts'
import { createHqDatabase, type TestDatabase } from '../support/servers/databases.ts'

/*
 * The walked example of CONTRIBUTING.md, on a copy of this repository: what it tells somebody to
 * do, in that order, is what the programs want and HQ gets. That rows of it arrive, and how a
 * dataset is added, is in test/system/contributing.system.ts.
 */

let hq: TestDatabase
let client: pg.Client
let copy: WalkedCopy

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await hq.connect()
  copy = await WalkedCopy.create()
})

afterAll(async () => {
  await copy[Symbol.asyncDispose]()
  await hq[Symbol.asyncDispose]()
})

/** What HQ's tables differ in from what the contract of the copy promises. */
async function differences(): Promise<unknown[]> {
  return (await client.query(copy.read('packages/contract/generated/hq-check.sql'))).rows
}

test('"Add a column to a dataset" does what it says', async () => {
  const ended = copy.walk('Add a column to a dataset')
  expect(ended).toMatchObject([
    { status: 0, text: expect.stringContaining('written packages/contract/contract.lock.json') },
    { status: 0, text: expect.stringMatching(/^warning PII_ADDED .*person-entities\.ts:\d+/m) },
  ])
  expect(ended.at(-1)?.text).toContain('nothing breaks')

  // HQ gets the column by the migration, and is then as the new lock has it.
  expect(await differences()).toEqual([
    { dataset: 'dx_person_entities_v1', name: 'preferred_name', expected: 'text', found: null },
  ])
  await client.query(copy.read('migrations/hq/9001_add_preferred_name.sql'))
  expect(await differences()).toEqual([])
})
