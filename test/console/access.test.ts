import { randomUUID } from 'node:crypto'
import { Side } from '@hq-export/console/db/side.ts'
import { ACTIONS, SCREENS } from '@hq-export/console/screens.ts'
import { HQ } from '@hq-export/hq-ingest/db/connect.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { shownText } from '@hq-export/runtime/shown-text.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { basic, ConsoleSite } from '../support/console/console-site.ts'
import { crawl } from '../support/console/crawl.ts'
import { fillConsole, HOSTILE } from '../support/console/fill-console.ts'
import { CONSOLE_PASSWORD, consoleUsers } from '../support/console/password-users.ts'
import {
  createDxDatabase,
  createHqDatabase,
  type TestDatabase,
} from '../support/servers/databases.ts'

const SECRET = 'a secret of the proxy'
const DATASET = 'dx_company_entities_v1'
const as = (name: string) => basic(name, CONSOLE_PASSWORD)

let databases: { hq: TestDatabase; dx: TestDatabase }
let sessions: { hq: pg.Client; dx: pg.Client }
let samples: Record<string, string>
let connected: Record<string, string>

beforeAll(async () => {
  const [hq, dx] = await Promise.all([createHqDatabase(), createDxDatabase()])
  databases = { hq, dx }
  sessions = { hq: await hq.connect(), dx: await dx.connect() }
  const { run } = await fillConsole(sessions.hq, sessions.dx, HOSTILE)
  samples = { dataset: DATASET, source: 'data-engine-x', run, code: 'invalid_value' }
  connected = { HQ_DATABASE_URL: hq.url, DX_DATABASE_URL: dx.url }
})
afterAll(async () => {
  await databases.hq[Symbol.asyncDispose]()
  await databases.dx[Symbol.asyncDispose]()
})

async function siteOfUsers(env: Record<string, string> = {}): Promise<ConsoleSite> {
  return ConsoleSite.start({ ...connected, CONSOLE_USERS: await consoleUsers(), ...env })
}

/** Rows written and transactions with an id, ever, in one database. */
async function writesIn(client: pg.Client): Promise<unknown> {
  await client.query('select pg_stat_force_next_flush()')
  const { rows } = await client.query(
    `select coalesce(sum(n_tup_ins), 0) as inserted, coalesce(sum(n_tup_upd), 0) as updated,
       coalesce(sum(n_tup_del), 0) as deleted from pg_stat_user_tables`,
  )
  return rows
}

function addressOf(path: string): string {
  return path.replace(/:(\w+)(\{[^}]*\})?/g, (_, name) => encodeURIComponent(samples[name] ?? '1'))
}

// Ends the sessions of the console, by which the server has counted what they did.
async function crawlAs(name: string) {
  await using site = await siteOfUsers()
  return await crawl(site, as(name), samples)
}

