import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..')
const DOCS = join(ROOT, 'docs')

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map(({ parentPath, name }) => join(parentPath, name))
}

const documents = [
  ...['README.md', 'CONTRIBUTING.md'].map((name) => join(ROOT, name)),
  ...filesBelow(DOCS, '.md'),
]

/** Without what stands in fences: a `#` there is a comment of a shell. */
function proseOf(path: string): string {
  return readFileSync(path, 'utf8').replaceAll(/^ *```.*?^ *```$/gms, '')
}

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

function anchorsOf(path: string): string[] {
  return [...proseOf(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))
}

const named = documents.map((path): [string, string] => [relative(ROOT, path), path])

test.each(named)('%s: every link to a file and every anchor leads somewhere', (_, path) => {
  const broken = [...proseOf(path).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? path : resolve(dirname(path), file)
      if (!existsSync(target)) return true
      return anchor !== undefined && !anchorsOf(target).includes(anchor)
    })
  expect(broken).toEqual([])
})

test('no two headings of a document have the same anchor', () => {
  for (const [name, path] of named) {
    const anchors = anchorsOf(path)
    expect(
      anchors.filter((anchor, index) => anchors.indexOf(anchor) !== index),
      name,
    ).toEqual([])
  }
})

test('every source file that docs/ARCHITECTURE.md names is there', () => {
  const sources = ['apps', 'packages', 'migrations'].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).flatMap((part) => {
      const src = join(ROOT, folder, part, 'src')
      return existsSync(src) ? filesBelow(src, '.ts').map((file) => relative(ROOT, file)) : []
    }),
  )
  const text = proseOf(join(DOCS, 'ARCHITECTURE.md'))
  const files = [...text.matchAll(/`([\w./-]+\.ts)`/g)].map(([, file = '']) => file)
  // A part's own prefix may leave `apps/`, `packages/` and `src/` out.
  const isThere = (file: string) =>
    sources.some(
      (source) =>
        `/${source}`.endsWith(`/${file}`) ||
        `/${source.replace('/src/', '/')}`.endsWith(`/${file}`),
    )
  expect(files.length).toBeGreaterThan(20)
  expect(files.filter((file) => !isThere(file))).toEqual([])
})

test('decisions are numbered from 0001, each number once, and say it in their title', () => {
  const folder = join(DOCS, 'decisions')
  const names = readdirSync(folder).sort()
  expect(names.map((name) => name.slice(0, 4))).toEqual(
    names.map((_, index) => String(index + 1).padStart(4, '0')),
  )
  for (const name of names) {
    expect(readFileSync(join(folder, name), 'utf8')).toMatch(new RegExp(`^# ${name.slice(0, 4)}: `))
  }
})

test('the documents name npm scripts that exist, and CONTRIBUTING or the README every one of them', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const own = Object.keys(scripts).filter(
    (name) => !(name.startsWith('pre') && name.slice(3) in scripts),
  )
  const scriptsOf = (paths: readonly string[]) => {
    const texts = paths.map((path) =>
      readFileSync(path, 'utf8').replaceAll(/\bnpm (start|test)\b/g, 'npm run $1'),
    )
    return new Set(
      texts.flatMap((text) =>
        Array.from(text.matchAll(/npm run ([\w:-]*\w)/g), ([, name = '']) => name),
      ),
    )
  }
  expect([...scriptsOf(documents)].filter((name) => !own.includes(name))).toEqual([])
  const mentioned = scriptsOf(['README.md', 'CONTRIBUTING.md'].map((name) => join(ROOT, name)))
  expect(own.filter((name) => !mentioned.has(name))).toEqual([])
})
