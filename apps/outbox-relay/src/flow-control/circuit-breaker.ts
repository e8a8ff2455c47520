import { backoffMs, MAX_WAIT_MS } from './backoff.ts'
import { ConcurrencyLimit, type DeliveryRank } from './concurrency-limit.ts'

/** How often HQ is asked whether it is ready, while it asked to be left alone for longer. */
const ASK_PERIOD_MS = 15_000
/** Consecutive failures without any success after which attempts are made one at a time. */
const OPEN_AFTER_FAILURES = 4

/** What an attempt tells about HQ, as opposed to its batch. */
export type HqSignal =
  /** HQ decided a batch, or refused one for a reason that is the batch's own. */
  | { readonly kind: 'up' }
  /** HQ could not or would not: refused, timed out, throttled. */
  | { readonly kind: 'down'; readonly retryAfterMs?: number | undefined }
  /** It is not known yet whether the batch or HQ is to blame. */
  | { readonly kind: 'unclear' }
  /** Somebody has to mend something before any attempt can succeed. */
  | { readonly kind: 'halted'; readonly pauseMs: number }

/** How attempts go now. */
export interface CircuitState {
  /** True while HQ is in trouble: one attempt at a time, after pauses. */
  readonly isOpen: boolean
  /** Attempts allowed at once. */
  readonly limit: number
  /** Attempts under way. */
  readonly active: number
}

/**
 * Decides when an attempt may be made; shared by all batches under way.
 *
 * Closed, it lets as many attempts at once as HQ has shown to take, see {@link ConcurrencyLimit}.
 * After several failures in a row it opens: then a single attempt probes, after a growing pause
 * that is never shorter than `Retry-After`, and its success closes the circuit breaker again. An HQ
 * in trouble so gets one request at a time, however many batches wait. No pause is longer than five
 * minutes, whatever HQ asked for, and one ends when an HQ that was not ready meanwhile is ready
 * again. Pauses run on a clock that nobody sets. A backfill's attempt is let in only while no live
 * one waits.
 */
export class CircuitBreaker {
  readonly #concurrency: ConcurrencyLimit
  readonly #random: () => number
  readonly #isReady: (() => Promise<boolean>) | undefined
  readonly #now: () => number
  readonly #waiters: Readonly<Record<DeliveryRank, (() => void)[]>> = { live: [], backfill: [] }
  #failures = 0
  #closedUntil = Number.NEGATIVE_INFINITY
  #isOpen = false
  #isClosed = false
  #wasUnready = false
  #timer: NodeJS.Timeout | undefined

  /**
   * @param maxLimit attempts at once at most, and to begin with.
   * @param isReady asks HQ whether it can work; never rejects.
   * @param now a monotonic clock, in milliseconds.
   */
  constructor(
    maxLimit: number,
    isReady?: () => Promise<boolean>,
    random: () => number = Math.random,
    now: () => number = () => performance.now(),
  ) {
    this.#concurrency = new ConcurrencyLimit(maxLimit)
    this.#random = random
    this.#isReady = isReady
    this.#now = now
  }

  /** Attempts allowed at once now; 1 while only a probe is. */
  get limit(): number {
    return this.#isOpen ? 1 : this.#concurrency.attempts
  }

  /** Attempts under way. */
  get active(): number {
    return this.#concurrency.active
  }

  get state(): CircuitState {
    return { isOpen: this.#isOpen, limit: this.limit, active: this.active }
  }

  /**
   * Waits until an attempt may be made. Each must end with {@link leave}. Rejects with the signal's
   * reason when it is aborted first.
   */
  enter(stopping: AbortSignal, rank: DeliveryRank = 'live'): Promise<void> {
    const waiters = this.#waiters[rank]
    return new Promise((resolve, reject) => {
      if (stopping.aborted) {
        reject(stopping.reason)
        return
      }
      const onAbort = () => {
        waiters.splice(waiters.indexOf(admit), 1)
        reject(stopping.reason)
      }
      const admit = () => {
        stopping.removeEventListener('abort', onAbort)
        resolve()
      }
      stopping.addEventListener('abort', onAbort, { once: true })
      waiters.push(admit)
      this.#admit()
    })
  }

  /** Forgets its timer; whoever waits is to be ended by its signal. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /**
   * Ends an attempt and learns from it.
   * @param elapsedMs since the attempt asked to {@link enter}.
   */
  leave(signal: HqSignal, rank: DeliveryRank = 'live', elapsedMs = 0): void {
    this.#concurrency.leave(rank, elapsedMs, this.#now())
    switch (signal.kind) {
      case 'up':
        this.#failures = 0
        this.#isOpen = false
        this.#closedUntil = Number.NEGATIVE_INFINITY
        this.#concurrency.grow()
        break
      case 'down':
        this.#failures++
        this.#concurrency.shrink()
        this.#isOpen ||= this.#failures >= OPEN_AFTER_FAILURES
        this.#pause(
          this.#isOpen
            ? backoffMs(this.#failures, signal.retryAfterMs, this.#random)
            : (signal.retryAfterMs ?? 0),
        )
        break
      case 'unclear':
        break
      case 'halted':
        // What HQ refuses of a backfill, it may take of live changes: they find out for themselves.
        if (rank === 'backfill') break
        this.#failures++
        this.#isOpen = true
        this.#pause(signal.pauseMs)
        break
      default:
        signal satisfies never
    }
    this.#admit()
  }

  #pause(ms: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, this.#now() + Math.min(ms, MAX_WAIT_MS))
  }

  /**
   * In the middle of a long pause: one that HQ asked for while it was away need not be waited for
   * when it is back.
   */
  async #checkReady(): Promise<void> {
    const isReady = await this.#isReady?.()
    if (isReady === false) this.#wasUnready = true
    else if (isReady && this.#wasUnready) this.#closedUntil = Number.NEGATIVE_INFINITY
  }

  async #onTimer(): Promise<void> {
    if (this.#closedUntil > this.#now()) await this.#checkReady()
    this.#timer = undefined
    if (!this.#isClosed) this.#admit()
  }

  #admit(): void {
    const waitMs = this.#closedUntil - this.#now()
    if (waitMs > 0) {
      const isWaited = this.#waiters.live.length + this.#waiters.backfill.length > 0
      if (isWaited) {
        this.#timer ??= setTimeout(
          () => this.#onTimer(),
          Math.min(Math.ceil(waitMs), ASK_PERIOD_MS),
        )
      }
      return
    }
    this.#wasUnready = false
    const { live, backfill } = this.#waiters
    const concurrency = this.#concurrency
    while (concurrency.hasRoom('live', this.limit)) {
      const waiter =
        live.shift() ?? (concurrency.hasRoom('backfill', this.limit) ? backfill.shift() : undefined)
      if (waiter === undefined) return
      concurrency.enter()
      waiter()
    }
  }
}
