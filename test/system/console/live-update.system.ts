import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { waitFor } from '../../support/wait-for.ts'
import { BrowserWindow, startBrowser } from './browser.ts'
import { LabSite, OPERATOR } from './lab-site.ts'

/*
 * What the script of the console does in a browser, with pages that the test rules over and a clock
 * that it turns: nothing waits for two seconds to pass.
 */

const TICK_MS = 2_000
const SCRIPTS = join(import.meta.dirname, '..', '..', '..', 'apps', 'console', 'browser')

let browser: Browser
let site: LabSite

beforeAll(async () => {
  browser = await startBrowser()
  site = await LabSite.start()
})
afterAll(async () => {
  await site[Symbol.asyncDispose]()
  await browser.close()
})

async function openWindow(): Promise<BrowserWindow> {
  site.text = 'first'
  site.isFailing = false
  const window = await BrowserWindow.open(browser, { user: OPERATOR })
  await window.page.clock.install()
  return window
}

/** Text of an element now. */
function textOf(page: Page, selector: string): Promise<string> {
  return page.evaluate(`document.querySelector(${JSON.stringify(selector)}).textContent`)
}

/** Lets the clock go until the page shows the text; each turn is one update at most. */
async function untilShown(page: Page, text: string): Promise<void> {
  await waitFor(`the page to show ${text}`, async () => {
    await page.clock.runFor(TICK_MS)
    return (await textOf(page, '#shown')).includes(text)
  })
}

/** Lets a minute pass, and waits for an answer from the console that cannot be one of the page's. */
async function letAMinutePass(page: Page): Promise<void> {
  for (let i = 0; i < 30; i++) await page.clock.runFor(TICK_MS)
  await page.evaluate(`fetch('/nowhere').then((answer) => answer.text())`)
}

test('an update keeps focus, opened details, the place, a selection and what a script drew', async () => {
  await using window = await openWindow()
  const { page } = window
  await page.goto(site.url)
  await page.locator('#more summary').click()
  await page.locator('#link-60').focus()
  await page.evaluate(`document.querySelector('#drawn').textContent = 'by a script'`)
  await page.evaluate(
    `scrollTo(0, 700); getSelection().selectAllChildren(document.querySelector('#inner'))`,
  )
  const state = `[document.activeElement.id, scrollY, document.querySelector('#more').open,
    document.querySelector('#drawn').textContent, getSelection().toString() !== '']`
  const before = await page.evaluate(state)
  site.text = 'second'
  await untilShown(page, 'second')
  expect(await page.evaluate(state)).toStrictEqual(before)
  expect(before).toStrictEqual(['link-60', 700, true, 'by a script', true])
  expect(await textOf(page, '#link-60')).toBe('row 60 second')
  expect(await textOf(page, '#sentence')).toBe('It is second.')
  expect(window.troubles).toStrictEqual([])
})

test('a form that somebody fills in is left alone, and the page goes on when it is empty again', async () => {
  await using window = await openWindow()
  const { page } = window
  await page.goto(site.url)
  const input = page.locator('input[name=name]')
  await input.pressSequentially('half ty')
  const reads = site.readsOf('/')
  site.text = 'second'
  await letAMinutePass(page)
  expect(site.readsOf('/')).toBe(reads)
  expect(await input.inputValue()).toBe('half ty')
  expect(await page.evaluate('document.activeElement.name')).toBe('name')
  await input.fill('')
  await untilShown(page, 'second')
  await page.locator('select[name=kind]').selectOption('a')
  site.text = 'third'
  await letAMinutePass(page)
  expect(await page.locator('select[name=kind]').inputValue()).toBe('a')
  expect(await textOf(page, '#shown')).toContain('second')
})

test('complaint 10: no update changes a page that asks for a decision, and no clipboard is needed', async () => {
  await using window = await openWindow()
  const { page } = window
  await page.goto(`${site.url}/confirm`)
  await page.locator('#do').focus()
  const reads = site.readsOf('/confirm')
  site.text = 'second'
  await letAMinutePass(page)
  expect(site.readsOf('/confirm')).toBe(reads)
  expect(await textOf(page, '#shown')).toBe('first')
  expect(await page.locator('#live').isHidden()).toBe(true)
  expect(site.sent).toStrictEqual([])
  await page.locator('input[name=reason]').fill('because')
  await page.locator('#do').press('Enter')
  await page.waitForURL(`${site.url}/`)
  expect(site.sent.splice(0)).toStrictEqual(['because'])
  for (const script of readdirSync(SCRIPTS)) {
    expect(readFileSync(join(SCRIPTS, script), 'utf8')).not.toMatch(/clipboard|execCommand/)
  }
  expect(window.troubles).toStrictEqual([])
})

test('what has not changed costs no bytes and no change of the page', async () => {
  await using window = await openWindow()
  const { page } = window
  let unchanged = 0
  page.on('response', (response) => {
    if (response.status() === 304) unchanged++
  })
  await page.goto(site.url)
  await untilShown(page, 'first')
  await page.evaluate(
    `globalThis.updates = 0; document.addEventListener('refreshed', () => updates++)`,
  )
  const answeredWithoutBody = (times: number) =>
    waitFor(`${times} answers without a body`, async () => {
      await page.clock.runFor(TICK_MS)
      return unchanged >= times
    })
  await answeredWithoutBody(1)
  const updates = await page.evaluate('updates')
  await answeredWithoutBody(4)
  expect(await page.evaluate('updates')).toBe(updates)
  expect(await page.locator('#as-of').textContent()).toMatch(/^\d\d:\d\d:\d\d$/)
})

