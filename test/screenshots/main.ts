import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { startBrowser } from '../support/browser/start-browser.ts'

/*
 * `npm run screenshots`: pictures of the console for the documents, made of the demo, which it starts
 * and ends. Needs Chromium, as test/system/packages.txt has it.
 */

const ROOT = join(import.meta.dirname, '..', '..')
const IMAGES = join(ROOT, 'docs', 'images')
const WINDOW = { width: 1_280, height: 800 }
/** For the demo to have something on every page. */
const PATIENCE_MS = 300_000
const LOOK_MS = 1_000
const ACCESS = /^console +(?<url>\S+) \(user (?<user>\S+), password (?<password>\S+)\)$/

interface Access {
  readonly url: string
  readonly user: string
  readonly password: string
}

/** Waits for the line in which the demo says where its console is. */
async function accessOf(demo: ChildProcess): Promise<Access> {
  if (demo.stdout === null) throw new Error('the demo says nothing')
  for await (const line of createInterface({ input: demo.stdout })) {
    const { url, user, password } = ACCESS.exec(line)?.groups ?? {}
    if (url === undefined || user === undefined || password === undefined) continue
    // What it says later is of no interest, and must not hold it up.
    demo.stdout.resume()
    return { url, user, password }
  }
  throw new Error('the demo ended before its console was there')
}

/** Looks at a page until it has a link to what is wanted, and follows it. */
async function follow(page: Page, path: string, link: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (performance.now() < deadline) {
    await page.goto(path)
    const found = page.locator(`main ${link}`).first()
    if ((await found.count()) > 0) {
      await found.click()
      await page.waitForLoadState()
      return
    }
    await delay(LOOK_MS)
  }
  throw new Error(`nothing on ${path} that looks like ${link}`)
}

async function take(page: Page, name: string): Promise<void> {
  const path = join(IMAGES, `console-${name}.png`)
  await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)')
  await page.screenshot({ path })
  process.stdout.write(`${path}\n`)
}

const demo = spawn(process.execPath, [join(ROOT, 'apps', 'demo', 'src', 'main.ts'), '--quiet'], {
  cwd: ROOT,
  stdio: ['ignore', 'pipe', 'inherit'],
})
const ended = once(demo, 'close')
try {
  const { url, user, password } = await accessOf(demo)
  await mkdir(IMAGES, { recursive: true })
  const browser = await startBrowser()
  try {
    const page = await browser.newPage({
      ...{ baseURL: url, viewport: WINDOW, colorScheme: 'light' },
      httpCredentials: { username: user, password },
    })
    await follow(page, '/verify', 'tr:has-text("equal") a[href^="/verify/"]')
    await take(page, 'reconciliation')
    await follow(page, '/refused', 'a[href^="/refused?"]')
    await take(page, 'refused')
    await page.locator('main a[href^="/refused/"]').first().click()
    await page.waitForLoadState()
    await page.locator('main a[href^="/row?"]').first().click()
    await page.waitForLoadState()
    await take(page, 'row')
    await page.goto('/')
    await take(page, 'overview')
  } finally {
    await browser.close()
  }
} finally {
  demo.kill('SIGINT')
  await ended
}
