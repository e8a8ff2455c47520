import type pg from 'pg'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { basic, ConsoleSite } from '../../support/console/console-site.ts'
import { crawl } from '../../support/console/crawl.ts'
import { fillConsole, HOSTILE } from '../../support/console/fill-console.ts'
import { CONSOLE_PASSWORD, consoleUsers } from '../../support/console/password-users.ts'
import { startInProcessRelay } from '../../support/programs/in-process-relay.ts'
import { SECRET, startGateway } from '../../support/programs/ingest-client.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import { createDxDatabase, createHqDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'
import { BrowserWindow, startBrowser, type WindowOptions } from './browser.ts'
import { SwitchedProxy } from './switched-proxy.ts'

/*
 * Every page of the console in a real browser, over a real pipeline: nothing breaks the policy, can
 * not be read by those who hear or see little, or is wider than a telephone.
 */

const NARROW = 320
const WIDE = 1_280
const HEIGHT = 800
/** For a machine that does other things, too. */
const WALK_MS = 400_000
const USER = { name: 'operator', password: CONSOLE_PASSWORD }
const MAX_TABS = 150

const held = new AsyncDisposableStack()
let browser: Browser
let full: ConsoleSite
let empty: ConsoleSite
let proxy: SwitchedProxy
let dx: pg.Client
let paths: readonly string[]
let orgId: string

beforeAll(async () => {
  const databases = [await createHqDatabase(), await createDxDatabase()] as const
  const bare = [await createHqDatabase(), await createDxDatabase()] as const
  for (const database of [...databases, ...bare]) held.use(database)
  const hq = await databases[0].connect()
  dx = await databases[1].connect()
  const gateway = held.use(await startGateway(databases[0].url))
  const relayOptions = { databaseUrl: databases[1].url, ingestUrl: gateway.url, secret: SECRET }
  held.use(await startInProcessRelay(relayOptions))
  const CONSOLE_USERS = await consoleUsers()
  proxy = held.use(await SwitchedProxy.create(databases[0].url))
  const start = async (hqUrl: string, dxUrl: string) => {
    const urls = { HQ_DATABASE_URL: hqUrl, DX_DATABASE_URL: dxUrl }
    return held.use(await ConsoleSite.start({ CONSOLE_USERS, ...urls }))
  }
  full = await start(proxy.url, databases[1].url)
  empty = await start(bare[0].url, bare[1].url)
  orgId = await insertOrg(dx)
  for (const name of ['one', 'two', 'three'])
    await insertCompany(dx, orgId, { canonical_name: name, enrichment_confidence: 'NaN' })
  await waitFor('the rows to be refused', async () => {
    const { rowCount } = await dx.query('select from hq_export.dead_letter')
    return rowCount === 3
  })
  const { run } = await fillConsole(hq, dx, HOSTILE)
  const samples = { dataset: 'dx_company_entities_v1', source: 'data-engine-x', run }
  const pages = await crawl(full, basic(USER.name, USER.password), samples)
  const kinds = new Map<string, string>()
  for (const [path, { status, headers }] of pages) {
    if (status !== 200 || headers['content-disposition'] !== undefined) continue
    const { pathname, searchParams } = new URL(path, full.url)
    const kind = `${pathname.split('/').slice(0, 2)} ${pathname.split('/').length} ${searchParams.get('do')}`
    if (!kinds.has(kind)) kinds.set(kind, path)
  }
  paths = [...kinds.values()]
  browser = await startBrowser()
}, WALK_MS)
afterAll(async () => {
  await browser.close()
  await held.disposeAsync()
})

function open(options: WindowOptions = {}): Promise<BrowserWindow> {
  return BrowserWindow.open(browser, { user: USER, ...options })
}

/** What is wrong with each page, by its path; pages with nothing wrong are left out. */
async function walk(
  site: ConsoleSite,
  look: (window: BrowserWindow) => Promise<readonly string[]>,
): Promise<Record<string, readonly string[]>> {
  await using window = await open()
  const wrong: Record<string, readonly string[]> = {}
  for (const path of paths) {
    await window.page.goto(`${site.url}${path}`)
    const found = [...(await look(window)), ...window.troubles.splice(0)]
    if (found.length > 0) wrong[path] = found
  }
  return wrong
}

/** Light, dark, and as wide as a telephone. */
async function lookAtAll(window: BrowserWindow): Promise<string[]> {
  const { page } = window
  const found = (await page.title()) === '1' ? ['text of others ran'] : []
  found.push(...(await window.findBarriers()))
  await page.emulateMedia({ colorScheme: 'dark' })
  found.push(...(await window.findBarriers(['color-contrast'])).map((text) => `dark: ${text}`))
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: NARROW, height: HEIGHT })
  const pixels = await window.overflow()
  if (pixels > 0) found.push(`${pixels} px too wide`)
  await page.setViewportSize({ width: WIDE, height: HEIGHT })
  return found
}

