import type pg from 'pg'
import type { IngestKey } from './ingest-key.ts'
import { recordUse } from './record-use.ts'

interface Use {
  readonly source: string
  lock: string | undefined
  usedAtMs: number
  writtenAtMs: number
}

/** Remembers when each key was used, and writes it now and then. Memory: one entry per key. */
export class UseLog {
  readonly #uses = new Map<string, Use>()

  /** @param lock of the contract that the sender was built with, where a batch said one. */
  note({ id, source }: Pick<IngestKey, 'id' | 'source'>, nowMs: number, lock?: string): void {
    const use = this.#uses.get(id)
    if (use === undefined) {
      this.#uses.set(id, { source, lock, usedAtMs: nowMs, writtenAtMs: Number.NEGATIVE_INFINITY })
    } else {
      use.usedAtMs = Math.max(use.usedAtMs, nowMs)
      use.lock = lock ?? use.lock
    }
  }

  /** Writes the uses since the last time, of keys whose last written use is `intervalMs` ago. */
  async write(pool: pg.Pool, nowMs: number, intervalMs: number): Promise<void> {
    const due = [...this.#uses].filter(
      ([, use]) => use.usedAtMs > use.writtenAtMs && nowMs - use.writtenAtMs >= intervalMs,
    )
    if (due.length === 0) return
    // A copy: batches go on being noted while it is written.
    const uses = due.map(([id, { source, usedAtMs, lock }]) => ({ id, source, usedAtMs, lock }))
    await recordUse(pool, uses)
    for (const { id, usedAtMs } of uses) {
      const use = this.#uses.get(id)
      if (use !== undefined) use.writtenAtMs = usedAtMs
    }
  }
}
