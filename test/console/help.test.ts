import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FINDING_CLASSES, PROBLEMS, ROW_CODES } from '@hq-export/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConsoleSite } from '../support/console/console-site.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8')

let console: ConsoleSite
beforeAll(async () => {
  // No page of help asks a database.
  console = await ConsoleSite.start({ HQ_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' })
})
afterAll(() => console[Symbol.asyncDispose]())

const ALERT = /\bHqExport\w+/g
const APPS = ['hq-ingest/src/metrics/conditions.ts', 'outbox-relay/src/observe/conditions.ts']

/** Every code that a page, a log, an answer or an alert may name. */
const CODES = [
  ...ROW_CODES,
  ...Object.keys(PROBLEMS),
  ...FINDING_CLASSES.map((name) => `finding.${name}`),
  ...new Set(
    [read('deploy', 'prometheus', 'alerts.yml'), ...APPS.map((file) => read('apps', file))].flatMap(
      (text) => text.match(ALERT) ?? [],
    ),
  ),
  ...Array.from(
    read('apps', 'outbox-relay', 'src', 'batch', 'batch-outcome.ts').matchAll(/^ {2}\| '(\w+)'$/gm),
    ([, reason = '']) => reason,
  ),
  'capture_failed',
  'projection_failed',
]

test('every code has a page that says what it means and what to do', async () => {
  expect(CODES.length).toBeGreaterThan(70)
  const index = (await console.get('/help')).text
  for (const code of CODES) {
    const { status, text } = await console.get(`/help/${code}`)
    expect(status, code).toBe(200)
    expect(text, code).toMatch(/Who acts: |Do this\./)
    expect(text, code).toMatch(/<code/)
    expect(index, code).toContain(`href="/help/${code}"`)
  }
})

test('the page of an alert is its section of the runbook, as text', async () => {
  const { text } = await console.get('/help/HqExportCaptureGap')
  expect(text).toContain('<strong>Do this.</strong>')
  expect(text).toContain('<th scope="col"><code>operation</code></th>')
  expect(text).toContain('<ol><li><code>npm run relay -- bind reference</code>')
  expect(text).toContain('select * from hq_export.capture_gap')
  expect(text).not.toMatch(/\*\*|```/)
})

test('what is no code says so, as text', async () => {
  const { status, text } = await console.get('/help/%3Cimg%20src=x%3E')
  expect(status).toBe(404)
  expect(text).toContain('Nothing is known of &lt;img src=x&gt;')
})
