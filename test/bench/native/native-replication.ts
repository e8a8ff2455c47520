import { type DatasetName, datasetByName } from '@hq-export/contract'
import type pg from 'pg'
import { pollUntil } from '../measure/poll-until.ts'
import type { BenchServers } from '../programs/servers.ts'

const SCHEMA = 'native'
const NAME = 'bench_native'
const START_TIMEOUT_MS = 30_000
const START_POLL_MS = 2
const RELEASE_POLL_MS = 20

const WORKING = /* sql */ `
select from pg_catalog.pg_stat_replication
where application_name = $1 and state in ('catchup', 'streaming')`

const APPLY_FAULTS = /* sql */ `
select apply_error_count::int as count from pg_catalog.pg_stat_subscription_stats
where subname = $1`

const IDLE_SLOT = /* sql */ `
select from pg_catalog.pg_replication_slots where slot_name = $1 and not active`

async function isTrue(client: pg.ClientBase, text: string, values: unknown[]): Promise<boolean> {
  return (await client.query(text, values)).rowCount === 1
}

/**
 * The anchor: PostgreSQL's own logical replication of the contract's columns, from a plain table of
 * data-engine-x into a table of HQ that has the dataset's primary key, uniqueness guard and
 * indexes. Defaults throughout.
 */
export class NativeReplication implements AsyncDisposable {
  /** Name of the table on both servers. */
  readonly table: string
  readonly #servers: BenchServers
  readonly #hqTable: string
  readonly #dataset: DatasetName

  constructor(servers: BenchServers, dataset: DatasetName) {
    this.#servers = servers
    this.#dataset = dataset
    this.table = `${SCHEMA}.${dataset}`
    this.#hqTable = `hq.${dataset}`
  }

  /**
   * Creates both tables, the publication, the slot and a subscription that does not run yet.
   * @param fill puts into a table what is there before anything is replicated; it is called on both
   * servers.
   */
  async prepare(fill?: (client: pg.ClientBase, table: string) => Promise<void>): Promise<void> {
    const { dx, hq } = this.#servers
    const { columns, primaryKey } = datasetByName(this.#dataset)
    const types = columns.map(
      ({ name, type, nullable }) =>
        `${name} ${type}${name === 'export_schema_version' ? ` default 'v1'` : ''}${nullable ? '' : ' not null'}`,
    )
    await dx.client.query(`create schema ${SCHEMA}`)
    await dx.client.query(
      `create table ${this.table} (${types.join(', ')}, primary key (${primaryKey.join(', ')}))`,
    )
    // Before the slot exists: the slot keeps what is written after it.
    await fill?.(dx.client, this.table)
    await dx.client.query(`create publication ${NAME} for table ${this.table}`)
    await dx.client.query('select pg_catalog.pg_create_logical_replication_slot($1, $2)', [
      NAME,
      'pgoutput',
    ])

    await hq.client.query(`create schema ${SCHEMA}`)
    // Every constraint and index of ours; our own columns are not its work.
    await hq.client.query(`create table ${this.table} (like ${this.#hqTable} including all)`)
    const { rows } = await hq.client.query<{ name: string }>(
      `select attname as name from pg_catalog.pg_attribute
       where attrelid = $1::regclass and attnum > 0 and pg_catalog.starts_with(attname, '_dx_')`,
      [this.table],
    )
    const drops = rows.map(({ name }) => `drop column ${name}`)
    await hq.client.query(`alter table ${this.table} ${drops.join(', ')}`)
    await fill?.(hq.client, this.table)
    await hq.client.query(
      `create subscription ${NAME} connection '${dx.url}' publication ${NAME}
       with (create_slot = false, slot_name = '${NAME}', enabled = false, copy_data = false)`,
    )
  }

  /**
   * Lets it run; resolves once the source streams, so that no start-up of processes is measured.
   */
  async start(signal: AbortSignal): Promise<void> {
    const { dx, hq } = this.#servers
    await hq.client.query(`alter subscription ${NAME} enable`)
    await pollUntil({
      what: 'native logical replication to start',
      everyMs: START_POLL_MS,
      timeoutMs: START_TIMEOUT_MS,
      signal,
      probe: async () => (await isTrue(dx.client, WORKING, [NAME])) || undefined,
    })
  }

  /** @throws when applying has failed, which PostgreSQL would otherwise retry for ever. */
  async assertWell(): Promise<void> {
    const { rows } = await this.#servers.hq.client.query<{ count: number }>(APPLY_FAULTS, [NAME])
    if ((rows[0]?.count ?? 0) > 0) throw new Error('native logical replication failed to apply')
  }

  /** Removes everything that {@link prepare} made. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { dx, hq } = this.#servers
    const exists = await isTrue(
      hq.client,
      'select from pg_catalog.pg_subscription where subname = $1',
      [NAME],
    )
    if (exists) {
      await hq.client.query(`alter subscription ${NAME} disable`)
      await hq.client.query(`alter subscription ${NAME} set (slot_name = none)`)
      await hq.client.query(`drop subscription ${NAME}`)
    }
    await hq.client.query(`drop schema if exists ${SCHEMA} cascade`)
    await pollUntil({
      what: 'the replication slot to be released',
      everyMs: RELEASE_POLL_MS,
      timeoutMs: START_TIMEOUT_MS,
      // It also runs after Ctrl-C, and is bounded by itself.
      signal: new AbortController().signal,
      probe: async () => {
        const found = 'select from pg_catalog.pg_replication_slots where slot_name = $1'
        if (!(await isTrue(dx.client, found, [NAME]))) return true
        if (!(await isTrue(dx.client, IDLE_SLOT, [NAME]))) return undefined
        await dx.client.query('select pg_catalog.pg_drop_replication_slot($1)', [NAME])
        return true
      },
    })
    await dx.client.query(`drop publication if exists ${NAME}`)
    await dx.client.query(`drop schema if exists ${SCHEMA} cascade`)
  }
}
