import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseUsers, type User } from '@hq-export/console/access/users.ts'
import { Assets } from '@hq-export/console/assets/assets.ts'
import { Side } from '@hq-export/console/db/side.ts'
import { createConsoleApp } from '@hq-export/console/http/console-app.ts'
import { createHttpServer } from '@hq-export/console/http/http-server.ts'
import type { FormAction } from '@hq-export/console/page/form-action.ts'
import { html } from '@hq-export/console/page/html.ts'
import type { Screen, Surroundings } from '@hq-export/console/page/screen.ts'
import { createLog } from '@hq-export/console/process/log.ts'
import { HQ } from '@hq-export/hq-ingest/db/connect.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { CONSOLE_PASSWORD, consoleUsers } from '../../support/console/password-users.ts'

/** The console with pages that a test rules over, to see what it does with any page. */
export class LabSite implements AsyncDisposable {
  readonly #server: Server
  /** What the page shows, beside how often it was read. */
  text = 'first'
  /** How often a page was read, by its path. */
  readonly reads = new Map<string, number>()
  /** Forms that were sent. */
  readonly sent: string[] = []
  isFailing = false

  private constructor(assets: Assets, users: readonly User[]) {
    const nowhere = new Side(HQ, undefined, hqMigrations, 1)
    const app = createConsoleApp({
      ...{ screens: this.#screens(), downloads: [], actions: this.#actions(), assets },
      // Its pages look at nothing.
      surroundings: {
        ...{ hq: nowhere, hqRows: nowhere, dx: nowhere, isReadOnly: false },
        environment: 'lab',
      } as Partial<Surroundings> as Surroundings,
      ...{ access: { kind: 'users', users }, hosts: ['localhost'], url: undefined },
      log: createLog('silent'),
    })
    this.#server = createHttpServer(app)
  }

  static async start(): Promise<LabSite> {
    const { users } = parseUsers(await consoleUsers())
    const site = new LabSite(await Assets.load(), users)
    site.#server.listen(0, 'localhost')
    await once(site.#server, 'listening')
    return site
  }

  get url(): string {
    return `http://localhost:${(this.#server.address() as AddressInfo).port}`
  }

  readsOf(path: string): number {
    return this.reads.get(path) ?? 0
  }

  #count(path: string): void {
    this.reads.set(path, this.readsOf(path) + 1)
  }

  #screens(): Screen[] {
    const live: Screen = {
      path: '/',
      nav: { title: 'Overview', key: 'o' },
      show: async ({ query }) => {
        this.#count('/')
        if (this.isFailing) throw new Error('as the test wants it')
        const filter = query.get('name') ?? ''
        return {
          title: 'Live',
          sentence: html`It is ${this.text}.`,
          content: html`
<form method="get" class="filter"><label>Name <input type="search" name="name" value="${filter}"></label>
<label>Kind <select name="kind"><option value="">any</option><option value="a">a</option></select></label>
<button>Filter</button></form>
<p id="shown">${this.text} of ${filter}</p>
<details id="more"><summary>More</summary><p id="inner">${this.text}</p></details>
<p id="drawn" data-drawn="yes">drawn</p>
<ul>${Array.from({ length: 100 }, (_, i) => html`<li id="row-${i}"><a id="link-${i}" href="/confirm">row ${i} ${this.text}</a></li>`)}</ul>`,
        }
      },
    }
    const confirm: Screen = {
      path: '/confirm',
      nav: { title: 'Confirm', key: 'd' },
      isLive: false,
      show: async () => {
        this.#count('/confirm')
        return {
          title: 'Confirm',
          content: html`<form method="post" action="/act"><label>Reason <input name="reason"></label>
<p id="shown">${this.text}</p><button id="do">Do it</button></form>`,
        }
      },
    }
    return [live, confirm, { ...confirm, path: '/help', nav: { title: 'Help', key: 'h' } }]
  }

  #actions(): FormAction[] {
    return [
      {
        path: '/act',
        role: 'operator',
        submit: async ({ form }) => {
          this.sent.push(form.get('reason') ?? '')
          return { goTo: '/' }
        },
      },
    ]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}

/** Who may do what the lab offers. */
export const OPERATOR = { name: 'operator', password: CONSOLE_PASSWORD } as const
