import { installReferenceSchema } from '@hq-export/demo/databases/install-reference-schema.ts'
import type pg from 'pg'
import { pollUntil } from '../measure/poll-until.ts'
import { type BenchServers, type BenchSession, openSession } from '../programs/servers.ts'
import { fillCompanies } from '../workload/company-entities.ts'

const DATABASE = 'data_engine_x_native'
const NAME = 'bench_native_mix'
const TABLES = 'ops.operation_events, entities.company_entities'
const START_TIMEOUT_MS = 30_000
const CATCH_UP_TIMEOUT_MS = 300_000
const POLL_MS = 10

const STREAMING = /* sql */ `
select from pg_catalog.pg_stat_replication where application_name = $1 and state = 'streaming'`

const IS_CONFIRMED = /* sql */ `
select from pg_catalog.pg_replication_slots
where slot_name = $1 and confirmed_flush_lsn >= $2::pg_lsn`

const APPLY_FAULTS = /* sql */ `
select from pg_catalog.pg_stat_subscription_stats where subname = $1 and apply_error_count > 0`

const DROP_SLOT = /* sql */ `
select pg_catalog.pg_drop_replication_slot(slot_name) from pg_catalog.pg_replication_slots
where slot_name = $1`

async function createDatabase(server: BenchSession): Promise<BenchSession> {
  await server.client.query(`create database ${DATABASE}`)
  const url = new URL(server.url)
  url.pathname = DATABASE
  return openSession(url.href)
}

/**
 * PostgreSQL's own logical replication of what the `capture` scenario writes: a database of its own
 * on each server, with the operational tables of data-engine-x on both. It runs only between
 * {@link start} and {@link stop}: a slot that nobody reads keeps WAL, and one that is read costs
 * the rounds of everybody on the same server.
 */
export class MixReplication implements AsyncDisposable {
  readonly source: BenchSession
  readonly target: BenchSession

  private constructor(source: BenchSession, target: BenchSession) {
    this.source = source
    this.target = target
  }

  /** Creates both databases; both have the companies, neither an event. */
  static async create({ dx, hq }: BenchServers, companies: number): Promise<MixReplication> {
    await using opened = new AsyncDisposableStack()
    const source = opened.use(await createDatabase(dx))
    const target = opened.use(await createDatabase(hq))
    for (const { client } of [source, target]) {
      await installReferenceSchema(client)
      await fillCompanies(client, companies)
    }
    await source.client.query(`create publication ${NAME} for table ${TABLES}`)
    opened.move()
    return new MixReplication(source, target)
  }

  /** Resolves once the source streams. */
  async start(signal: AbortSignal): Promise<void> {
    const { source, target } = this
    await source.client.query('select pg_catalog.pg_create_logical_replication_slot($1, $2)', [
      NAME,
      'pgoutput',
    ])
    await target.client.query(
      `create subscription ${NAME} connection '${source.url}' publication ${NAME}
       with (create_slot = false, slot_name = '${NAME}', copy_data = false)`,
    )
    await this.#until('to stream', STREAMING, [NAME], START_TIMEOUT_MS, signal)
  }

  /**
   * Waits until HQ has everything, then ends it.
   * @returns how long that took, in ms.
   */
  async stop(signal: AbortSignal): Promise<number> {
    const { source } = this
    const since = performance.now()
    const { rows } = await source.client.query<{ lsn: string }>(
      'select pg_catalog.pg_current_wal_insert_lsn()::text as lsn',
    )
    const values = [NAME, rows[0]?.lsn]
    await this.#until('to catch up', IS_CONFIRMED, values, CATCH_UP_TIMEOUT_MS, signal)
    const elapsedMs = performance.now() - since
    await this.#drop()
    return elapsedMs
  }

  async #until(
    what: string,
    text: string,
    values: unknown[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const isTrue = async (client: pg.ClientBase, query: string, parameters: unknown[]) =>
      (await client.query(query, parameters)).rowCount === 1
    await pollUntil({
      what: `native logical replication ${what}`,
      everyMs: POLL_MS,
      timeoutMs,
      signal,
      probe: async () => {
        if (await isTrue(this.target.client, APPLY_FAULTS, [NAME])) {
          throw new Error('native logical replication failed to apply')
        }
        return (await isTrue(this.source.client, text, values)) || undefined
      },
    })
  }

  /** The subscription ends its session on the source and drops the slot, if it is there. */
  async #drop(): Promise<void> {
    await this.target.client.query(`drop subscription if exists ${NAME}`)
    await this.source.client.query(DROP_SLOT, [NAME])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using closing = new AsyncDisposableStack()
    closing.use(this.source)
    closing.use(this.target)
    await this.#drop()
  }
}
