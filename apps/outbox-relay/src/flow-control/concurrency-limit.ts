import { BackfillShare } from './backfill-share.ts'

/**
 * Whose attempt it is: a change that was just committed, or a backfill's, which goes only where
 * live changes leave room.
 */
export type DeliveryRank = 'live' | 'backfill'

/**
 * How many attempts may be under way: as many as HQ has shown to take, one more after each round of
 * successes, half as many after a failure (AIMD, as TCP does).
 *
 * Of a backfill one place fewer (where there is more than one), so that the next live attempt finds
 * it free; and no more than follows from how fast live attempts are, see {@link BackfillShare}.
 */
export class ConcurrencyLimit {
  readonly #max: number
  readonly #share: BackfillShare
  #limit: number
  #active = 0

  /** @param max attempts at once at most, and to begin with. */
  constructor(max: number) {
    this.#max = max
    this.#limit = max
    this.#share = new BackfillShare(Math.max(1, max - 1))
  }

  /** Attempts allowed at once. */
  get attempts(): number {
    return Math.floor(this.#limit)
  }

  /** Attempts under way. */
  get active(): number {
    return this.#active
  }

  /** True if one more may begin where `most` are allowed in all. */
  hasRoom(rank: DeliveryRank, most: number): boolean {
    const places = rank === 'live' ? most : Math.max(1, Math.min(most - 1, this.#share.attempts))
    return this.#active < places
  }

  enter(): void {
    this.#active++
  }

  /** @param elapsedMs since the attempt asked to begin. */
  leave(rank: DeliveryRank, elapsedMs: number, nowMs: number): void {
    this.#active--
    this.#share.note(rank, elapsedMs, nowMs)
  }

  /** HQ took an attempt. */
  grow(): void {
    this.#limit = Math.min(this.#max, this.#limit + 1 / this.#limit)
  }

  /** HQ did not. */
  shrink(): void {
    this.#limit = Math.max(1, this.#limit / 2)
  }
}
