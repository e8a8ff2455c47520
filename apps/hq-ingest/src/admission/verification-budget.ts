import { Refusal } from '../refusal/refusal.ts'
import { TokenBucket } from './token-bucket.ts'

/**
 * Passes over a body that every request has: a producer that names its key needs one, and a second
 * while it rotates.
 */
const FREE_PASSES = 2
/** What a pass costs beside the bytes of the body, as bytes. */
const PASS_BYTES = 4 * 1024
/**
 * Bytes that are read for a small body, about 30 ms: those must not wait for what a large one has
 * spent.
 */
const MAX_SMALL_BYTES = 32 * 1024 * 1024
/**
 * Bytes that are read for small bodies, and as many for large ones, in a second: about a quarter of
 * a processor each.
 */
const BYTES_PER_PERIOD = 256 * 1024 * 1024
const PERIOD_MS = 1_000
const MAX_JITTER_SECONDS = 2

const DETAIL = 'too many signatures wait for their keys: name the key that signed in hq-ingest-key'

/**
 * What may be spent on finding out whose a body is, where the caller does not say and every key has
 * to be tried. A caller costs what it has sent; what that is multiplied by the number of keys, all
 * of them share. Who names its key, or comes over a connection that has shown it, pays nothing.
 */
export class VerificationBudget {
  readonly #now: () => number
  readonly #small: TokenBucket
  readonly #large: TokenBucket

  /** @param now monotonic clock, in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#small = new TokenBucket(BYTES_PER_PERIOD, PERIOD_MS, now())
    this.#large = new TokenBucket(BYTES_PER_PERIOD, PERIOD_MS, now())
  }

  /**
   * Pays for trying a body. One that costs more than all there is can be tried while nothing is
   * spent, and leaves a debt.
   * @returns gives back what was paid, for a body that turns out to be signed.
   * @throws {Refusal} `at_capacity` (503), without having paid.
   */
  pay(passes: number, bodyBytes: number): () => void {
    const cost = Math.max(0, passes - FREE_PASSES) * (bodyBytes + PASS_BYTES)
    if (cost === 0) return () => {}
    const bucket = cost <= MAX_SMALL_BYTES ? this.#small : this.#large
    const { isAllowed, waitMs } = bucket.look(cost, this.#now())
    if (!isAllowed) {
      const seconds = Math.ceil(waitMs / 1_000 + Math.random() * MAX_JITTER_SECONDS)
      throw new Refusal('at_capacity', DETAIL, { headers: { 'retry-after': String(seconds) } })
    }
    bucket.take(cost)
    return () => bucket.take(-cost)
  }
}
