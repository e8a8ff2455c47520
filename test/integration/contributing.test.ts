import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RepositoryCopy } from '../support/programs/repository-copy.ts'
import { createHqDatabase, type TestDatabase } from '../support/servers/databases.ts'

/*
 * The walked example of CONTRIBUTING.md, on a copy of this repository: what it tells somebody to
 * do, in that order, is what the programs want and HQ gets.
 */

const ROOT = join(import.meta.dirname, '..', '..')

let hq: TestDatabase
let copy: RepositoryCopy

beforeAll(async () => {
  hq = await createHqDatabase()
  copy = await RepositoryCopy.create()
})

afterAll(async () => {
  await copy[Symbol.asyncDispose]()
  await hq[Symbol.asyncDispose]()
})

function run(command: string, args: readonly string[], input = '') {
  const options = { cwd: copy.root, encoding: 'utf8', input } as const
  const { status, stdout, stderr } = spawnSync(command, args, options)
  return { status, text: `${stdout}${stderr}` }
}

function git(args: readonly string[], input?: string): void {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org']
  expect(run('git', [...identity, ...args], input)).toMatchObject({ status: 0 })
}

/** Blocks of a language under a heading, without their indentation. */
function blocksOf(heading: string, language: string): string[] {
  const text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8')
  const [, section = ''] = text.split(`## ${heading}\n`)
  const [own = ''] = section.split(/^## /m)
  const block = new RegExp(`^( *)\`\`\`${language}\n(.*?)^ *\`\`\`$`, 'gms')
  return Array.from(own.matchAll(block), ([, indent = '', body = '']) =>
    body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )
}

test('"Add a column to a dataset" does what it says', async () => {
  git(['init', '-q', '-b', 'main'])
  git(['add', 'apps', 'docs', 'migrations', 'packages', ':!*/node_modules'])
  git(['commit', '-qm', 'as it is'])
  const before = new Set(readdirSync(join(copy.root, 'migrations/hq')))

  for (const patch of blocksOf('Add a column to a dataset', 'diff')) git(['apply', '-'], patch)
  const commands = blocksOf('Add a column to a dataset', 'sh').flatMap((block) =>
    Array.from(block.matchAll(/^npm run contract -- (.+)$/gm), ([, args = '']) => args.split(' ')),
  )
  const ended = commands.map((args) =>
    run(process.execPath, ['apps/contract/src/main.ts', ...args]),
  )
  expect(ended).toMatchObject([
    { status: 0, text: expect.stringContaining('written packages/contract/contract.lock.json') },
    { status: 0, text: expect.stringMatching(/^warning PII_ADDED .*person-entities\.ts:\d+/m) },
  ])
  expect(ended.at(-1)?.text).toContain('nothing breaks')

  // HQ gets the column by the migration, and is then as the new lock has it.
  const [migration = ''] = readdirSync(join(copy.root, 'migrations/hq')).filter(
    (name) => !before.has(name),
  )
  const client = await hq.connect()
  const check = readFileSync(join(copy.root, 'packages/contract/generated/hq-check.sql'), 'utf8')
  expect((await client.query(check)).rows).toEqual([
    { dataset: 'dx_person_entities_v1', name: 'preferred_name', expected: 'text', found: null },
  ])
  await client.query(readFileSync(join(copy.root, 'migrations/hq', migration), 'utf8'))
  expect((await client.query(check)).rows).toEqual([])
})
