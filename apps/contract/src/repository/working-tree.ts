import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Tree } from './contract-files.ts'

/** The files as they lie there now. */
export class WorkingTree implements Tree {
  readonly root: string

  constructor(root: string) {
    this.root = root
  }

  read(path: string): string | undefined {
    const file = join(this.root, path)
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined
  }

  list(folder: string): string[] {
    const path = join(this.root, folder)
    if (!existsSync(path)) return []
    const files = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile())
    return files.map(({ name }) => name).toSorted()
  }

  write(path: string, text: string): void {
    const file = join(this.root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }

  remove(path: string): void {
    rmSync(join(this.root, path))
  }
}
