import { randomUUID } from 'node:crypto'
import { type Dataset, type DigestScope, type Finding, parseSigningKey } from '@hq-export/contract'
import { createLog } from '@hq-export/outbox-relay/process/log.ts'
import { reconcile } from '@hq-export/outbox-relay/reconcile/reconcile.ts'
import type {
  ReconcileContext,
  ReconcileRequest,
  ReconcileResult,
} from '@hq-export/outbox-relay/reconcile/reconcile-context.ts'
import type pg from 'pg'
import { Pool } from 'undici'
import { createDxDatabase, createHqDatabase, type TestDatabase } from '../servers/databases.ts'
import { waitFor } from '../wait-for.ts'
import { startInProcessRelay } from './in-process-relay.ts'
import { SECRET, SOURCE, startGateway, type TestGateway } from './ingest-client.ts'

const UNSETTLED = `
select count(*)::int + (select count(*)::int from hq_export.reexport) as waiting from (
  select xid from hq_export.outbox_0 union all select xid from hq_export.outbox_1
  union all select xid from hq_export.outbox_2) o
where not pg_visible_in_snapshot(xid, coalesce(
  (select acked from hq_export.ack order by id desc limit 1), '1:1:'))`

/** As whom a site's relay sends. */
interface Sender {
  readonly source: string
  readonly secret: string
}

/** Both databases, a gateway and a relay in this process: what tests of reconciliation share. */
export class ReconcileSite implements AsyncDisposable {
  /** Session of the application, which may do anything. */
  readonly dx: pg.Client
  /** Session of somebody who changes HQ by hand. */
  readonly hq: pg.Client
  readonly dxDatabase: TestDatabase
  readonly hqDatabase: TestDatabase
  readonly #stack = new AsyncDisposableStack()
  readonly #gateway: TestGateway
  readonly #pool: Pool
  readonly #sender: Sender
  #relay: AsyncDisposable | undefined

  private constructor(
    fields: Pick<ReconcileSite, 'dx' | 'hq' | 'dxDatabase' | 'hqDatabase'>,
    gateway: TestGateway,
    sender: Sender,
  ) {
    this.dx = fields.dx
    this.hq = fields.hq
    this.dxDatabase = fields.dxDatabase
    this.hqDatabase = fields.hqDatabase
    this.#gateway = gateway
    this.#sender = sender
    this.#pool = new Pool(gateway.url)
    this.#stack.use(this.dxDatabase)
    this.#stack.defer(() => this.#pool.close())
    this.#stack.defer(() => this.stopRelay())
  }

  /** Starts everything. @param keys of the gateway; the relay signs with its own. */
  static async start(options: Parameters<typeof startGateway>[1] = {}): Promise<ReconcileSite> {
    const [dxDatabase, hqDatabase] = [await createDxDatabase(), await createHqDatabase()]
    const [dx, hq] = [await dxDatabase.connect(), await hqDatabase.connect()]
    const gateway = await startGateway(hqDatabase.url, options)
    const sender = { source: SOURCE, secret: SECRET }
    const site = new ReconcileSite({ dx, hq, dxDatabase, hqDatabase }, gateway, sender)
    site.#stack.use(hqDatabase)
    site.#stack.use(gateway)
    await site.startRelay()
    return site
  }

  /** Another source, whose rows come to the HQ of a site, by its gateway; ends before that one. */
  static async startBeside(other: ReconcileSite, sender: Sender): Promise<ReconcileSite> {
    const dxDatabase = await createDxDatabase()
    const dx = await dxDatabase.connect()
    const { hq, hqDatabase } = other
    const site = new ReconcileSite({ dx, hq, dxDatabase, hqDatabase }, other.#gateway, sender)
    await site.startRelay()
    return site
  }

  async startRelay(): Promise<void> {
    this.#relay = await startInProcessRelay({
      databaseUrl: this.dxDatabase.url,
      ingestUrl: this.#gateway.url,
      ...this.#sender,
    })
  }

  get gatewayUrl(): string {
    return this.#gateway.url
  }

  async stopRelay(): Promise<void> {
    await this.#relay?.[Symbol.asyncDispose]()
    this.#relay = undefined
  }

  async stopGateway(): Promise<void> {
    await this.#gateway[Symbol.asyncDispose]()
  }

  /** Waits until everything that is committed is settled. */
  async settled(): Promise<void> {
    await waitFor('the relay to settle everything', async () => {
      const { rows } = await this.dx.query<{ waiting: number }>(UNSETTLED)
      return rows[0]?.waiting === 0
    })
  }

  context(more: Partial<ReconcileContext> = {}): ReconcileContext {
    return {
      databaseUrl: this.dxDatabase.url,
      pool: this.#pool,
      keys: [parseSigningKey(this.#sender.secret)],
      source: this.#sender.source,
      log: createLog('silent'),
      stopping: new AbortController().signal,
      ...more,
    }
  }

  /** Reconciles what is committed; nothing is repaired unless the request says so. */
  run(
    request: Partial<Omit<ReconcileRequest, 'datasets'>> & {
      readonly datasets?: readonly Dataset[]
    } = {},
    context: Partial<ReconcileContext> = {},
  ): Promise<ReconcileResult> {
    return reconcile(this.context(context), {
      id: randomUUID(),
      kind: 'command',
      datasets: null,
      scope: {} satisfies DigestScope,
      repair: 'off',
      ...request,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

/** Findings in short, in one order: `<dataset without its affixes> <class> <columns>`, by key. */
export function brief(findings: readonly Finding[]): Record<string, string> {
  const entries = findings.map(({ dataset, key, class: found, columns }): [string, string] => [
    `${dataset.replace(/^dx_|_v1$/g, '')} ${key}`,
    [found, ...columns].join(' '),
  ])
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
