import { errorType } from '@hq-export/observability/error-type.ts'
import { pause } from '@hq-export/runtime/pause.ts'
import type pg from 'pg'
import type { Logger } from 'pino'
import { createPool } from '../db/connect.ts'
import { assertSeesAll } from '../db/hidden-tables.ts'
import type { IngestKey } from './ingest-key.ts'
import type { MasterKey } from './master-key.ts'
import { selectKeys } from './select-keys.ts'
import { readStoredKey } from './stored-key.ts'
import { UseLog } from './use-log.ts'

/** How fresh the ring is, in milliseconds. */
export interface KeyTiming {
  /** Between two looks at the database. */
  readonly refreshMs: number
  /**
   * No key of the database is believed on a look that began longer ago: so long may a revoked key
   * still work.
   */
  readonly staleAfterMs: number
  /** A look that takes longer has failed. */
  readonly queryTimeoutMs: number
  /** The use of one key is written at most this often. */
  readonly useIntervalMs: number
}

const KEY_TIMING: KeyTiming = {
  refreshMs: 2_000,
  staleAfterMs: 5_000,
  queryTimeoutMs: 2_000,
  useIntervalMs: 60_000,
}

export interface KeyRingOptions {
  readonly databaseUrl: string
  /**
   * Keys of the environment. One that the database knows, too, is what the database says, revoked
   * included.
   */
  readonly bootstrap: readonly IngestKey[]
  /** Open the secrets of the database. */
  readonly masterKeys: readonly MasterKey[]
  /** Clock of `notBeforeMs` and `notAfterMs`, milliseconds since the epoch. */
  readonly now: () => number
  readonly log: Logger
  readonly timing?: Partial<KeyTiming>
}

/** The keys that a request may be verified with. */
export interface Candidates {
  readonly keys: readonly IngestKey[]
  /** False where the database could not be asked lately, so that its keys are missing. */
  readonly complete: boolean
}

function isActive({ notBeforeMs, notAfterMs }: IngestKey, nowMs: number): boolean {
  return (
    (notBeforeMs === undefined || notBeforeMs <= nowMs) &&
    (notAfterMs === undefined || nowMs < notAfterMs)
  )
}

/**
 * Every key that the gateway believes, in memory: those of the environment, and those of the
 * database, read again every few seconds over a connection of its own, so that requests neither
 * wait for it nor hold it up.
 */
export class KeyRing {
  readonly #options: KeyRingOptions
  readonly #timing: KeyTiming
  readonly #pool: pg.Pool
  readonly #uses = new UseLog()
  readonly #stopping = new AbortController()
  #bootstrap: readonly IngestKey[] = []
  #stored: readonly IngestKey[] = []
  /** Ids and reasons of the keys that cannot be used, to report a change and not every look. */
  #unusable: ReadonlyMap<string, string> = new Map()
  /**
   * When the last good look began, on the monotonic clock: a step of the system's clock must not
   * refresh anything.
   */
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #looking: Promise<boolean> | undefined
  #failing = false
  #refreshing: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  constructor(options: KeyRingOptions) {
    this.#options = options
    this.#timing = { ...KEY_TIMING, ...options.timing }
    this.#pool = createPool(options.databaseUrl, 1, {
      query_timeout: this.#timing.queryTimeoutMs,
      connectionTimeoutMillis: this.#timing.queryTimeoutMs,
    })
    // The query that needed the session reports it.
    this.#pool.on('error', () => {})
  }

  /**
   * Reads the keys for the first time and goes on reading; again once it runs does nothing.
   * @throws the database's error where it cannot be read; it may then be started again.
   */
  async start(): Promise<void> {
    if (this.#refreshing !== undefined || this.#stopping.signal.aborted) return
    await this.#look()
    if (this.#stored.length + this.#bootstrap.length === 0) {
      this.#options.log.warn('there is no key: every batch is refused until one is added')
    }
    this.#refreshing ??= this.#keepRefreshing()
  }

  /** Writes what was used and is not written, and closes. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /**
   * The keys that are active at `nowMs`, after another look at the database where the last one is
   * too old.
   */
  async candidatesAt(nowMs: number): Promise<Candidates> {
    // Asked twice: a process that was stopped in the middle of a look wakes with an old answer.
    const complete = this.#isFresh() || ((await this.#tryLook()) && this.#isFresh())
    const keys = complete ? [...this.#stored, ...this.#bootstrap] : this.#bootstrap
    return { keys: keys.filter((key) => isActive(key, nowMs)), complete }
  }

  /**
   * Notes that a batch signed with `key` was believed; written later.
   * @param lock of the contract that its sender was built with, where it said one.
   */
  noteUse(key: IngestKey, lock?: string): void {
    this.#uses.note(key, this.#options.now(), lock)
  }

  #isFresh(): boolean {
    return performance.now() - this.#lookedAtMs < this.#timing.staleAfterMs
  }

  async #look(): Promise<void> {
    const { bootstrap, masterKeys, now } = this.#options
    const beganAtMs = performance.now()
    await assertSeesAll(this.#pool)
    const rows = await selectKeys(
      this.#pool,
      now(),
      bootstrap.map(({ id }) => id),
    )
    const known = new Set(rows.map(({ id }) => id))
    const stored = rows
      .filter((row) => !row.is_revoked)
      .map((row) => readStoredKey(row, masterKeys))
    this.#bootstrap = bootstrap.filter(({ id }) => !known.has(id))
    this.#stored = stored.flatMap((key) => (key.kind === 'usable' ? [key.key] : []))
    this.#lookedAtMs = beganAtMs
    this.#report(stored.filter((key) => key.kind === 'unusable'))
  }

  #report(keys: readonly { id: string; source: string; reason: string }[]): void {
    for (const { id, source, reason } of keys) {
      if (this.#unusable.get(id) === reason) continue
      const facts = { key: id, source, reason, unusable: keys.length }
      this.#options.log.error(facts, 'a stored key cannot be used and verifies nothing')
    }
    this.#unusable = new Map(keys.map(({ id, reason }) => [id, reason]))
  }

  /** One look at a time, whoever asks; false where the database could not be read. */
  #tryLook(): Promise<boolean> {
    this.#looking ??= this.#lookAndLog().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookAndLog(): Promise<boolean> {
    const { log } = this.#options
    try {
      await this.#look()
    } catch (error) {
      if (!this.#failing) log.error({ reason: errorType(error) }, 'the keys cannot be read')
      this.#failing = true
      return false
    }
    if (this.#failing) log.info('the keys can be read again')
    this.#failing = false
    return true
  }

  async #keepRefreshing(): Promise<void> {
    const { signal } = this.#stopping
    const { refreshMs, useIntervalMs } = this.#timing
    for (;;) {
      await pause(refreshMs, signal)
      if (signal.aborted) return
      if (await this.#tryLook()) await this.#writeUses(useIntervalMs)
    }
  }

  async #writeUses(intervalMs: number): Promise<void> {
    try {
      await this.#uses.write(this.#pool, this.#options.now(), intervalMs)
    } catch (error) {
      const reason = errorType(error)
      this.#options.log.warn({ reason }, 'the last use of keys cannot be written')
    }
  }

  async #stop(): Promise<void> {
    this.#stopping.abort()
    await this.#refreshing
    if (!this.#failing) await this.#writeUses(0)
    await this.#pool.end()
  }
}
