import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { RepositoryCopy } from './repository-copy.ts'

const CONTRIBUTING = join(import.meta.dirname, '../../../CONTRIBUTING.md')

/** Blocks of a language under a heading of CONTRIBUTING.md, without their indentation. */
function blocksOf(heading: string, language: string): string[] {
  const text = readFileSync(CONTRIBUTING, 'utf8')
  const [, section = ''] = text.split(`## ${heading}\n`)
  const [own = ''] = section.split(/^## /m)
  const block = new RegExp(`^( *)\`\`\`${language}\n(.*?)^ *\`\`\`$`, 'gms')
  return Array.from(own.matchAll(block), ([, indent = '', body = '']) =>
    body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )
}

/** How a command ended, and what it said. */
export interface Ended {
  readonly status: number | null
  readonly text: string
}

/** A copy of this repository with a history, on which examples of CONTRIBUTING.md are walked. */
export class WalkedCopy implements AsyncDisposable {
  readonly #copy: RepositoryCopy
  #migrations = 9000

  private constructor(copy: RepositoryCopy) {
    this.#copy = copy
  }

  static async create(): Promise<WalkedCopy> {
    const walked = new WalkedCopy(await RepositoryCopy.create())
    walked.#git(['init', '-q', '-b', 'main'])
    walked.commit('as it is')
    return walked
  }

  get root(): string {
    return this.#copy.root
  }

  #run(command: string, args: readonly string[], input = ''): Ended {
    const options = { cwd: this.root, encoding: 'utf8', input } as const
    const { status, stdout, stderr } = spawnSync(command, args, options)
    return { status, text: `${stdout}${stderr}` }
  }

  #git(args: readonly string[], input?: string): void {
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org']
    expect(this.#run('git', [...identity, ...args], input)).toMatchObject({ status: 0 })
  }

  commit(message: string): void {
    this.#git(['add', 'apps', 'docs', 'migrations', 'packages', ':!*/node_modules'])
    this.#git(['commit', '-qm', message])
  }

  /** Applies the patches of an example, and runs its commands of the contract. */
  walk(heading: string): Ended[] {
    this.#migrations++
    for (const patch of blocksOf(heading, 'diff')) {
      this.#git(['apply', '-'], patch.replaceAll('NNNN', String(this.#migrations)))
    }
    return blocksOf(heading, 'sh')
      .flatMap((block) => Array.from(block.matchAll(/^npm run contract -- (.+)$/gm)))
      .map(([, args = '']) =>
        this.#run(process.execPath, ['apps/contract/src/main.ts', ...args.split(' ')]),
      )
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#copy[Symbol.asyncDispose]()
  }
}
