import { randomBytes } from 'node:crypto'
import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import type pg from 'pg'
import { createDxDatabase, createHqDatabase, type TestDatabase } from '../servers/databases.ts'
import { waitFor } from '../wait-for.ts'
import { AppProcess } from './app-process.ts'
import { RunningApp } from './running-app.ts'

/** A fresh signing secret. */
export function createSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`)
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false // not listening yet
  }
}

/**
 * Both databases and both apps, started one by one by the test: as processes of their own, where
 * their process or their settings are what it is about, or in this one, which costs less.
 */
export class Pipeline implements AsyncDisposable {
  /** Session of the application on data-engine-x. */
  dx: pg.Client
  /** Session of a reader of HQ. */
  hq: pg.Client
  readonly dxDatabase: TestDatabase
  readonly hqDatabase: TestDatabase
  readonly gatewayUrl: string
  readonly secret: string
  readonly #port: number
  readonly #metricsPort: number
  readonly #apps: (AppProcess | RunningApp)[] = []

  private constructor(fields: {
    dx: pg.Client
    hq: pg.Client
    dxDatabase: TestDatabase
    hqDatabase: TestDatabase
    port: number
    metricsPort: number
  }) {
    this.dx = fields.dx
    this.hq = fields.hq
    this.dxDatabase = fields.dxDatabase
    this.hqDatabase = fields.hqDatabase
    this.#port = fields.port
    this.#metricsPort = fields.metricsPort
    this.gatewayUrl = `http://127.0.0.1:${fields.port}`
    this.secret = createSecret()
  }

  /** Databases on the shared servers, unless the test brings ones of its own. */
  static async create(
    own: { dxDatabase?: TestDatabase; hqDatabase?: TestDatabase } = {},
  ): Promise<Pipeline> {
    const dxDatabase = own.dxDatabase ?? (await createDxDatabase())
    const hqDatabase = own.hqDatabase ?? (await createHqDatabase())
    const [dx, hq] = await Promise.all([dxDatabase.connect(), hqDatabase.connect()])
    const [port, metricsPort] = [await freePort(), await freePort()]
    return new Pipeline({ dx, hq, dxDatabase, hqDatabase, port, metricsPort })
  }

  /** New sessions after a server was down. */
  async reconnect(): Promise<void> {
    this.dx = await this.dxDatabase.connect()
    this.hq = await this.hqDatabase.connect()
  }

  /** Settings of the relay. */
  get relayEnv(): Record<string, string> {
    return {
      DX_DATABASE_URL: this.dxDatabase.url,
      HQ_INGEST_URL: this.gatewayUrl,
      HQ_SIGNING_SECRET: this.secret,
      RELAY_METRICS_PORT: '0',
    }
  }

  /** Settings of the gateway; `orgs` limits what the relay's key may write. */
  gatewayEnv(orgs?: readonly string[]): Record<string, string> {
    const limit = orgs === undefined ? '' : `;orgs=${orgs.join(',')}`
    return {
      HQ_DATABASE_URL: this.hqDatabase.url,
      INGEST_PORT: String(this.#port),
      INGEST_METRICS_PORT: String(this.#metricsPort),
      INGEST_KEYS: `data-engine-x=${this.secret}${limit}`,
    }
  }

  /** @param root of the repository that it is started from, if not this one. */
  startRelay(env: Record<string, string> = {}, root?: string): AppProcess {
    const relay = new AppProcess('outbox-relay', ['run'], { ...this.relayEnv, ...env }, root)
    this.#apps.push(relay)
    return relay
  }

  /** Starts a gateway and waits until it is ready. */
  async startGateway(
    orgs?: readonly string[],
    env: Record<string, string> = {},
    root?: string,
  ): Promise<AppProcess> {
    const settings = { ...this.gatewayEnv(orgs), ...env }
    const gateway = new AppProcess('hq-ingest', ['serve'], settings, root)
    return this.#whenReady(gateway)
  }

  /** Runs a relay in this process. */
  runRelay(env: Record<string, string> = {}): RunningApp {
    const relay = RunningApp.relay({ ...this.relayEnv, ...env })
    this.#apps.push(relay)
    return relay
  }

  /** Runs a gateway in this process and waits until it is ready. */
  runGateway(orgs?: readonly string[], env: Record<string, string> = {}): Promise<RunningApp> {
    // Nobody stands before it who has to notice that it ends.
    const settings = { ...this.gatewayEnv(orgs), INGEST_DRAIN_SECONDS: '0', ...env }
    return this.#whenReady(RunningApp.gateway(settings))
  }

  async #whenReady<T extends AppProcess | RunningApp>(gateway: T): Promise<T> {
    this.#apps.push(gateway)
    await waitFor('the gateway to be ready', async () => {
      gateway.assertRunning()
      return isReady(this.gatewayUrl)
    })
    return gateway
  }

  /**
   * Waits until nothing waits in the outbox, or to enter it once more: everything committed so far
   * is settled.
   * @param timeoutMs for how long, where more waits than a test writes by itself.
   */
  async settled(timeoutMs?: number): Promise<void> {
    const isSettled = async () => {
      const { rows } = await this.dx.query<{ waiting: number }>(
        `select count(*)::int + (select count(*)::int from hq_export.reexport) as waiting from (
           select xid from hq_export.outbox_0 union all select xid from hq_export.outbox_1
           union all select xid from hq_export.outbox_2) o
         where not pg_visible_in_snapshot(xid, coalesce(
           (select acked from hq_export.ack order by id desc limit 1), '1:1:'))`,
      )
      return rows[0]?.waiting === 0
    }
    await waitFor('the relay to settle everything', isSettled, timeoutMs)
  }

  /** Waits until HQ has a company. */
  async arrives(entityId: string): Promise<void> {
    await waitFor('the row in HQ', async () => {
      const { rowCount } = await this.hq.query(
        'select from hq.dx_company_entities_v1 where entity_id = $1',
        [entityId],
      )
      return rowCount === 1
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const app of this.#apps.reverse()) await app[Symbol.asyncDispose]()
    await Promise.all([
      this.dxDatabase[Symbol.asyncDispose](),
      this.hqDatabase[Symbol.asyncDispose](),
    ])
  }
}
