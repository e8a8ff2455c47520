interface Flight<T> {
  readonly value: Promise<T>
  readonly beganAt: number
  /** undefined while it is under way. */
  endedAt: number | undefined
  /** When a page that is open last asked to be refreshed with it. */
  refreshedAt: number
}

/** Values that are kept at a time: what nobody asks for again must not fill the memory. */
const MAX_KEPT = 64
/** A page that has not asked for so long is closed, or out of sight. */
const CLOSED_MS = 10_000

/** How long values serve, and who has to be content with older ones. */
export interface SingleFlightOptions {
  /** Milliseconds within which nothing is read twice, whoever asks. */
  readonly holdMs: number
  /** Share of the time that refreshing open pages may read, all of them together, 0 to 1. */
  readonly refreshShare: number
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number
}

/**
 * What is asked for while it is read, or within a moment after, is not read again: many tabs on one
 * page cost what one costs, however slow it is. What failed is not kept.
 *
 * Whoever opens a page gets one of this moment. A page that refreshes itself gets what is there
 * until its turn comes: the more pages are open and the dearer they are, the seldomer each is read,
 * so that who looks on never slows down what is looked at.
 */
export class SingleFlight<T> {
  readonly #options: Required<SingleFlightOptions>
  readonly #flights = new Map<string, Flight<T>>()

  constructor({ holdMs, refreshShare, now = () => performance.now() }: SingleFlightOptions) {
    this.#options = { holdMs, refreshShare, now }
  }

  /**
   * The value of `key`: the one under way, or of a moment ago, or else what `read` gives.
   * @param isRefresh true where it is asked for by itself, and nobody waits.
   */
  get(key: string, read: () => Promise<T>, isRefresh = false): Promise<T> {
    const now = this.#options.now()
    const refreshedAt = isRefresh ? now : Number.NEGATIVE_INFINITY
    const found = this.#flights.get(key)
    if (found !== undefined) {
      found.refreshedAt = Math.max(found.refreshedAt, refreshedAt)
      const { holdMs } = this.#options
      const servesFor = isRefresh ? Math.max(holdMs, this.#refreshPeriodMs(now)) : holdMs
      if (found.endedAt === undefined || now - found.endedAt < servesFor) return found.value
    }
    const flight: Flight<T> = { value: read(), beganAt: now, endedAt: undefined, refreshedAt }
    this.#flights.delete(key)
    this.#flights.set(key, flight)
    flight.value.then(
      () => {
        flight.endedAt = this.#options.now()
        this.#forgetOldest()
      },
      () => {
        this.#flights.delete(key)
      },
    )
    return flight.value
  }

  /** In this time each open page is read once, and all of them take no more than their share. */
  #refreshPeriodMs(now: number): number {
    let tookMs = 0
    for (const { beganAt, endedAt, refreshedAt } of this.#flights.values()) {
      if (now - refreshedAt < CLOSED_MS) tookMs += (endedAt ?? now) - beganAt
    }
    return tookMs / this.#options.refreshShare
  }

  /** Those under way stay, however many: each is waited for. */
  #forgetOldest(): void {
    const kept = [...this.#flights].filter(([, { endedAt }]) => endedAt !== undefined)
    for (const [key] of kept.slice(0, -MAX_KEPT)) this.#flights.delete(key)
  }
}
