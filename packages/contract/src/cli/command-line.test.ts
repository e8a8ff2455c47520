import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { DATASETS } from '../datasets/datasets.ts'
import { type ContractDocument, runCommandLine } from './command-line.ts'
import { SECTION_BEGIN, SECTION_END } from './generated-section.ts'

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
const run = (...args: string[]) => runCommandLine(args, stale())

describe('list', () => {
  it('names every dataset', () => {
    const { status, stdout } = run('list')
    expect(status).toBe(0)
    expect(stdout.trimEnd().split('\n')).toHaveLength(DATASETS.length)
    for (const { name } of DATASETS) expect(stdout).toContain(name)
  })

  it('prints JSON', () => {
    const { status, stdout } = run('list', '--json')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual(
      DATASETS.map(({ name, semantics, description }) => ({ name, semantics, description })),
    )
  })
})

describe('show', () => {
  it.each(DATASETS.map(({ name }) => name))('prints %s with every column', (name) => {
    const { status, stdout } = run('show', name)
    expect(status).toBe(0)
    for (const column of DATASETS.find((dataset) => dataset.name === name)?.columns ?? []) {
      expect(stdout).toContain(`\`${column.name}\``)
    }
  })

  it('prints the whole descriptor as JSON', () => {
    const { status, stdout } = run('show', 'dx_person_entities_v1', '--json')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual(DATASETS[3])
  })
})

describe('docs', () => {
  it('finds tables that differ, and changes nothing', () => {
    const document = stale()
    const before = document.text
    expect(runCommandLine(['docs', '--check'], document).status).toBe(1)
    expect(document.text).toBe(before)
  })

  it('writes the tables between the markers, and nothing else', () => {
    const document = stale()
    expect(runCommandLine(['docs', '--write'], document).status).toBe(0)
    expect(document.text).toMatch(/^before\n/)
    expect(document.text).toMatch(/\nafter\n$/)
    expect(document.text).not.toContain('old')
    expect(runCommandLine(['docs', '--check'], document).status).toBe(0)
  })

  it.each([
    ['no markers', ''],
    ['no end', `${SECTION_BEGIN}\n`],
    ['no begin', `${SECTION_END}\n`],
    ['the end first', `${SECTION_END}\n${SECTION_BEGIN}\n`],
    ['two ends', `${SECTION_BEGIN}\n${SECTION_END}\n${SECTION_END}\n`],
    ['two sections', `${SECTION_BEGIN}\n${SECTION_END}\n${SECTION_BEGIN}\n${SECTION_END}\n`],
  ])('cannot tell from a document with %s', (_, text) => {
    const document = documentOf(text)
    expect(runCommandLine(['docs', '--write'], document).status).toBe(2)
    expect(document.text).toBe(text)
  })

  it('cannot tell from a document that is not there', () => {
    const document = {
      read: () => {
        throw new Error('no such file')
      },
      write: () => {},
    }
    expect(runCommandLine(['docs', '--check'], document)).toEqual({
      status: 2,
      stdout: '',
      stderr: 'no such file\n',
    })
  })
})

describe('usage', () => {
  it.each([[['--help']], [['list', '--help']], [['-h']]])('%j explains itself', (args) => {
    const { status, stdout } = run(...args)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^usage: /)
  })

  it.each([
    [[]],
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
  ])('%j is refused with 2 and help on standard error', (args) => {
    const { status, stdout, stderr } = run(...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('usage: ')
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
