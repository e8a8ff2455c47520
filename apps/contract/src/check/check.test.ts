import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Dataset } from '@hq-export/contract'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { describe, expect, it } from 'vitest'
import { CONTRACT_FOLDER, LOCK_FILE, WAIVERS_FILE } from '../repository/contract-files.ts'
import { WorkingTree } from '../repository/working-tree.ts'
import { descriptor } from '../rules/fixtures/world.ts'
import { statusOf } from './check-result.ts'
import {
  checkIn,
  commitAll,
  generateIn,
  git,
  ScratchFolder,
  startRepository,
} from './fixtures/scratch-repository.ts'

const PARTS = descriptor('dx_parts_v1', 1)

function withColumns(columns: Dataset['columns']): Dataset[] {
  return [{ ...PARTS, columns }]
}

const GROWN = withColumns([
  ...PARTS.columns,
  {
    name: 'added',
    type: 'text',
    nullable: true,
    additive: true,
    since: '0.2.0',
    description: '',
  },
])
const SHRUNK = [
  { ...PARTS, columns: PARTS.columns.filter(({ name }) => name !== 'note'), criticalFields: [] },
]
/** What breaks in {@link SHRUNK}. */
const BROKEN = ['COLUMN_NO_DELETE', 'CHECKSUM_SPEC_APPEND_ONLY']

const errorsOf = ({ findings }: ReturnType<typeof checkIn>) =>
  new Set(findings.filter(({ severity }) => severity === 'error').map(({ rule }) => rule))

describe('a branch', () => {
  it('that edits the lock in the commit that breaks it hides nothing', () => {
    using folder = new ScratchFolder()
    startRepository(folder.path, [PARTS])
    git(folder.path, 'switch', '-qc', 'work')
    generateIn(folder.path, SHRUNK)
    commitAll(folder.path, 'drop a column, and say in the lock that it never was')

    const result = checkIn(folder.path, SHRUNK)
    expect(result.stale).toEqual([])
    expect(errorsOf(result)).toEqual(new Set(BROKEN))
    expect(statusOf(result)).toBe(1)
  })

  it('that deletes the lock hides nothing either', () => {
    using folder = new ScratchFolder()
    startRepository(folder.path, [PARTS])
    git(folder.path, 'switch', '-qc', 'work')
    rmSync(join(folder.path, CONTRACT_FOLDER), { recursive: true })
    commitAll(folder.path, 'there was no contract')
    expect(errorsOf(checkIn(folder.path, SHRUNK)).isSupersetOf(new Set(BROKEN))).toBe(true)
  })

  it('that adds a nullable last column passes, once everything is generated', () => {
    using folder = new ScratchFolder()
    startRepository(folder.path, [PARTS], { isReleased: true })
    git(folder.path, 'switch', '-qc', 'work')
    const before = checkIn(folder.path, GROWN)
    expect(before.stale.map(({ path }) => path)).toContain(LOCK_FILE)
    expect(statusOf(before)).toBe(2)
    generateIn(folder.path, GROWN)
    commitAll(folder.path, 'add a column')
    const after = checkIn(folder.path, GROWN)
    expect(after).toMatchObject({ findings: [], stale: [] })
    expect(statusOf(after)).toBe(0)
  })

  it('is compared with where it left main, not with what main became', () => {
    using folder = new ScratchFolder()
    startRepository(folder.path, [PARTS])
    git(folder.path, 'switch', '-qc', 'work')
    commitEmpty(folder.path)
    git(folder.path, 'switch', '-q', 'main')
    generateIn(folder.path, GROWN)
    commitAll(folder.path, 'add a column')
    git(folder.path, 'switch', '-q', 'work')
    expect(errorsOf(checkIn(folder.path, [PARTS]))).toEqual(new Set())
    // Named outright, it counts as it is.
    expect(errorsOf(checkIn(folder.path, [PARTS], { against: 'main' }))).toEqual(new Set(BROKEN))
  })
})

function commitEmpty(folder: string): void {
  git(folder, 'commit', '-q', '--allow-empty', '-m', 'nothing')
}

describe('main itself', () => {
  it('is compared with its commit before, committed or not', () => {
    using folder = new ScratchFolder()
    startRepository(folder.path, [PARTS])
    expect(errorsOf(checkIn(folder.path, SHRUNK))).toEqual(new Set(BROKEN))
    generateIn(folder.path, SHRUNK)
    commitAll(folder.path, 'drop a column on main')
    expect(errorsOf(checkIn(folder.path, SHRUNK))).toEqual(new Set(BROKEN))
    git(folder.path, 'checkout', '-q', '--detach')
    expect(errorsOf(checkIn(folder.path, SHRUNK))).toEqual(new Set(BROKEN))
  })

  it('that lost what it broke is still held by the frozen locks', () => {
    using folder = new ScratchFolder()
    startRepository(folder.path, [PARTS], { isReleased: true })
    generateIn(folder.path, SHRUNK)
    commitAll(folder.path, 'drop a column')
    commitEmpty(folder.path)
    const result = checkIn(folder.path, SHRUNK)
    expect(errorsOf(result)).toEqual(new Set(BROKEN))
    expect(new Set(result.findings.map(({ against }) => against))).toEqual(
      new Set(['locks/0.1.0.json']),
    )
  })
})

