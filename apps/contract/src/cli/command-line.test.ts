import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { DATASETS } from '@hq-export/contract'
import { describe, expect, it } from 'vitest'
import { SECTION_BEGIN, SECTION_END } from '../generate/generated-section.ts'
import { WorkingTree } from '../repository/working-tree.ts'
import { type ContractDocument, createContractProgram } from './command-line.ts'
import type { Governed } from './governed.ts'

function documentOf(text: string): ContractDocument & { text: string } {
  const document = {
    text,
    read: () => document.text,
    write: (changed: string) => {
      document.text = changed
    },
  }
  return document
}

const stale = () => documentOf(`before\n${SECTION_BEGIN}\nold\n${SECTION_END}\nafter\n`)

const NOTHING_GOVERNED: Governed = {
  tree: new WorkingTree('/nowhere'),
  datasets: DATASETS,
  readOpenApi: () => '{}',
  today: () => '2026-11-28',
}

/** Runs one command line to its end. */
async function runWith(document: ContractDocument, ...args: string[]) {
  let stdout = ''
  let stderr = ''
  const program = createContractProgram(document, NOTHING_GOVERNED, {
    out: (text) => {
      stdout += text
    },
    err: (text) => {
      stderr += text
    },
  })
  return { status: await program.run(args), stdout, stderr }
}

const run = (...args: string[]) => runWith(stale(), ...args)

describe('list', () => {
  it('names every dataset', async () => {
    const { status, stdout } = await run('list')
    expect(status).toBe(0)
    expect(stdout.trimEnd().split('\n')).toHaveLength(DATASETS.length)
    for (const { name } of DATASETS) expect(stdout).toContain(name)
  })

  it('prints JSON', async () => {
    const { status, stdout } = await run('list', '--json')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual(
      DATASETS.map(({ name, semantics, description }) => ({ name, semantics, description })),
    )
  })
})

describe('show', () => {
  it.each(DATASETS.map(({ name }) => name))('prints %s with every column', async (name) => {
    const { status, stdout } = await run('show', name)
    expect(status).toBe(0)
    for (const column of DATASETS.find((dataset) => dataset.name === name)?.columns ?? []) {
      expect(stdout).toContain(`\`${column.name}\``)
    }
  })

  it('prints the whole descriptor as JSON', async () => {
    const { status, stdout } = await run('show', 'dx_person_entities_v1', '--json')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'dx_person_entities_v1',
      schema_version: 'v1',
      primary_key: DATASETS[3]?.primaryKey,
      columns: DATASETS[3]?.columns,
    })
  })
})

describe('docs', () => {
  it('finds tables that differ, and changes nothing', async () => {
    const document = stale()
    const before = document.text
    expect((await runWith(document, 'docs', '--check')).status).toBe(1)
    expect(document.text).toBe(before)
  })

  it('writes the tables between the markers, and nothing else', async () => {
    const document = stale()
    expect((await runWith(document, 'docs', '--write')).status).toBe(0)
    expect(document.text).toMatch(/^before\n/)
    expect(document.text).toMatch(/\nafter\n$/)
    expect(document.text).not.toContain('old')
    expect((await runWith(document, 'docs', '--check')).status).toBe(0)
  })

  it.each([
    ['no markers', ''],
    ['no end', `${SECTION_BEGIN}\n`],
    ['no begin', `${SECTION_END}\n`],
    ['the end first', `${SECTION_END}\n${SECTION_BEGIN}\n`],
    ['two ends', `${SECTION_BEGIN}\n${SECTION_END}\n${SECTION_END}\n`],
    ['two sections', `${SECTION_BEGIN}\n${SECTION_END}\n${SECTION_BEGIN}\n${SECTION_END}\n`],
  ])('cannot tell from a document with %s', async (_, text) => {
    const document = documentOf(text)
    expect((await runWith(document, 'docs', '--write')).status).toBe(2)
    expect(document.text).toBe(text)
  })

  it('cannot tell from a document that is not there', async () => {
    const document = {
      read: () => {
        throw new Error('no such file')
      },
      write: () => {},
    }
    expect(await runWith(document, 'docs', '--check')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'contract: no such file; see docs/EXPORT_CONTRACT_V1.md\n',
    })
  })
})

describe('usage', () => {
  it('without a command, the help is on standard error', async () => {
    const { status, stdout, stderr } = await run()
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^Usage: contract /)
  })

  it.each([[['--help']], [['list', '--help']], [['-h']]])('%j explains itself', async (args) => {
    const { status, stdout } = await run(...args)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^Usage: contract /)
  })

  it.each([
    [['nothing']],
    [['list', 'more']],
    [['list', '--check']],
    [['list', '--unknown']],
    [['show']],
    [['show', 'dx_nothing_v1']],
    [['show', 'dx_person_entities_v1', 'dx_company_entities_v1']],
    [['docs']],
    [['docs', '--check', '--write']],
    [['docs', '--check', '--json']],
    [['docs', 'more', '--check']],
  ])('%j is refused with 2, in one line that names the next step', async (args) => {
    const { status, stdout, stderr } = await run(...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(
      /^contract: .*(?:; see: npm run contract -- --help|: give --check or --write)\n$/,
    )
  })
})

describe('the program', () => {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const spawn = (...args: string[]) =>
    spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })

  it('prints to standard output', () => {
    const { status, stdout, stderr } = spawn('list', '--json')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(JSON.parse(stdout)).toHaveLength(DATASETS.length)
  })

  it('exits with 2 on bad usage', () => {
    expect(spawn('nothing').status).toBe(2)
  })

  it('finds the document of this repository up to date', () => {
    expect(spawn('docs', '--check')).toMatchObject({ status: 0, stdout: 'up to date\n' })
  })
})
