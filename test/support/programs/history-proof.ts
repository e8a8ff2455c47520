import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { insertCompany } from '../reference-rows.ts'
import { waitFor } from '../wait-for.ts'
import type { AppProcess } from './app-process.ts'
import { runApp } from './app-process.ts'
import type { Pipeline } from './pipeline.ts'

const COMPANIES = 'dx_company_entities_v1'

/** A commit that had returned by `at`, the source's clock in epoch microseconds. */
interface Commit {
  readonly entityId: string
  readonly version: number
  readonly at: bigint
}

/**
 * Holds what HQ says of `complete_through` against a log of the source's commits: looks into HQ
 * again and again, and whatever had committed before the moment that HQ shows must be there.
 */
export class HistoryProof {
  readonly #pipeline: Pipeline
  readonly #orgId: string
  readonly #writer: pg.Client
  readonly #late: pg.Client
  readonly #clock: pg.Client
  readonly #reader: pg.Client
  readonly #log: Commit[] = []
  #relay: AppProcess | undefined
  #gateway: AppProcess | undefined
  #looking: Promise<void> | undefined
  #isEnding = false
  /** What ended the looks. */
  #failure: { readonly error: unknown } | undefined
  #last: bigint | undefined
  /** How often it was held against the log. */
  looks = 0
  /** How often the moment had moved. */
  moves = 0

  private constructor(pipeline: Pipeline, orgId: string, clients: readonly pg.Client[]) {
    const [writer, late, clock, reader] = clients
    if (!writer || !late || !clock || !reader) throw new Error('four sessions')
    this.#pipeline = pipeline
    this.#orgId = orgId
    this.#writer = writer
    this.#late = late
    this.#clock = clock
    this.#reader = reader
  }

  static async create(pipeline: Pipeline, orgId: string): Promise<HistoryProof> {
    const { dxDatabase, hqDatabase } = pipeline
    const clients = [
      ...[await dxDatabase.connect(), await dxDatabase.connect(), await dxDatabase.connect()],
      await hqDatabase.connect(),
    ]
    return new HistoryProof(pipeline, orgId, clients)
  }

  /** Both programs, a backfill of what stood there before; then looks begin. */
  async begin(): Promise<void> {
    const { dx } = this.#pipeline
    await dx.query("set hq_export.disabled = 'on'")
    for (let n = 0; n < 50; n++) await this.#commit(dx, randomUUID())
    await dx.query('reset hq_export.disabled')
    this.#gateway = await this.#pipeline.startGateway()
    this.#relay = this.#pipeline.startRelay()
    this.#looking = this.#look().catch((error: unknown) => {
      this.#failure ??= { error }
    })
    await this.writeFor(200)
    const { exitCode } = await runApp('outbox-relay', ['backfill'], this.#pipeline.relayEnv)
    if (exitCode !== 0) throw new Error('the backfill failed')
    await waitFor('a first moment', async () => {
      await this.writeFor(100)
      return this.moves > 0
    })
  }

  /** Kills a program and starts it again. */
  async kill(victim: 'relay' | 'gateway'): Promise<void> {
    if (victim === 'relay') {
      await this.#relay?.kill()
      this.#relay = this.#pipeline.startRelay()
    } else {
      await this.#gateway?.kill()
      this.#gateway = await this.#pipeline.startGateway()
    }
  }

  /** Inserts and updates, while a transaction that began before them commits in the end. */
  async writeFor(ms: number): Promise<void> {
    const until = performance.now() + ms
    const lateEntity = randomUUID()
    await this.#late.query('begin')
    await insertCompany(this.#late, this.#orgId, { entity_id: lateEntity })
    while (performance.now() < until) {
      const entityId = randomUUID()
      await this.#commit(this.#writer, entityId)
      await this.#writer.query(
        `update entities.company_entities
         set canonical_name = 'renamed', record_version = record_version + 1
         where entity_id = $1`,
        [entityId],
      )
      await this.#note(entityId, 2)
    }
    await this.#late.query('commit')
    await this.#note(lateEntity, 1)
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Ends when the moment has passed the last commit. */
  async end(): Promise<void> {
    const last = this.#log.at(-1)?.at ?? 0n
    await waitFor('the moment to pass the last commit', async () => {
      await this.writeFor(50)
      return (this.#last ?? 0n) > last
    })
    this.#isEnding = true
    await this.#looking
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #commit(client: pg.Client, entityId: string): Promise<void> {
    await insertCompany(client, this.#orgId, { entity_id: entityId })
    await this.#note(entityId, 1)
  }

  /** After COMMIT has returned. */
  async #note(entityId: string, version: number): Promise<void> {
    const { rows } = await this.#clock.query<{ at: string }>(
      'select (extract(epoch from clock_timestamp()) * 1000000)::bigint::text as at',
    )
    this.#log.push({ entityId, version, at: BigInt(rows[0]?.at ?? 0) })
  }

  async #look(): Promise<void> {
    while (!this.#isEnding) {
      // One snapshot of HQ: the moment, and the rows beside it.
      const { rows } = await this.#reader.query<{ moment: string | null; rows: string[] | null }>(
        `select (select (extract(epoch from complete_through) * 1000000)::bigint::text
             from hq.dx_freshness where dataset = '${COMPANIES}') as moment,
           (select array_agg(entity_id || ' ' || record_version) from hq.${COMPANIES}) as rows`,
      )
      const [seen] = rows
      if (seen?.moment == null) continue
      this.#hold(BigInt(seen.moment), seen.rows ?? [])
    }
  }

  #hold(moment: bigint, rows: readonly string[]): void {
    if (this.#last !== undefined && moment < this.#last) throw new Error('the moment went back')
    if (moment !== this.#last) this.moves++
    this.#last = moment
    this.looks++
    const versions = new Map(rows.map((row) => [row.slice(0, 36), Number(row.slice(37))] as const))
    for (const { entityId, version, at } of this.#log) {
      if (at < moment && (versions.get(entityId) ?? 0) < version)
        throw new Error(
          `${entityId} version ${version} committed before the moment, and is missing`,
        )
    }
  }
}
