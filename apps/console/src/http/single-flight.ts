interface Flight<T> {
  readonly value: Promise<T>
  /** undefined while it is under way. */
  endedAt: number | undefined
}

/** Values that are kept at a time: what nobody asks for again must not fill the memory. */
const MAX_KEPT = 64

/**
 * What is asked for while it is read, or within a moment after, is not read again: many tabs on one
 * page cost what one costs, however slow it is. What failed is not kept.
 */
export class SingleFlight<T> {
  readonly #holdMs: number
  readonly #now: () => number
  readonly #flights = new Map<string, Flight<T>>()

  /** @param now milliseconds of a monotonic clock. */
  constructor(holdMs: number, now: () => number = () => performance.now()) {
    this.#holdMs = holdMs
    this.#now = now
  }

  /** The value of `key`: the one under way, or of a moment ago, or else what `read` gives. */
  get(key: string, read: () => Promise<T>): Promise<T> {
    this.#forgetOld()
    const found = this.#flights.get(key)
    if (found !== undefined) return found.value
    const flight: Flight<T> = { value: read(), endedAt: undefined }
    this.#flights.set(key, flight)
    flight.value.then(
      () => {
        flight.endedAt = this.#now()
        this.#forgetOldest()
      },
      () => {
        this.#flights.delete(key)
      },
    )
    return flight.value
  }

  /** Those under way stay, however many: each is waited for. */
  #forgetOldest(): void {
    const kept = [...this.#flights].filter(([, { endedAt }]) => endedAt !== undefined)
    for (const [key] of kept.slice(0, -MAX_KEPT)) this.#flights.delete(key)
  }

  #forgetOld(): void {
    const oldest = this.#now() - this.#holdMs
    for (const [key, { endedAt }] of this.#flights) {
      if (endedAt !== undefined && endedAt <= oldest) this.#flights.delete(key)
    }
  }
}
