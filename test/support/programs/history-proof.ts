import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { LIMITS } from '@hq-export/contract'
import type pg from 'pg'
import { insertCompany, insertOrg } from '../reference-rows.ts'
import { createOwnDatabase, prepareDx } from '../servers/databases.ts'
import { startOwnServer } from '../servers/own-server.ts'
import { waitFor } from '../wait-for.ts'
import type { AppProcess } from './app-process.ts'
import { runApp } from './app-process.ts'
import { createSecret, Pipeline } from './pipeline.ts'

const COMPANIES = 'dx_company_entities_v1'
/** A small part of the second that a moment stands; a look reads all of HQ. */
const LOOK_PAUSE_MS = 10
/** Characters of a text that make a row larger than HQ takes, so that it is never sent. */
const TOO_LARGE = LIMITS.maxRowBytes

/** A commit that had returned by `at`, the source's clock in epoch microseconds. */
interface Commit {
  readonly entityId: string
  /** 0 where the row can only be refused. */
  readonly version: number
  readonly at: bigint
}

/** What one statement shows of HQ. */
interface Seen {
  readonly moment: string | null
  readonly refused: number
  readonly rows: string[] | null
}

/**
 * Holds what HQ says of `complete_through` against a log of the source's commits: looks into HQ
 * again and again, and whatever had committed before the moment that HQ shows must be there, or be
 * counted as refused. Needs a source with `max_prepared_transactions`.
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
  #backfills: Promise<void> = Promise.resolve()
  /** Prepared and not committed; its rows. */
  #prepared: { readonly id: string; readonly entityId: string } | undefined
  #isEnding = false
  /** What ended the looks. */
  #failure: { readonly error: unknown } | undefined
  #last: bigint | undefined
  /** How often it was held against the log. */
  looks = 0
  /** How often the moment had moved. */
  moves = 0
  /** Commits that it was seen to pass, of rows that were refused. */
  refused = 0
  /** The same of transactions that were prepared for a while. */
  prepared = 0

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
    await this.#backfill()
    await waitFor('a first moment', async () => {
      await this.writeFor(100)
      return this.moves > 0
    })
  }

  async #backfill(): Promise<void> {
    const { exitCode } = await runApp('outbox-relay', ['backfill'], this.#pipeline.relayEnv)
    // 1: completed, and rows were refused.
    if (exitCode !== 0 && exitCode !== 1) throw new Error('the backfill failed')
  }

  /** Sends everything once more, beside whatever comes; after those that were begun before. */
  backfill(): void {
    this.#backfills = this.#backfills.then(() => this.#backfill())
    this.#backfills.catch((error: unknown) => {
      this.#failure ??= { error }
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

  /**
   * Inserts and updates, among them rows that can only be refused, by HQ and by the relay, while a
   * transaction that began before them commits in the end, and one that was prepared in the round
   * before.
   */
  async writeFor(ms: number): Promise<void> {
    const until = performance.now() + ms
    const lateEntity = randomUUID()
    await this.#late.query('begin')
    await insertCompany(this.#late, this.#orgId, { entity_id: lateEntity })
    await this.#refuse({ canonical_name: createSecret() })
    await this.#refuse({ canonical_name: 'x'.repeat(TOO_LARGE) })
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
    await this.#commitPrepared()
    await this.#prepare()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Leaves a transaction prepared, without a session, until the next round. */
  async #prepare(): Promise<void> {
    const [id, entityId] = [randomUUID(), randomUUID()]
    await this.#late.query('begin')
    await insertCompany(this.#late, this.#orgId, { entity_id: entityId })
    await this.#late.query(`prepare transaction '${id}'`)
    this.#prepared = { id, entityId }
  }

  async #commitPrepared(): Promise<void> {
    if (this.#prepared === undefined) return
    const { id, entityId } = this.#prepared
    this.#prepared = undefined
    await this.#late.query(`commit prepared '${id}'`)
    await this.#note(entityId, 1)
    this.prepared++
  }

  async #refuse(values: Readonly<Record<string, unknown>>): Promise<void> {
    const entityId = await insertCompany(this.#writer, this.#orgId, values)
    await this.#note(entityId, 0)
  }

  /** Ends when the moment has passed the last commit. */
  async end(): Promise<void> {
    await this.#backfills
    const last = this.#log.at(-1)?.at ?? 0n
    await waitFor('the moment to pass the last commit', async () => {
      await this.writeFor(50)
      return (this.#last ?? 0n) > last
    })
    await this.#commitPrepared()
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
      await delay(LOOK_PAUSE_MS)
      // One snapshot of HQ: the moment, and the rows beside it.
      const { rows } = await this.#reader.query<Seen>(
        `select (extract(epoch from f.complete_through) * 1000000)::bigint::text as moment,
           f.open_refused::int as refused,
           (select array_agg(entity_id || ' ' || record_version) from hq.${COMPANIES}) as rows
         from hq.dx_freshness f where f.dataset = '${COMPANIES}'`,
      )
      const [seen] = rows
      if (seen?.moment == null) continue
      this.#hold(BigInt(seen.moment), seen.refused, seen.rows ?? [])
    }
  }

  #hold(moment: bigint, openRefused: number, rows: readonly string[]): void {
    if (this.#last !== undefined && moment < this.#last) throw new Error('the moment went back')
    if (moment !== this.#last) this.moves++
    this.#last = moment
    this.looks++
    const versions = new Map(rows.map((row) => [row.slice(0, 36), Number(row.slice(37))] as const))
    const before = this.#log.filter(({ at }) => at < moment)
    for (const { entityId, version } of before) {
      if ((versions.get(entityId) ?? 0) < version)
        throw new Error(
          `${entityId} version ${version} committed before the moment, and is missing`,
        )
    }
    this.refused = before.filter(({ version }) => version === 0).length
    if (openRefused < this.refused)
      throw new Error(`${this.refused} were refused before the moment, and ${openRefused} counted`)
  }
}

/** Both databases, that of the source on a server that lets transactions be prepared. */
export async function startProofSite(): Promise<
  { readonly proof: HistoryProof } & AsyncDisposable
> {
  const server = await startOwnServer('dx-history', { max_prepared_transactions: '4' })
  const dxDatabase = await createOwnDatabase(server.cluster.url(), prepareDx)
  const pipeline = await Pipeline.create({ dxDatabase })
  const proof = await HistoryProof.create(pipeline, await insertOrg(pipeline.dx))
  return {
    proof,
    async [Symbol.asyncDispose]() {
      await pipeline[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}
