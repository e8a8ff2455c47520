import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { startBrowser as launch } from '../../support/browser/start-browser.ts'
import { requireProgram } from '../system-program.ts'

const PATIENCE_MS = 45_000
/** Of axe-core, what stops somebody. */
const SERIOUS = ['serious', 'critical']

export interface WindowOptions {
  readonly user?: { readonly name: string; readonly password: string }
  readonly hasScripts?: boolean
}

/** Something that axe-core found, in a line. */
interface AxeResult {
  readonly violations: readonly {
    readonly id: string
    readonly impact: string
    readonly nodes: readonly { readonly html: string }[]
  }[]
}

/** A window of a browser that has never been anywhere, and what went wrong in it. */
export class BrowserWindow implements AsyncDisposable {
  readonly page: Page
  /** Violations of the policy, and errors of scripts. */
  readonly troubles: string[] = []
  readonly #context: BrowserContext

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context
    this.page = page
    page.on('pageerror', (error) => this.troubles.push(`error: ${error.message}`))
  }

  static async open(browser: Browser, options: WindowOptions): Promise<BrowserWindow> {
    const { user, hasScripts = true } = options
    const context = await browser.newContext({
      ...{ colorScheme: 'light', viewport: { width: 1_280, height: 800 } },
      javaScriptEnabled: hasScripts,
      ...(user === undefined ? {} : { httpCredentials: { username: user.name, ...user } }),
    })
    context.setDefaultTimeout(PATIENCE_MS)
    const window = new BrowserWindow(context, await context.newPage())
    await context.exposeBinding('tellViolation', (_, text: string) => {
      window.troubles.push(`policy: ${text}`)
    })
    await context.addInitScript(`addEventListener('securitypolicyviolation', (event) =>
      tellViolation(location.pathname + ' ' + event.violatedDirective + ' ' + event.blockedURI))`)
    return window
  }

  /**
   * What stops people who cannot see, or see little, on the page that is shown.
   * @param rules of axe-core; all of them unless given.
   */
  async findBarriers(rules?: readonly string[]): Promise<string[]> {
    const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
    await this.page.evaluate(await readFile(path, 'utf8'))
    const options = { resultTypes: ['violations'], preload: false, runOnly: rules ?? undefined }
    const { violations } = await this.page.evaluate<AxeResult>(
      `axe.run(document, ${JSON.stringify(options)})`,
    )
    return violations
      .filter(({ impact }) => SERIOUS.includes(impact))
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`)
  }

  /** By how many pixels the page is wider than the window. */
  overflow(): Promise<number> {
    return this.page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    )
  }

  /** Another tab of the same window. */
  newTab(): Promise<Page> {
    return this.#context.newPage()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close()
  }
}

/** Debian's Chromium; fails where it is not installed. */
export async function startBrowser(): Promise<Browser> {
  requireProgram('chromium', ['--version'])
  return launch()
}