test('while the console fails the last content stays, with a word; then it goes on by itself', async () => {
  await using window = await openWindow()
  const { page } = window
  await page.goto(site.url)
  site.isFailing = true
  await waitFor('the page to say that it is old', async () => {
    await page.clock.runFor(TICK_MS)
    return page.locator('#stale').isVisible()
  })
  expect(await textOf(page, '#stale')).toMatch(
    /^Not updated since \d\d:\d\d:\d\d UTC; trying again\.$/,
  )
  expect(await textOf(page, '#shown')).toContain('first')
  expect(await page.locator('#stale').getAttribute('role')).toBe('status')
  site.isFailing = false
  site.text = 'second'
  await untilShown(page, 'second')
  expect(await page.locator('#stale').isHidden()).toBe(true)
})

test('pauses where it is told to, also after a reload; reads nothing while nobody looks', async () => {
  await using window = await openWindow()
  const { page } = window
  await page.goto(site.url)
  await page.keyboard.press('r')
  expect(await page.locator('#refresh-every').inputValue()).toBe('0')
  await page.reload()
  expect(await page.locator('#refresh-every').inputValue()).toBe('0')
  const reads = site.readsOf('/')
  await letAMinutePass(page)
  expect(site.readsOf('/')).toBe(reads)
  await page.keyboard.press('r')
  site.text = 'second'
  await untilShown(page, 'second')
  await page.evaluate(`Object.defineProperty(document, 'hidden', { value: true, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'))`)
  // What was asked for before is answered meanwhile.
  await letAMinutePass(page)
  const seen = site.readsOf('/')
  await letAMinutePass(page)
  expect(site.readsOf('/')).toBe(seen)
  site.text = 'third'
  await page.evaluate(
    `delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))`,
  )
  await untilShown(page, 'third')
})

test('ten tabs that look at the same moment cost one', async () => {
  await using window = await openWindow()
  await window.page.goto(site.url)
  const reads = site.readsOf('/')
  await window.page.evaluate(
    `Promise.all(Array.from({ length: 10 }, () => fetch('/?name=ten').then((answer) => answer.text())))`,
  )
  expect(site.readsOf('/')).toBe(reads + 1)
})

test('a filter is an address: what it shows is there after a reload, and in history', async () => {
  await using window = await openWindow()
  const { page } = window
  await page.goto(site.url)
  await page.locator('input[name=name]').fill('a & b')
  await page.locator('input[name=name]').press('Enter')
  await page.waitForURL(/\?name=a\+%26\+b/)
  expect(await textOf(page, '#shown')).toBe('first of a & b')
  await page.reload()
  expect(await textOf(page, '#shown')).toBe('first of a & b')
  site.text = 'second'
  await untilShown(page, 'second of a & b')
  await page.goBack()
  await waitFor('the filter to show what the address says', async () => {
    return (await page.locator('input[name=name]').inputValue()) === ''
  })
  site.text = 'third'
  await untilShown(page, 'third')
})

test('keys search, go to a screen and help; none fires while somebody types or holds Ctrl', async () => {
  await using window = await openWindow()
  const { page } = window
  await page.goto(site.url)
  await page.keyboard.press('/')
  expect(await page.evaluate('document.activeElement.name')).toBe('name')
  await page.keyboard.type('gdr?/')
  expect(await page.locator('input[name=name]').inputValue()).toBe('gdr?/')
  expect(page.url()).toBe(`${site.url}/`)
  await page.locator('#link-0').focus()
  await page.keyboard.press('g')
  await page.keyboard.press('Control+d')
  await page.keyboard.press('g')
  await page.keyboard.press('d')
  await page.waitForURL(`${site.url}/confirm`)
  await page.keyboard.press('?')
  await page.waitForURL(`${site.url}/help`)
})

test('a page of another origin, on another port of this machine, can send no form', async () => {
  await using other = await LabSite.start()
  await using window = await openWindow()
  const { page } = window
  // The browser knows name and password, and sends them along.
  await page.goto(site.url)
  await page.goto(other.url)
  await page.route(`${other.url}/evil`, (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: `<form method="post" action="${site.url}/act"><input name="reason" value="evil"></form>`,
    }),
  )
  await page.goto(`${other.url}/evil`)
  const [answer] = await Promise.all([
    page.waitForResponse(`${site.url}/act`),
    page.evaluate(`document.forms[0].submit()`),
  ])
  expect(answer.status()).toBe(403)
  expect(site.sent).toStrictEqual([])
})

test('without scripts: reads, filters and sends a form', async () => {
  site.text = 'first'
  await using window = await BrowserWindow.open(browser, { user: OPERATOR, hasScripts: false })
  const { page } = window
  await page.goto(site.url)
  await page.locator('input[name=name]').fill('ada')
  await page.getByRole('button', { name: 'Filter' }).click()
  await page.waitForURL(/\?name=ada/)
  expect(await page.locator('#shown').textContent()).toBe('first of ada')
  expect(await page.locator('#live').isHidden()).toBe(true)
  await page.getByRole('link', { name: 'Confirm' }).click()
  await page.locator('input[name=reason]').fill('no script')
  await page.getByRole('button', { name: 'Do it' }).click()
  await page.waitForURL(`${site.url}/`)
  expect(site.sent.splice(0)).toStrictEqual(['no script'])
})
