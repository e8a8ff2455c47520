import { request } from 'undici'
import { basic } from '../../support/console/console-site.ts'
import { CONSOLE_PASSWORD, consoleUsers } from '../../support/console/password-users.ts'
import type { BenchOptions } from '../scenario.ts'
import { neutralEnvironment } from './pipeline.ts'
import { Program } from './program.ts'
import type { BenchServers } from './servers.ts'

const START_TIMEOUT_MS = 30_000
/** As often as a page is read again by the browser. */
const TAB_MS = 2_000

/** Somebody who may do what most pages offer: those pages have the most on them. */
const HEADERS = basic('operator', CONSOLE_PASSWORD)

/** The console, as production runs it. */
export interface RunningConsole extends AsyncDisposable {
  readonly program: Program
  readonly url: string
}

/** Starts the console and waits until it listens. */
export async function startConsole(
  { dx, hq }: BenchServers,
  { env, profileFolder, signal }: BenchOptions,
): Promise<RunningConsole> {
  await using started = new AsyncDisposableStack()
  const program = started.use(
    new Program({
      name: 'console',
      entry: 'apps/console/src/main.ts',
      args: [],
      env: {
        ...neutralEnvironment(env),
        ...{ DX_DATABASE_URL: dx.url, HQ_DATABASE_URL: hq.url, CONSOLE_PORT: '0' },
        CONSOLE_USERS: await consoleUsers(),
      },
      profileFolder,
    }),
  )
  const line = await program.waitForLine(
    '"listening"',
    (text) => text.includes('"msg":"listening"'),
    START_TIMEOUT_MS,
    signal,
  )
  const { url } = JSON.parse(line) as { url: string }
  const owned = started.move()
  return { program, url, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function getPage(url: string, path: string, more: Record<string, string> = {}) {
  const { statusCode, headers, body } = await request(`${url}${path}`, {
    headers: { ...HEADERS, ...more },
  })
  const text = await body.text()
  if (statusCode !== 200 && statusCode !== 304)
    throw new Error(`the console answered ${statusCode} to ${path}`)
  return { text, etag: headers.etag?.toString() }
}

/** A page, read. @throws unless it is there, whole, and every panel of it has what it shows. */
export async function readPage(url: string, path: string): Promise<string> {
  const { text } = await getPage(url, path)
  const [, absence] = /class="absence" data-state="(.*?)<\/p>/s.exec(text) ?? []
  if (absence !== undefined) throw new Error(`a panel of ${path} is not there: ${absence}`)
  return text
}

/** Tabs that are open on pages, each of which refreshes itself every two seconds, one by one. */
export class OpenTabs implements AsyncDisposable {
  readonly #timers: NodeJS.Timeout[]
  readonly #reading = new Set<Promise<unknown>>()
  #failure: unknown
  /** Pages that were read. */
  count = 0

  constructor(url: string, paths: readonly string[]) {
    this.#timers = paths.map((path, tab) => {
      let known: string | undefined
      const read = () => {
        const headers = {
          'hq-console-refresh': '1',
          ...(known !== undefined && { 'if-none-match': known }),
        }
        // A panel that had to wait for batches says so.
        const reading = getPage(url, path, headers)
          .then(({ etag }) => {
            known = etag
            this.count++
          })
          .catch((error: unknown) => {
            this.#failure ??= error
          })
          .finally(() => this.#reading.delete(reading))
        this.#reading.add(reading)
      }
      return setTimeout(
        () => {
          read()
          this.#timers[tab] = setInterval(read, TAB_MS)
        },
        (tab * TAB_MS) / paths.length,
      )
    })
  }

  /** Closes them. @throws what a tab met. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all(this.#reading)
    if (this.#failure !== undefined) throw this.#failure
  }
}
