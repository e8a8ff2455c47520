/**
 * A live attempt that took longer than this, its wait at the circuit breaker included, waited for
 * somebody.
 */
const SLOW_MS = 250
/** Shares grow again once no live attempt has been slow for this long. */
const CALM_MS = 1_000
/** Part of an attempt by which the share grows with each one that ends. */
const GROWTH = 0.25

/**
 * How many attempts a backfill may have under way, by what it does to live changes: half as many
 * when a live attempt was slow, one more after a few that were not (AIMD). Never below one: where
 * HQ is slow by itself, a backfill still ends.
 */
export class BackfillShare {
  readonly #max: number
  #share: number
  #slowAt = Number.NEGATIVE_INFINITY

  /** @param max attempts at once at most, and to begin with. */
  constructor(max: number) {
    this.#max = max
    this.#share = max
  }

  /** Attempts allowed at once. */
  get attempts(): number {
    return Math.floor(this.#share)
  }

  /** Learns from an attempt that ended; `elapsedMs` from its wish to begin until its answer. */
  note(rank: 'live' | 'backfill', elapsedMs: number, nowMs: number): void {
    if (rank === 'live' && elapsedMs > SLOW_MS) {
      // Attempts that were slow together are one reason, not several.
      if (nowMs - this.#slowAt >= SLOW_MS) this.#share = Math.max(1, this.#share / 2)
      this.#slowAt = nowMs
    } else if (nowMs - this.#slowAt >= CALM_MS) {
      this.#share = Math.min(this.#max, this.#share + GROWTH / this.#share)
    }
  }
}