test(
  'no page breaks the policy, runs text of others, stops who sees little, or is too wide',
  async () => {
    expect(paths.length).toBeGreaterThan(15)
    expect(await walk(full, lookAtAll)).toStrictEqual({})
  },
  WALK_MS,
)

test(
  'nor where there is nothing to show',
  async () => {
    expect(await walk(empty, lookAtAll)).toStrictEqual({})
  },
  WALK_MS,
)

/** Presses Tab until what has the focus says so; then Enter, and waits for the next page. */
async function follow(page: Page, text: RegExp): Promise<void> {
  for (let tabs = 0; tabs < MAX_TABS; tabs++) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate<string>('document.activeElement.textContent')
    if (!text.test(focused)) continue
    const address = page.url()
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => url.href !== address)
    return
  }
  throw new Error(`no ${text} in ${MAX_TABS} tabs on ${page.url()}`)
}

async function auditRows(): Promise<number> {
  const { rows } = await dx.query<{ count: number }>(
    `select count(*)::int as count from hq_export.audit where action = 'dead_letter.replay'`,
  )
  return rows[0]?.count ?? 0
}

test('by keyboard alone: finds a refused row, replays it, sees it applied; twice is once', async () => {
  const { rows } = await dx.query<{ id: string; entity: string }>(
    `select id::text as id, pg_catalog.split_part(key, '/', 2) as entity from hq_export.dead_letter
     where key like $1 and resolved_at is null order by hq_export.dead_letter.id limit 1`,
    [`${orgId}/%`],
  )
  const [letter] = rows
  if (letter === undefined) throw new Error('nothing is refused')
  await dx.query(
    `update entities.company_entities set enrichment_confidence = 1, record_version = 9
     where entity_id = $1`,
    [letter.entity],
  )
  await using window = await open()
  const { page } = window
  await page.goto(full.url)
  await page.keyboard.press('g')
  await page.keyboard.press('r')
  await page.waitForURL(`${full.url}/refused`)
  await follow(page, /^dx_company_entities_v1 · invalid_value ·\s+.*enrichment_confidence/)
  await follow(page, new RegExp(`^dx-${letter.id}$`))
  await follow(page, /^Send it again from the source$/)
  const confirmation = page.url()
  const form = await page.evaluate<Record<string, string>>(
    `Object.fromEntries(new FormData(document.querySelector('#confirm')))`,
  )
  await follow(page, /replay|send|again/i)
  expect(page.url()).toMatch(/\/actions\/[\da-f-]{36}$/)
  await waitFor('the action to end', async () =>
    (await page.locator('main').textContent())?.includes('1 done, 0 failed, 0 left'),
  )
  // The second click of a double click is the same form.
  const before = await auditRows()
  const again = await full.post('/actions/dead_letter.replay', form, {
    ...basic(USER.name, USER.password),
  })
  expect([again.status, again.headers.location]).toStrictEqual([303, new URL(page.url()).pathname])
  expect(await auditRows()).toBe(before)
  expect(confirmation).toContain('/actions/new')
  await page.goto(`${full.url}/refused/dx-${letter.id}`)
  await waitFor('the page to say that HQ has it', async () => {
    await page.reload()
    return (await page.locator('main').textContent())?.includes('HQ has version 9')
  })
  expect(window.troubles).toStrictEqual([])
})

test('without scripts: reads, filters, and replays', async () => {
  await using window = await open({ hasScripts: false })
  const { page } = window
  await page.goto(`${full.url}/refused`)
  await page.locator('select[name=dataset]').selectOption('dx_company_entities_v1')
  await page.getByRole('button', { name: 'Filter' }).click()
  await page.waitForURL(/dataset=dx_company_entities_v1/)
  const shown = await page.locator('main').textContent()
  await page.reload()
  expect(await page.locator('main').textContent()).toBe(shown)
  await page
    .getByRole('link', { name: /invalid_value · .*enrichment_confidence/ })
    .first()
    .click()
  await page
    .getByRole('link', { name: /^dx-\d+$/ })
    .first()
    .click()
  await page.getByRole('link', { name: 'Send it again from the source' }).click()
  await page.locator('#confirm button[type=submit]').click()
  await page.waitForURL(/\/actions\/[\da-f-]{36}$/)
  await waitFor('the page to say that it is done', async () => {
    await page.reload()
    return (await page.locator('main').textContent())?.includes('1 done')
  })
})

test('HQ goes away and comes back: pages say so, and go on by themselves', async () => {
  await using window = await open()
  const { page } = window
  await page.goto(`${full.url}/refused`)
  proxy.goDown()
  const absence = page.locator('main [data-state=unreachable]')
  await waitFor('the page to say that HQ is away', async () => (await absence.count()) > 0)
  proxy.comeBack()
  await waitFor('the page to show HQ again', async () => (await absence.count()) === 0)
  expect(window.troubles).toStrictEqual([])
})
