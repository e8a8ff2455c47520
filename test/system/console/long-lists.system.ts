import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConsoleSite } from '../../support/console/console-site.ts'
import { CONSOLE_PASSWORD, consoleUsers } from '../../support/console/password-users.ts'
import { createDxDatabase, createHqDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'
import { BrowserWindow, startBrowser } from './browser.ts'

/*
 * Lists that are longer than a page while rows arrive, and what is done to all of them, in a real
 * browser with and without scripts.
 */

const DATASET = 'dx_company_entities_v1'
/** Two pages and a part of a third. */
const ROWS = 120
const SETUP_MS = 120_000

const held = new AsyncDisposableStack()
let browser: Browser
let site: ConsoleSite
let hq: pg.Client

beforeAll(async () => {
  const hqDatabase = held.use(await createHqDatabase())
  const dxDatabase = held.use(await createDxDatabase())
  hq = await hqDatabase.connect()
  const urls = { HQ_DATABASE_URL: hqDatabase.url, DX_DATABASE_URL: dxDatabase.url }
  site = held.use(await ConsoleSite.start({ CONSOLE_USERS: await consoleUsers(), ...urls }))
  browser = await startBrowser()
}, SETUP_MS)
afterAll(async () => {
  await browser.close()
  await held.disposeAsync()
})

/** Open entries of one cause. */
async function refuse(place: string, rows: number): Promise<void> {
  await hq.query(
    `insert into ingest.quarantine (captured_at, xid, row_index, deleted, source, dataset,
       schema_version, batch, code, key, pointer, detail, row_sha256, row_text)
     select now(), '700', 0, false, 's', $1, 'v1', 'b', 'invalid_value', 'k', '/rows/0/row/' || $2,
       'is none', sha256((random()::text)::bytea), '{}'
     from generate_series(1, $3::int)`,
    [DATASET, place, rows],
  )
}

async function send(source: string, rows: number): Promise<void> {
  await hq.query(
    `insert into ingest.batch (source, batch, fingerprint, dataset, schema_version, key_id,
       wire_bytes, decoded_bytes, answer)
     select $1, gen_random_uuid(), sha256(''), $2, 'v1', 'k', 1, 1,
       '{"status": "applied", "counts": {"received": 1}, "rows": []}'
     from generate_series(1, $3::int)`,
    [source, DATASET, rows],
  )
}

function open(hasScripts: boolean): Promise<BrowserWindow> {
  return BrowserWindow.open(browser, {
    user: { name: 'operator', password: CONSOLE_PASSWORD },
    hasScripts,
  })
}

async function idsOn(page: Page): Promise<string[]> {
  const rows = await page.locator('main tbody tr').all()
  return Promise.all(rows.map(async (row) => (await row.getAttribute('id')) ?? ''))
}

const LISTS = {
  'refused rows of a cause': {
    path: (name: string) =>
      `/refused?${new URLSearchParams({ dataset: DATASET, code: 'invalid_value', pointer: `/row/${name}` })}`,
    add: refuse,
  },
  'batches of a source': { path: (name: string) => `/batches?source=${name}`, add: send },
} as const

const WAYS = [
  { how: 'with scripts', hasScripts: true },
  { how: 'without scripts', hasScripts: false },
]

describe.each(WAYS)('$how', ({ hasScripts }) => {
  test.each(Object.entries(LISTS))(
    '%s: older pages neither repeat nor skip a row while rows arrive; back leads to the same page',
    async (_, { path, add }) => {
      const name = `list-${randomUUID().slice(0, 8)}`
      await add(name, ROWS)
      await using window = await open(hasScripts)
      const { page } = window
      await page.goto(`${site.url}${path(name)}`)
      const pages = [await idsOn(page)]
      const older = page.getByRole('link', { name: 'Older' })
      while ((await older.count()) > 0 && pages.length < 10) {
        await add(name, 2)
        const address = page.url()
        await older.click()
        await page.waitForURL((url) => url.href !== address)
        pages.push(await idsOn(page))
      }
      expect(pages.map((ids) => ids.length)).toStrictEqual([50, 50, 20])
      expect(new Set(pages.flat()).size).toBe(ROWS)

      const last = page.url()
      await page.goBack()
      await page.waitForURL((url) => url.href !== last)
      await waitFor('the second page to be as it was', async () => {
        return JSON.stringify(await idsOn(page)) === JSON.stringify(pages[1])
      })
      const second = page.url()
      await page.getByRole('link', { name: 'Newest' }).click()
      await page.waitForURL((url) => url.href !== second)
      await waitFor('the first page to show what has arrived', async () => {
        // A page serves for a moment, whoever asks; without scripts nobody but the reader asks again.
        if (!hasScripts) await page.reload()
        const ids = await idsOn(page)
        return ids.length === 50 && ids.filter((id) => !pages.flat().includes(id)).length === 4
      })
      expect(window.troubles).toStrictEqual([])
    },
  )

  test('what is done to a filter that has grown since it was counted is asked for again', async () => {
    const name = `grown-${randomUUID().slice(0, 8)}`
    await refuse(name, 10)
    await using window = await open(hasScripts)
    const { page } = window
    await page.goto(`${site.url}${LISTS['refused rows of a cause'].path(name)}`)
    await page.getByRole('link', { name: 'Give them up in HQ' }).click()
    const affected = page.locator('#affected')
    expect(await affected.textContent()).toBe('10')
    await refuse(name, 5)

    const confirm = page.locator('#confirm button')
    await page.locator('#confirm input[name=reason]').fill('as agreed')
    const [refused] = await Promise.all([
      page.waitForResponse((answer) => answer.request().method() === 'POST'),
      confirm.click(),
    ])
    expect(refused.status()).toBe(409)
    await waitFor('the new count', async () => (await affected.textContent()) === '15')
    expect(await page.locator('main').textContent()).toMatch(/Nothing was done: .* 10 rows/s)

    await page.locator('#confirm input[name=reason]').fill('as agreed')
    await confirm.click()
    await page.waitForURL(/\/actions\/[\da-f-]{36}$/)
    await waitFor('all of them to be given up', async () => {
      await page.reload()
      return (await page.locator('main').textContent())?.includes('15 done, 0 failed, 0 left')
    })
    expect(window.troubles).toStrictEqual([])
  })
})
