import { spawnSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { GOVERNED, type Tree } from './contract-files.ts'

/** Where the branch is that everything is merged into; the first that is there. */
const MAIN = ['origin/main', 'main']

const FROZEN_ONLY = 'or compare with the frozen locks alone: contract check --frozen-only'

interface Ended {
  readonly status: number
  readonly stdout: Buffer
}

function git(root: string, args: readonly string[], input = ''): Ended {
  const { error, status, stdout } = spawnSync('git', ['-C', root, ...args], {
    input,
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error !== undefined) {
    throw new OperatorError(
      `git cannot be run here, so what was before is not known; install it, ${FROZEN_ONLY}`,
    )
  }
  return { status: status ?? 1, stdout }
}

/** What git prints, or undefined where it fails. */
function ask(root: string, ...args: string[]): string | undefined {
  const { status, stdout } = git(root, args)
  return status === 0 ? stdout.toString().trimEnd() : undefined
}

function commitOf(root: string, ref: string): string | undefined {
  return ask(root, 'rev-parse', '--verify', '--quiet', `${ref}^{commit}`)
}

function assertRepository(root: string): void {
  const top = ask(root, 'rev-parse', '--show-toplevel')
  // A copy without history inside of another repository has that one's history, not its own.
  if (top !== undefined && realpathSync(top) === realpathSync(root)) return
  throw new OperatorError(
    `this is no git repository, so what was before is not known; clone it, ${FROZEN_ONLY}`,
  )
}

function isShallow(root: string): boolean {
  return ask(root, 'rev-parse', '--is-shallow-repository') === 'true'
}

function shallowError(): OperatorError {
  return new OperatorError(
    `this clone is shallow and ends before the main branch; run: git fetch --unshallow, ${FROZEN_ONLY}`,
  )
}

/**
 * The commit that the working tree is compared with: where its branch left the main branch. On the
 * main branch itself it is the commit before, since there the newest one is what is to be checked.
 * @throws {OperatorError} where git does not know, with what to do about it.
 */
function mergeBase(root: string): string {
  const main = MAIN.find((ref) => commitOf(root, ref) !== undefined)
  if (main === undefined) {
    throw new OperatorError(
      `neither ${MAIN.join(' nor ')} is here; run: git fetch origin main:refs/remotes/origin/main, ` +
        'name what to compare with: contract check --against REF, ' +
        FROZEN_ONLY,
    )
  }
  const base = ask(root, 'merge-base', 'HEAD', main)
  if (base === undefined) {
    if (isShallow(root)) throw shallowError()
    throw new OperatorError(
      `HEAD and ${main} have no commit in common; name one: contract check --against REF`,
    )
  }
  if (base !== commitOf(root, 'HEAD')) return base
  const previous = commitOf(root, 'HEAD^')
  if (previous !== undefined) return previous
  if (isShallow(root)) throw shallowError()
  return base
}

/**
 * The commit to compare with.
 * @param against a ref; without one, the merge base with the main branch.
 * @throws {OperatorError} where it cannot be told.
 */
export function findBase(root: string, against?: string): string {
  assertRepository(root)
  if (against === undefined) return mergeBase(root)
  const commit = commitOf(root, against)
  if (commit !== undefined) return commit
  throw new OperatorError(`git knows no commit ${against} here; fetch it: git fetch origin REF`)
}

/** The contents that `git cat-file --batch` prints: each after a line that ends with its size. */
function blobsIn(printed: Buffer): string[] {
  const blobs: string[] = []
  let position = 0
  while (position < printed.length) {
    const start = printed.indexOf('\n', position) + 1
    const end = start + Number(printed.toString('utf8', position, start).split(' ').at(-1))
    if (start === 0 || !(end >= start)) throw new OperatorError('git lacks a file; run: git fetch')
    blobs.push(printed.toString('utf8', start, end))
    position = end + 1
  }
  return blobs
}

/** What is governed, as a commit has it. */
export class CommitTree implements Tree {
  readonly #texts: ReadonlyMap<string, string>

  /** Reads them all at once. @throws {OperatorError} where git does not have them. */
  constructor(root: string, commit: string) {
    const listed = git(root, ['ls-tree', '-r', '--name-only', commit, '--', ...GOVERNED])
    const names = listed.stdout.toString().split('\n').filter(Boolean)
    const wanted = names.map((name) => `${commit}:${name}\n`).join('')
    const shown = git(root, ['cat-file', '--batch'], wanted)
    if (listed.status !== 0 || shown.status !== 0) {
      throw new OperatorError(`git cannot show the contract of ${commit}; run: git fsck`)
    }
    const blobs = blobsIn(shown.stdout)
    this.#texts = new Map(names.map((name, index) => [name, blobs[index] ?? '']))
  }

  read(path: string): string | undefined {
    return this.#texts.get(path)
  }

  list(folder: string): string[] {
    const start = `${folder}/`
    return [...this.#texts.keys()]
      .filter((path) => path.startsWith(start))
      .map((path) => path.slice(start.length))
  }
}
