import type { WorkingTree } from '../repository/working-tree.ts'
import { type Artefact, GENERATED_FOLDER } from './artefacts.ts'

/** A generated file that is not what would be generated now. */
export interface Stale {
  readonly path: string
  readonly why: 'differs' | 'is missing' | 'belongs to nothing any more'
}

function foldersOf(artefacts: readonly Artefact[]): Set<string> {
  const folders = artefacts.map(({ path }) => path.slice(0, path.lastIndexOf('/')))
  return new Set(folders.filter((folder) => folder.startsWith(GENERATED_FOLDER)))
}

/** What `generate` would change in a working tree. */
export function findStale(tree: WorkingTree, artefacts: readonly Artefact[]): Stale[] {
  const known = new Set(artefacts.map(({ path }) => path))
  return [
    ...artefacts.flatMap(({ path, text }): Stale[] => {
      const before = tree.read(path)
      if (before === text) return []
      return [{ path, why: before === undefined ? 'is missing' : 'differs' }]
    }),
    ...[...foldersOf(artefacts)]
      .flatMap((folder) => tree.list(folder).map((name) => `${folder}/${name}`))
      .filter((path) => !known.has(path))
      .map((path): Stale => ({ path, why: 'belongs to nothing any more' })),
  ]
}

/** Brings the generated files of a working tree up to date, and says which were not. */
export function writeArtefacts(tree: WorkingTree, artefacts: readonly Artefact[]): Stale[] {
  const stale = findStale(tree, artefacts)
  const texts = new Map(artefacts.map(({ path, text }) => [path, text]))
  for (const { path } of stale) {
    const text = texts.get(path)
    if (text === undefined) tree.remove(path)
    else tree.write(path, text)
  }
  return stale
}
