import { spawnSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import type { Tree } from './contract-files.ts'

/** Where the branch is that everything is merged into; the first that is there. */
const MAIN = ['origin/main', 'main']

const FROZEN_ONLY = 'or compare with the frozen locks alone: contract check --frozen-only'

interface Ended {
  readonly status: number
  readonly stdout: string
}

function git(root: string, ...args: string[]): Ended {
  const { error, status, stdout } = spawnSync('git', ['-C', root, ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error !== undefined) {
    throw new OperatorError(
      `git cannot be run here, so what was before is not known; install it, ${FROZEN_ONLY}`,
    )
  }
  return { status: status ?? 1, stdout: stdout.trimEnd() }
}

/** What git prints, or undefined where it fails. */
function ask(root: string, ...args: string[]): string | undefined {
  const { status, stdout } = git(root, ...args)
  return status === 0 ? stdout : undefined
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

/** The files of a commit. */
export class CommitTree implements Tree {
  readonly #root: string
  readonly #commit: string

  constructor(root: string, commit: string) {
    this.#root = root
    this.#commit = commit
  }

  read(path: string): string | undefined {
    if (this.#names(path) === '') return undefined
    const { status, stdout } = git(this.#root, 'show', `${this.#commit}:${path}`)
    if (status === 0) return `${stdout}\n`
    throw new OperatorError(`git cannot show ${path} of ${this.#commit}; run: git fsck`)
  }

  list(folder: string): string[] {
    const names = this.#names(`${folder}/`)
    return names === '' ? [] : names.split('\n').map((name) => name.slice(folder.length + 1))
  }

  #names(path: string): string {
    const { status, stdout } = git(this.#root, 'ls-tree', '--name-only', this.#commit, '--', path)
    if (status === 0) return stdout
    throw new OperatorError(`git cannot list ${path} of ${this.#commit}; run: git fsck`)
  }
}
