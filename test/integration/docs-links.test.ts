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
 * What may be wider than 100 columns: a table, a picture, where a link leads, a test by its whole
 * name, what a program writes between its markers, and what stands in a fence.
 */
const MAX_COLUMNS = 100
const UNBREAKABLE = /^(?: *\||!\[|- `test\/)/
const LINK_TARGET = /(?<=\]\()[^)]*/g

test.each(named)('%s: no line of prose has more than 100 columns', (_, path) => {
  const prose = proseOf(path).replaceAll(/^<!-- generated.*?^<!-- \/generated/gms, '')
  const wide = prose
    .split('\n')
    .filter((line) => !UNBREAKABLE.test(line))
    .filter((line) => line.replaceAll(LINK_TARGET, '').length > MAX_COLUMNS)
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
  const missing = texts.flatMap((path) => {
    const text = readFileSync(path, 'utf8')
    const names = text
      .split(/[^\w./-]+/)
      .map((word) => word.replace(/\.$/, ''))
      .filter((word) => /\w\.md$/.test(word) && !isThere(path, word))
    return [...names, ...(text.match(/\(design \d/g) ?? [])].map(
      (name) => `${relative(ROOT, path)}: ${name}`,
    )
  })
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

test('the way of a row in docs/ARCHITECTURE.md names files, and none twice', () => {
  const [, rest = ''] = proseOf(join(DOCS, 'ARCHITECTURE.md')).split('## The way of one row\n')
  const [way = ''] = rest.split('\n## ')
  const steps = Array.from(way.matchAll(/^\d+\. \[.+?\]\((\S+)\)/gm), ([, link]) => link)
  expect(steps.length).toBeGreaterThan(20)
  expect(way.match(/^\d+\. /gm)?.length).toBe(steps.length)
  expect(new Set(steps).size).toBe(steps.length)
})

test.each(['outbox-relay', 'hq-ingest'])('docs/ARCHITECTURE.md names every room of %s', (app) => {
  const src = join(ROOT, 'apps', app, 'src')
  const rooms = readdirSync(src, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isDirectory())
    .map(({ parentPath, name }) => `${relative(src, join(parentPath, name))}/`)
  const text = proseOf(join(DOCS, 'ARCHITECTURE.md'))
  const [, table = ''] = text.split(`| \`apps/${app}/src/\` | holds |\n`)
  const cells = Array.from(
    (table.split('\n\n')[0] ?? '').matchAll(/^\|(.+?)\|/gm),
    ([, cell]) => cell,
  )
  const named = Array.from(cells.join().matchAll(/`([\w/-]+\/)`/g), ([, room]) => room)
  expect(named.toSorted()).toEqual(rooms.toSorted())
})

test('from the README it is at most three clicks to what decides on a row, and to a trigger', () => {
  const clicks = new Map([[join(ROOT, 'README.md'), 0]])
  for (const [path, count] of clicks) {
    if (!path.endsWith('.md')) continue
    for (const [, link = ''] of proseOf(path).matchAll(/\]\(([^)\s#]+)[^)\s]*\)/g)) {
      const target = resolve(dirname(path), link)
      if (!clicks.has(target)) clicks.set(target, count + 1)
    }
  }
  const generated = 'migrations/data-engine-x/bindings/generated/reference'
  for (const file of [
    'apps/hq-ingest/src/validate/validate.ts',
    `${generated}/dx_company_entities_v1.sql`,
  ]) {
    expect(clicks.get(join(ROOT, file)), file).toBeLessThanOrEqual(3)
  }
})

test('decisions are numbered from 0001, say it in their title, and have status, date and alternatives', () => {
  const folder = join(DOCS, 'decisions')
  const names = readdirSync(folder).sort()
  expect(names.map((name) => name.slice(0, 4))).toEqual(
    names.map((_, index) => String(index + 1).padStart(4, '0')),
  )
  for (const name of names) {
    const text = readFileSync(join(folder, name), 'utf8')
    expect(text, name).toMatch(
      new RegExp(`^# ${name.slice(0, 4)}: .+\n\nStatus: .+ Date: 20\\d\\d-`),
    )
    expect(text, name).toContain('\n**Alternatives.** ')
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

test('CHANGELOG begins with the version of every package, .nvmrc names the Node that is pinned', () => {
  const manifests = [
    ROOT,
    ...['apps', 'packages'].flatMap((folder) =>
      readdirSync(join(ROOT, folder)).map((name) => join(ROOT, folder, name)),
    ),
  ].map(
    (folder) =>
      JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        version: string
        devDependencies?: Record<string, string>
      },
  )
  const [, newest] = /^## \[(.+?)\]/m.exec(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')) ?? []
  expect(new Set(manifests.map(({ version }) => version))).toEqual(new Set([newest]))
  expect(readFileSync(join(ROOT, '.nvmrc'), 'utf8').trim()).toBe(
    manifests[0]?.devDependencies?.node,
  )
})
