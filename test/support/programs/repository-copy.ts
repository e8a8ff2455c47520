import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..', '..')
/** What the programs are made of. */
const COPIED = ['apps', 'packages', 'migrations', 'docs', 'package.json']

/**
 * The repository once more, to be changed as somebody who works on it would, with programs that can
 * be run. What was installed is shared.
 */
export class RepositoryCopy implements AsyncDisposable {
  readonly root: string

  private constructor(root: string) {
    this.root = root
  }

  static async create(): Promise<RepositoryCopy> {
    const root = await mkdtemp(join(tmpdir(), 'hq-export-copy-'))
    for (const name of COPIED) {
      // Links between packages are relative, and lead to the copies.
      await cp(join(ROOT, name), join(root, name), { recursive: true, verbatimSymlinks: true })
    }
    const installed = join(ROOT, 'node_modules')
    await mkdir(join(root, 'node_modules'))
    for (const name of await readdir(installed)) {
      if (name === '@hq-export') {
        await cp(join(installed, name), join(root, 'node_modules', name), {
          recursive: true,
          verbatimSymlinks: true,
        })
      } else await symlink(join(installed, name), join(root, 'node_modules', name))
    }
    return new RepositoryCopy(root)
  }

  /** Copies a file from here to a path of the copy. */
  async add(path: string, from: string): Promise<void> {
    await cp(from, join(this.root, path))
  }

  /** Changes a file; @throws where `before` does not stand in it exactly once. */
  async edit(path: string, before: string, after: string): Promise<void> {
    const file = join(this.root, path)
    const parts = (await readFile(file, 'utf8')).split(before)
    if (parts.length !== 2) throw new Error(`${path} has ${parts.length - 1} times ${before}`)
    await writeFile(file, parts.join(after))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true })
  }
}
