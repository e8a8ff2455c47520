/** What a bucket says to a request. */
export interface BucketState {
  readonly isAllowed: boolean
  /** Tokens left, never below 0. */
  readonly remaining: number
  /** Until the same request would be allowed; 0 where it is. */
  readonly waitMs: number
}

/**
 * A token bucket: full to begin with, refilled steadily. A request that costs more than the bucket
 * holds is allowed while it is full, and leaves a debt; else it would never be.
 */
export class TokenBucket {
  readonly capacity: number
  readonly #perMs: number
  #tokens: number
  #atMs: number

  constructor(capacity: number, periodMs: number, nowMs: number) {
    this.capacity = capacity
    this.#perMs = capacity / periodMs
    this.#tokens = capacity
    this.#atMs = nowMs
  }

  /** Looks without taking. A clock that goes back refills nothing. */
  look(cost: number, nowMs: number): BucketState {
    const passedMs = Math.max(0, nowMs - this.#atMs)
    this.#tokens = Math.min(this.capacity, this.#tokens + passedMs * this.#perMs)
    this.#atMs = nowMs
    const missing = Math.min(cost, this.capacity) - this.#tokens
    return {
      isAllowed: missing <= 0,
      remaining: Math.max(0, this.#tokens),
      waitMs: Math.max(0, missing / this.#perMs),
    }
  }

  take(cost: number): void {
    this.#tokens -= cost
  }

  /** Until it is full again, at the last look. */
  get fullInMs(): number {
    return (this.capacity - this.#tokens) / this.#perMs
  }
}
