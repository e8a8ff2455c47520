import { ConsoleServer } from '@hq-export/console/console-server.ts'
import { loadConfig } from '@hq-export/console/process/config.ts'
import { createLog } from '@hq-export/console/process/log.ts'
import { request } from 'undici'

/** An answer of the console. */
export interface ConsoleAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** A console for a test, as its process would run it, and a browser's manners to ask it. */
export class ConsoleSite implements AsyncDisposable {
  readonly url: string
  readonly #server: ConsoleServer

  private constructor(server: ConsoleServer, url: string) {
    this.#server = server
    this.url = url
  }

  /** @param env settings beside a free port. */
  static async start(env: Readonly<Record<string, string>>): Promise<ConsoleSite> {
    const config = loadConfig({ CONSOLE_PORT: '0', ...env })
    const server = new ConsoleServer(config, createLog('silent'))
    return new ConsoleSite(server, await server.start())
  }

  /** Asks for a page; `headers` replace a browser's. */
  get(path: string, headers: Record<string, string> = {}): Promise<ConsoleAnswer> {
    return this.#ask(path, 'GET', headers)
  }

  /** Sends a form as a page of the console would. */
  post(
    path: string,
    form: Readonly<Record<string, string>>,
    headers: Record<string, string> = {},
  ): Promise<ConsoleAnswer> {
    const own = {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
      origin: this.url,
    }
    const body = new URLSearchParams(form).toString()
    return this.#ask(path, 'POST', { ...own, ...headers }, body)
  }

  async #ask(
    path: string,
    method: 'GET' | 'POST',
    headers: Record<string, string>,
    body?: string,
  ): Promise<ConsoleAnswer> {
    const answer = await request(`${this.url}${path}`, { method, headers, body: body ?? null })
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop()
  }
}

/** Header of a user and a password. */
export function basic(name: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` }
}
