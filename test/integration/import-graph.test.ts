import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

/*
 * The floor plan: folders of a part import one another in one direction only, no folder grows
 * beyond what the eye takes in, and parts import what docs/ARCHITECTURE.md says. Types count: who
 * needs a type of a room knows the room.
 */

const ROOT = join(import.meta.dirname, '..', '..')
const PARTS = ['apps', 'packages'].flatMap((kind) =>
  readdirSync(join(ROOT, kind)).map((name) => `${kind}/${name}`),
)
const SPECIFIER = /(?:from|import)\s*\(?\s*'([^']+)'/g
const MAX_FILES = 20
/** Registries: one file per member, named like it. */
const REGISTRIES = ['apps/outbox-relay/src/doctor/checks']

interface Import {
  readonly from: string
  readonly specifier: string
}

function sourcesOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .filter(({ parentPath }) => !parentPath.includes('node_modules'))
    .map(({ parentPath, name }) => relative(ROOT, join(parentPath, name)))
}

/** Imports of the sources of a part, those of its tests apart: a test may reach across. */
function importsOf(part: string): Import[] {
  return sourcesOf(`${part}/src`)
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((from) =>
      Array.from(
        readFileSync(join(ROOT, from), 'utf8').matchAll(SPECIFIER),
        ([, specifier = '']) => ({
          from,
          specifier,
        }),
      ),
    )
}

function folderGraph(part: string): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>()
  for (const { from, specifier } of importsOf(part)) {
    if (!specifier.startsWith('.')) continue
    const source = dirname(from)
    const target = relative(ROOT, dirname(resolve(ROOT, source, specifier)))
    if (source !== target) graph.set(source, (graph.get(source) ?? new Set()).add(target))
  }
  return graph
}

/** A way from a folder back to itself, or undefined. */
function cycleIn(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>()
  function visit(folder: string, way: readonly string[]): string[] | undefined {
    const position = way.indexOf(folder)
    if (position !== -1) return [...way.slice(position), folder]
    if (done.has(folder)) return undefined
    for (const next of graph.get(folder) ?? []) {
      const cycle = visit(next, [...way, folder])
      if (cycle !== undefined) return cycle
    }
    done.add(folder)
    return undefined
  }
  for (const folder of graph.keys()) {
    const cycle = visit(folder, [])
    if (cycle !== undefined) return cycle
  }
  return undefined
}

test('a cycle is found, and where there is none, none', () => {
  const one = new Map([
    ['a', new Set(['b'])],
    ['b', new Set(['c'])],
    ['c', new Set(['b'])],
  ])
  expect(cycleIn(one)).toEqual(['b', 'c', 'b'])
  expect(cycleIn(new Map([['a', new Set(['b'])]]))).toBeUndefined()
})

test.each(PARTS)('%s: no folder imports, by whatever way, one that imports it', (part) => {
  const graph = folderGraph(part)
  expect(cycleIn(graph)).toBeUndefined()
})

test('no folder has more files of its own than the eye takes in', () => {
  const counts = new Map<string, number>()
  for (const file of ['apps', 'packages', 'test'].flatMap(sourcesOf)) {
    const folder = dirname(file)
    counts.set(folder, (counts.get(folder) ?? 0) + 1)
  }
  const full = [...counts].filter(([, count]) => count > MAX_FILES).map(([folder]) => folder)
  expect(full.filter((folder) => !REGISTRIES.includes(folder))).toEqual([])
})

test('delivery says what became of a batch, and knows nobody who settles it', () => {
  const graph = folderGraph('apps/outbox-relay')
  const known = new Set<string>()
  const ways = ['apps/outbox-relay/src/delivery']
  for (let folder = ways.pop(); folder !== undefined; folder = ways.pop()) {
    if (known.has(folder)) continue
    known.add(folder)
    ways.push(...(graph.get(folder) ?? []))
  }
  const settling = ['acknowledge', 'dead-letter', 'reexport', 'observe', 'push']
  expect(settling.filter((name) => known.has(`apps/outbox-relay/src/${name}`))).toEqual([])
})

describe('docs/ARCHITECTURE.md says who may import whom', () => {
  const text = readFileSync(join(ROOT, 'docs', 'ARCHITECTURE.md'), 'utf8')
  const allowed = new Map(
    Array.from(
      text.matchAll(/^\| `((?:apps|packages)\/[\w-]+)` \|.*\| ([^|]*) \|$/gm),
      ([, part = '', names = '']): [string, string[]] => [
        part,
        Array.from(names.matchAll(/`([\w-]+)`/g), ([, name = '']) => name),
      ],
    ),
  )

  test('it names every part', () => {
    expect([...allowed.keys()].sort()).toEqual([...PARTS].sort())
  })

  test.each(PARTS)('%s', (part) => {
    const used = importsOf(part)
      .map(({ specifier }) => /^@hq-export\/([\w-]+)/.exec(specifier)?.[1])
      .filter((name) => name !== undefined)
    expect(new Set(allowed.get(part))).toEqual(new Set(used))
  })
})
