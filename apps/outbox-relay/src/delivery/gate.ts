import { BackfillShare } from './backfill-share.ts'
import { backoffMs } from './backoff.ts'

/** Consecutive failures without any success after which attempts are made one at a time. */
const OPEN_AFTER_FAILURES = 4

/** What an attempt tells about HQ, as opposed to its batch. */
export type HqSignal =
  /** HQ decided a batch, or refused one for a reason that is the batch's own. */
  | { readonly kind: 'up' }
  /** HQ could not or would not: refused, timed out, throttled. */
  | { readonly kind: 'down'; readonly retryAfterMs?: number | undefined }
  /** Somebody has to mend something before any attempt can succeed. */
  | { readonly kind: 'halted'; readonly pauseMs: number }

/** How attempts go now. */
export interface GateState {
  /** True while HQ is in trouble: one attempt at a time, after pauses. */
  readonly isOpen: boolean
  /** Attempts allowed at once. */
  readonly limit: number
  /** Attempts under way. */
  readonly active: number
}

/** Whose attempt it is: a change that was just committed, or a backfill's, which goes only where live changes leave room. */
export type GateRank = 'live' | 'backfill'

/**
 * Decides when an attempt may be made; shared by all batches under way.
 *
 * Closed, it lets as many attempts at once as HQ has shown to take: one more after each round of successes, half as many after a
 * failure (AIMD, as TCP does). After several failures in a row it opens: then a single attempt probes, after a growing
 * pause that is never shorter than `Retry-After`, and its success closes the gate again. An HQ in trouble so gets one
 * request at a time, however many batches wait.
 *
 * A backfill's attempt is let in only while no live one waits, and one place stays free for the next live one (where there is more than
 * one); how many places a backfill may take of the rest follows from how fast live attempts are, see {@link BackfillShare}.
 */
export class Gate {
  readonly #maxLimit: number
  readonly #random: () => number
  readonly #waiters: Readonly<Record<GateRank, (() => void)[]>> = { live: [], backfill: [] }
  readonly #share: BackfillShare
  #limit: number
  #active = 0
  #failures = 0
  #closedUntil = 0
  #isOpen = false
  #timer: NodeJS.Timeout | undefined

  /** @param maxLimit attempts at once at most, and to begin with. */
  constructor(maxLimit: number, random: () => number = Math.random) {
    this.#maxLimit = maxLimit
    this.#limit = maxLimit
    this.#share = new BackfillShare(Math.max(1, maxLimit - 1))
    this.#random = random
  }

  /** Attempts allowed at once now; 1 while only a probe is. */
  get limit(): number {
    return this.#isOpen ? 1 : Math.floor(this.#limit)
  }

  /** Attempts under way. */
  get active(): number {
    return this.#active
  }

  get state(): GateState {
    return { isOpen: this.#isOpen, limit: this.limit, active: this.#active }
  }

  /** Waits until an attempt may be made. Each must end with {@link leave}. Rejects with the signal's reason when it is aborted first. */
  enter(stopping: AbortSignal, rank: GateRank = 'live'): Promise<void> {
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

  /** HQ was seen to serve, although the attempt at hand failed: the fault is its batch's, and nobody need wait for it. */
  proveUp(): void {
    this.#failures = 0
    this.#isOpen = false
    this.#closedUntil = 0
    this.#admit()
  }

  /** Forgets its timer; whoever waits is to be ended by its signal. */
  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /**
   * Ends an attempt and learns from it.
   * @param elapsedMs since the attempt asked to {@link enter}.
   */
  leave(signal: HqSignal, rank: GateRank = 'live', elapsedMs = 0): void {
    this.#active--
    this.#share.note(rank, elapsedMs, Date.now())
    switch (signal.kind) {
      case 'up':
        this.proveUp()
        this.#limit = Math.min(this.#maxLimit, this.#limit + 1 / this.#limit)
        break
      case 'down':
        this.#failures++
        this.#limit = Math.max(1, this.#limit / 2)
        this.#isOpen ||= this.#failures >= OPEN_AFTER_FAILURES
        this.#pause(
          this.#isOpen
            ? backoffMs(this.#failures, signal.retryAfterMs, this.#random)
            : (signal.retryAfterMs ?? 0),
        )
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
    this.#closedUntil = Math.max(this.#closedUntil, Date.now() + ms)
  }

  /** True if a backfill may take a place: what is left beside live attempts and the place kept for the next one. */
  #hasRoom(): boolean {
    return this.#active < Math.max(1, Math.min(this.limit - 1, this.#share.attempts))
  }

  #admit(): void {
    const waitMs = this.#closedUntil - Date.now()
    if (waitMs > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        this.#admit()
      }, waitMs)
      return
    }
    while (this.#active < this.limit) {
      const waiter =
        this.#waiters.live.shift() ?? (this.#hasRoom() ? this.#waiters.backfill.shift() : undefined)
      if (waiter === undefined) return
      this.#active++
      waiter()
    }
  }
}
