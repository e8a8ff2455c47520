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
  ...readdirSync(ROOT)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(ROOT, name)),
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

/*
 * What may be wider than 100 columns: a table, a picture, a test by its whole name, what a program
 * writes between its markers, and what stands in a fence.
 */
const MAX_COLUMNS = 100
const UNBREAKABLE = /^(?: *\||!\[|- `test\/)/

test.each(named)('%s: no line of prose has more than 100 columns', (_, path) => {
  const prose = proseOf(path).replaceAll(/^<!-- generated.*?^<!-- \/generated/gms, '')
  const wide = prose
    .split('\n')
    .filter((line) => line.length > MAX_COLUMNS && !UNBREAKABLE.test(line))
  expect(wide).toEqual([])
})

test('nothing refers to a document that is not in the repository', () => {
  const folders = ['apps', 'deploy', 'docs', 'migrations', 'packages', 'test']
  const texts = [
    ...documents,
    ...folders.flatMap((folder) =>
      ['.ts', '.sql', '.json', '.yml', '.yaml', '.Dockerfile', '.txt'].flatMap((ending) =>
        filesBelow(join(ROOT, folder), ending),
      ),
    ),
  ].filter((path) => !path.includes('node_modules'))
  const isThere = (from: string, name: string) =>
    [ROOT, DOCS, dirname(from)].some((folder) => existsSync(resolve(folder, name)))
  const missing = texts.flatMap((path) =>
    Array.from(readFileSync(path, 'utf8').matchAll(/[\w./-]*\w\.md\b/g), ([name]) => name)
      .filter((name) => !isThere(path, name))
      .map((name) => `${relative(ROOT, path)}: ${name}`),
  )
  expect(missing).toEqual([])
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

test('every alert has its section in docs/RUNBOOK.md, every section an alert, and each says what it means, where to look and what to do', () => {
  const rules = readFileSync(join(ROOT, 'deploy', 'prometheus', 'alerts.yml'), 'utf8')
  const alerts = Array.from(rules.matchAll(/- alert: (\w+)/g), ([, name = '']) => name)
  const [, ...sections] = proseOf(join(DOCS, 'RUNBOOK.md')).split(/^## /m)
  expect(sections.map((section) => section.split('\n')[0])).toEqual(alerts)
  for (const section of sections) {
    expect(Array.from(section.matchAll(/^\*\*(.+?)\*\*/gm), ([, label]) => label)).toEqual([
      'What it means.',
      'Look here.',
      'Do this.',
    ])
  }
  const runbooks = Array.from(rules.matchAll(/^ +runbook: (.+)$/gm), ([, link]) => link)
  expect(runbooks).toEqual(alerts.map((name) => `docs/RUNBOOK.md#${anchorOf(name)}`))
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