test('all pages are there, write nothing, and show hostile text as text', async () => {
  const before = [await writesIn(sessions.hq), await writesIn(sessions.dx)]
  const pages = await crawlAs('admin')
  expect([await writesIn(sessions.hq), await writesIn(sessions.dx)]).toStrictEqual(before)
  expect(pages.size).toBeGreaterThanOrEqual(SCREENS.length)
  const bad = [...pages].filter(([, { status }]) => status >= 500)
  expect(bad.map(([path]) => path)).toStrictEqual([])
  for (const [path, { text, headers }] of pages) {
    if (headers['content-type'] !== 'text/html; charset=utf-8') continue
    expect([path, /<(?:img|iframe|object|embed|base)\b/i.test(text)]).toStrictEqual([path, false])
    if (headers['content-disposition'] !== undefined) {
      expect([path, /<script/i.test(text)]).toStrictEqual([path, false])
      continue
    }
    // Ours is the only script, and it is a file.
    expect([path, text.match(/<script[^>]*>/g)]).toStrictEqual([
      path,
      [expect.stringMatching(/^<script type="module" src="\/assets\/[\w-]+\/console\.ts">$/)],
    ])
    expect([path, /\son\w+\s*=\s*["']/i.test(text.replaceAll(/>[^<]*</g, '><'))]).toStrictEqual([
      path,
      false,
    ])
    expect([path, /\sstyle\s*=|<style/i.test(text.replaceAll(/>[^<]*</g, '><'))]).toStrictEqual([
      path,
      false,
    ])
    const flat = text.replaceAll('\n', '')
    expect([path, shownText(flat) === flat]).toStrictEqual([path, true])
    expect([
      path,
      [...text.matchAll(/(?:href|src|action)="(?!\/|#|https?:|data:,")[^"]*"/g)],
    ]).toStrictEqual([path, []])
  }
})

test('the sessions of pages can change nothing, even where the code of a page would', async () => {
  const side = new Side(HQ, databases.hq.url, hqMigrations, 1)
  await expect(
    side.read((client) =>
      client.query(`insert into ingest.reader_org values ('hq_console', null)`),
    ),
  ).rejects.toMatchObject({ code: '25006' })
  await side.end()
})

test('a page sees no value of a row and no key', async () => {
  const side = new Side({ ...HQ, role: 'hq_console' }, databases.hq.url, hqMigrations, 1)
  for (const what of [
    'row_text from ingest.quarantine',
    'sealed_secret from ingest.key',
    `canonical_name from hq.${DATASET}`,
  ]) {
    await expect(side.read((client) => client.query(`select ${what}`))).rejects.toMatchObject({
      code: '42501',
    })
  }
  await side.end()
})

test('read-only, nothing can be sent by anybody: every action answers 405', async () => {
  await using closed = await siteOfUsers({ CONSOLE_READ_ONLY: 'true' })
  await using open = await ConsoleSite.start(connected)
  for (const { path } of [...ACTIONS, { path: '/nowhere' }]) {
    const address = addressOf(path)
    expect([path, (await closed.post(address, {}, as('admin'))).status]).toStrictEqual([path, 405])
    expect([path, (await open.post(address, {})).status]).toStrictEqual([path, 405])
  }
  for (const { text } of (await crawl(closed, as('admin'), samples)).values()) {
    expect(text).not.toMatch(/<form[^>]*method="post"/i)
  }
})

test('each action is refused to who is below its role, or does not see values', async () => {
  await using site = await siteOfUsers()
  const ROLES = ['viewer', 'operator', 'admin']
  for (const { path, role, needsValues } of ACTIONS) {
    for (const name of ROLES.slice(0, ROLES.indexOf(role))) {
      const { status } = await site.post(addressOf(path), {}, as(name))
      expect([path, name, status]).toStrictEqual([path, name, 403])
    }
    if (needsValues === true) {
      const { status } = await site.post(addressOf(path), {}, as('admin'))
      expect([path, 'without values', status]).toStrictEqual([path, 'without values', 403])
    }
  }
  for (const { path, role = 'viewer' } of SCREENS) {
    for (const name of ROLES.slice(0, ROLES.indexOf(role))) {
      const { status } = await site.get(addressOf(path), as(name))
      expect([path, name, status]).toStrictEqual([path, name, 403])
    }
  }
})

test('an action that is sent nothing, or nonsense, says so and does nothing', async () => {
  await using site = await siteOfUsers()
  const before = [await writesIn(sessions.hq), await writesIn(sessions.dx)]
  for (const { path, role, needsValues } of ACTIONS) {
    const name = needsValues === true ? 'auditor' : role
    const nonsense = { id: HOSTILE, operation: HOSTILE, filter: HOSTILE, count: '-1' }
    for (const form of [{}, nonsense, { ...nonsense, id: '\0' }]) {
      const { status, text } = await site.post(addressOf(path), form, as(name))
      expect([path, form, status < 500, /<img/i.test(text)]).toStrictEqual([
        path,
        form,
        true,
        false,
      ])
    }
  }
  expect([await writesIn(sessions.hq), await writesIn(sessions.dx)]).toStrictEqual(before)
})

test('nonsense in an address is an answer, and no failure of the console', async () => {
  await using site = await siteOfUsers()
  const names = 'before after id key dataset source group window org code outcome actor action day'
  const more = [
    'hq',
    'dx',
    'selection',
    'expected',
    'operation',
    'reason',
    'state',
    'since',
    'until',
  ]
  const noDay = '2026-02-30T00:00:00.000000Z'
  const values = [HOSTILE, '%00', '-1', '99999999999999999999999', noDay, noDay.slice(0, 10)]
  values.push(`${noDay},1`, `${noDay},${randomUUID()}`, `${noDay}|a|b`)
  for (const { path } of SCREENS) {
    for (const value of values) {
      const encoded = value === '%00' ? value : encodeURIComponent(value)
      const query = [...names.split(' '), ...more].map((name) => `${name}=${encoded}`).join('&')
      const address = `${addressOf(path)}?${query}`
      const { status, text } = await site.get(address, as('admin'))
      expect([address, status < 500, /<img/i.test(text)]).toStrictEqual([address, true, false])
    }
    if (!path.includes(':')) continue
    for (const value of [HOSTILE, '%00', '%E0%A4%A', '99999999999999999999999']) {
      const part = value.startsWith('%') ? value : encodeURIComponent(value)
      const { status, text } = await site.get(path.replace(/:\w+(\{[^}]*\})?/g, part), as('admin'))
      expect([path, part, status < 500, /<img/i.test(text)]).toStrictEqual([
        path,
        part,
        true,
        false,
      ])
    }
  }
})

test('name and password, by HTTP: asks for them, lets in who has them', async () => {
  await using site = await siteOfUsers()
  const asked = await site.get('/about')
  expect([asked.status, asked.headers['www-authenticate']]).toStrictEqual([
    401,
    'Basic realm="hq-export console", charset="UTF-8"',
  ])
  expect((await site.get('/about', basic('admin', 'wrong'))).status).toBe(401)
  expect((await site.get('/about', basic('nobody', CONSOLE_PASSWORD))).status).toBe(401)
  const page = await site.get('/about', as('operator'))
  expect(page.text).toContain('operator · operator')
  expect(page.headers['set-cookie']).toBeUndefined()
})

test('a proxy, by HTTP: believed with its secret, from anybody else 401', async () => {
  await using site = await ConsoleSite.start({
    ...connected,
    ...{ CONSOLE_USER_HEADER: 'X-Forwarded-User', CONSOLE_PROXY_SECRET: SECRET },
    CONSOLE_GROUPS: 'ops=operator',
  })
  const user = { 'x-forwarded-user': 'ada', 'x-forwarded-groups': 'ops' }
  expect((await site.get('/about', user)).status).toBe(401)
  expect((await site.get('/about', as('admin'))).status).toBe(401)
  const wrong = { ...user, 'x-console-proxy-secret': `${SECRET} x` }
  expect((await site.get('/about', wrong)).status).toBe(401)
  const page = await site.get('/about', { ...user, 'x-console-proxy-secret': SECRET })
  expect(page.text).toContain('ada · operator')
  expect(page.headers['www-authenticate']).toBeUndefined()
})

test('nobody is asked: everybody looks, and values of rows are shown to nobody', async () => {
  await using site = await ConsoleSite.start(connected)
  const page = await site.get('/about')
  expect([page.status, page.text.includes('read-only')]).toStrictEqual([200, true])
  const pages = await crawl(site, {}, samples)
  for (const [path, { text }] of pages)
    expect([path, text.includes('canonical_name&quot;:')]).toStrictEqual([path, false])
})