describe('a check says where, and how to let it pass', () => {
  it('names file, line and pointer; a waiver with its fingerprint lets it pass, and no other', () => {
    using folder = new ScratchFolder()
    startRepository(folder.path, [PARTS])
    const tree = new WorkingTree(folder.path)
    const source = `${CONTRACT_FOLDER}/src/datasets/parts.ts`
    tree.write(source, `\n  name: 'dx_parts_v1',\n  columns: [\n    { name: 'kind' },\n  ],\n`)
    const changed = withColumns(
      PARTS.columns.map((column) =>
        column.name === 'kind' ? { ...column, nullable: true } : column,
      ),
    )
    generateIn(folder.path, changed)
    const [finding] = checkIn(folder.path, changed).findings
    expect(finding).toMatchObject({
      rule: 'COLUMN_NULLABILITY_SAME',
      column: 'kind',
      before: 'false',
      after: 'true',
      place: { file: source, line: 4, pointer: '/datasets/dx_parts_v1/columns/3/nullable' },
      wayOut: expect.stringContaining('publish the change as the next version'),
    })
    const waiver = {
      rule: finding?.rule,
      fingerprint: finding?.fingerprint,
      reason: 'nobody has read it yet',
      expires: '2026-05-01',
    }
    const waive = (...waivers: unknown[]) => {
      tree.write(WAIVERS_FILE, JSON.stringify(waivers))
      return statusOf(checkIn(folder.path, changed))
    }
    expect(waive(waiver)).toBe(0)
    expect(waive({ ...waiver, expires: '2026-04-30' })).toBe(1)
    expect(waive(waiver, { ...waiver, fingerprint: '0123456789ab' })).toBe(3)
    expect(() => waive({ ...waiver, reason: '' })).toThrow(OperatorError)
  })
})

describe('where what was before cannot be told, it is an error with the next step', () => {
  const refuses = (folder: string) => {
    try {
      checkIn(folder, [PARTS])
    } catch (error) {
      if (error instanceof OperatorError) return error.message
      throw error
    }
    return undefined
  }

  it.each([
    ['a shallow clone', ['--depth', '1'], /shallow .* git fetch --unshallow/],
    [
      'a clone without main',
      ['--single-branch', '--branch', 'work'],
      /neither .* git fetch origin/,
    ],
    [
      'a shallow clone of a branch',
      ['--depth', '1', '--no-single-branch', '--branch', 'work'],
      /shallow .* git fetch --unshallow/,
    ],
  ])('%s', (_, options, message) => {
    using folder = new ScratchFolder()
    startRepository(folder.path, [PARTS])
    commitEmpty(folder.path)
    git(folder.path, 'switch', '-qc', 'work')
    commitEmpty(folder.path)
    if (!options.includes('work')) git(folder.path, 'switch', '-q', 'main')
    using clone = new ScratchFolder()
    git(clone.path, 'clone', '-q', ...options, `file://${folder.path}`, '.')
    expect(refuses(clone.path)).toMatch(message)
    git(clone.path, 'checkout', '-q', '--detach')
    expect(refuses(clone.path)).toMatch(message)
    // Asked for in so many words, the frozen locks alone are held.
    expect(checkIn(clone.path, [PARTS], { isFrozenOnly: true }).comparedWith).toBe(
      '0 frozen locks alone, without history',
    )
  })

  it('no repository, and a copy inside of another one', () => {
    using folder = new ScratchFolder()
    generateIn(copyOf(folder.path), [PARTS])
    expect(refuses(join(folder.path, 'copy'))).toMatch(/no git repository, .* clone it/)
    git(folder.path, 'init', '-q', '-b', 'main')
    expect(refuses(join(folder.path, 'copy'))).toMatch(/no git repository, .* clone it/)
  })

  it('a ref that is not here, a file that is damaged', () => {
    using folder = new ScratchFolder()
    startRepository(folder.path, [PARTS])
    expect(() => checkIn(folder.path, [PARTS], { against: 'nowhere' })).toThrow(/git fetch origin/)
    new WorkingTree(folder.path).write(LOCK_FILE, '{"lock_version":2}')
    expect(refuses(folder.path)).toContain(LOCK_FILE)
    new WorkingTree(folder.path).write(LOCK_FILE, '<<<<<<<')
    expect(refuses(folder.path)).toContain(`${LOCK_FILE} is no JSON`)
  })

  it('no git at all', () => {
    const main = fileURLToPath(new URL('../main.ts', import.meta.url))
    const { status, stderr } = spawnSync(process.execPath, [main, 'check'], {
      encoding: 'utf8',
      env: { PATH: '' },
    })
    expect(status).toBe(2)
    expect(stderr).toMatch(/^contract: git cannot be run here.* install it/)
  })
})

function copyOf(folder: string): string {
  const copy = join(folder, 'copy')
  const text = '<!-- generated: npm run contract -- docs --write -->\n<!-- /generated -->\n'
  new WorkingTree(copy).write('docs/EXPORT_CONTRACT_V1.md', text)
  return copy
}
