import { DATASETS } from '@hq-export/contract'
import type pg from 'pg'
import type { Admission } from './admission/admission.ts'
import { DatabaseUnavailableError } from './db/database-failure.ts'
import { FLUSH_WAL } from './db/flush-wal.ts'
import { assertSeesAll } from './db/hidden-tables.ts'
import { Refusal } from './refusal/refusal.ts'

/** Everything that a batch writes. */
const WRITTEN_TABLES = [
  ...DATASETS.map(({ name }) => `hq.${name}`),
  'ingest.batch',
  'ingest.quarantine',
  'ingest.heartbeat',
]

/** How long a probe's result serves everyone who asks. */
const FRESH_MS = 1_000
/** How long the gateway is not ready after an apply failed for a reason that a probe cannot see. */
const HELD_MS = 10_000
/**
 * What a probe cannot see, because it writes no row: the disk is full (53100), memory is out
 * (53200), a configured limit is reached (53400), the server's files cannot be written (58030).
 */
const HIDDEN_SQLSTATES: readonly (string | undefined)[] = ['53100', '53200', '53400', '58030']

// Takes no lock but the catalogs'.
const PROBE = `
  select pg_catalog.pg_is_in_recovery() as is_standby,
    pg_catalog.current_setting('transaction_read_only')::boolean as is_read_only,
    array(
      select t.name
      from pg_catalog.unnest($1::text[]) as t (name)
      where not coalesce(
        pg_catalog.has_table_privilege(pg_catalog.to_regclass(t.name), 'insert')
          and pg_catalog.has_table_privilege(pg_catalog.to_regclass(t.name), 'update'), false)
    ) as unwritable`

interface Probe {
  readonly is_standby: boolean
  readonly is_read_only: boolean
  readonly unwritable: readonly string[]
}

async function probe(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  let isLost = true
  try {
    await client.query('begin')
    const { rows } = await client.query<Probe>(PROBE, [WRITTEN_TABLES])
    const [found] = rows
    if (found === undefined) throw new Error('the probe answered nothing')
    if (found.is_standby) throw new Error('HQ is a standby')
    if (found.is_read_only) throw new Error('HQ is read only')
    if (found.unwritable.length > 0) throw new Error(`no right to write ${found.unwritable}`)
    await assertSeesAll(client)
    // Its COMMIT is flushed and waits for synchronous standbys, as a batch's is.
    await client.query(FLUSH_WAL)
    await client.query('commit')
    isLost = false
  } finally {
    client.release(isLost)
  }
}

/**
 * Can the gateway apply a batch now: proven by a commit of its own as the writer, and by what
 * became of the last batches, never by its process being there. A result serves for a second, so
 * that nobody can burden HQ by asking.
 */
export class Readiness {
  readonly #pool: pg.Pool
  readonly #admission: Admission
  readonly #now: () => number
  #probed: { readonly atMs: number; readonly result: Promise<void> } | undefined
  #failed: { readonly untilMs: number; readonly error: unknown } | undefined

  /** @param pool of its own, so that the batches cannot keep it from looking. */
  constructor(pool: pg.Pool, admission: Admission, now: () => number = () => performance.now()) {
    this.#pool = pool
    this.#admission = admission
    this.#now = now
  }

  /** A batch was committed: no other proof is as good. */
  noteApplied(): void {
    this.#failed = undefined
    this.#probed = { atMs: this.#now(), result: Promise.resolve() }
  }

  /** HQ could not be written, or a session was lost: what was proven before counts no more. */
  noteFailed(error: unknown): void {
    this.#probed = undefined
    const sqlstate = error instanceof DatabaseUnavailableError ? error.sqlstate : undefined
    if (HIDDEN_SQLSTATES.includes(sqlstate)) {
      this.#failed = { untilMs: this.#now() + HELD_MS, error }
    }
  }

  /**
   * @throws {Refusal} `draining`, `at_capacity` or `database_unavailable`; or {@link
   * DatabaseUnavailableError}.
   */
  async check(): Promise<void> {
    if (this.#admission.phase !== 'serving') throw new Refusal('draining')
    this.#admission.admit()
    if (this.#failed !== undefined && this.#now() < this.#failed.untilMs) throw this.#failed.error
    if (this.#probed === undefined || this.#now() - this.#probed.atMs >= FRESH_MS) {
      const result = probe(this.#pool).catch((error: unknown) => {
        throw new DatabaseUnavailableError(error)
      })
      this.#probed = { atMs: this.#now(), result }
    }
    await this.#probed.result
  }
}
