import { Refusal } from '../refusal.ts'
import { atCapacity } from './at-capacity.ts'
import { TokenBucket } from './token-bucket.ts'

/** Passes over a body that every request has: a producer that names its key needs one, and a second while it rotates. */
const FREE_PASSES = 2
/** What a pass costs beside the bytes of the body, as bytes. */
const PASS_BYTES = 4 * 1024
/** Bytes that are read to find out whose one body is, beyond the free passes: about a quarter of a second. */
const MAX_BYTES_PER_REQUEST = 256 * 1024 * 1024
/** Of all requests together: about a quarter of a processor. */
const BYTES_PER_PERIOD = 256 * 1024 * 1024
const PERIOD_MS = 1_000

const HINT = 'name the key that signed in hq-ingest-key'

/**
 * What may be spent on finding out whose a body is, where the caller does not say, and every key has to be tried. A caller costs what it has sent; what
 * that is multiplied by the number of keys all of them share. Those who name their key are not concerned.
 */
export class VerificationBudget {
  readonly #now: () => number
  readonly #bucket: TokenBucket

  /** @param now monotonic clock, in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#bucket = new TokenBucket(BYTES_PER_PERIOD, PERIOD_MS, now())
  }

  /** The largest body that may be tried so many times, at most `maxBytes`. */
  maxBodyBytes(passes: number, maxBytes: number): number {
    const charged = passes - FREE_PASSES
    if (charged <= 0) return maxBytes
    return Math.min(maxBytes, Math.max(0, Math.floor(MAX_BYTES_PER_REQUEST / charged) - PASS_BYTES))
  }

  /**
   * Pays for trying a body.
   * @returns gives back what was paid, for a body that turns out to be signed.
   * @throws {Refusal} `at_capacity` (503), without having paid.
   */
  pay(passes: number, bodyBytes: number): () => void {
    const cost = Math.max(0, passes - FREE_PASSES) * (bodyBytes + PASS_BYTES)
    if (cost > 0 && !this.#bucket.look(cost, this.#now()).isAllowed) {
      const { headers } = atCapacity(HINT)
      throw new Refusal('at_capacity', `too many signatures wait for their keys: ${HINT}`, {
        headers,
      })
    }
    this.#bucket.take(cost)
    return () => this.#bucket.take(-cost)
  }
}
