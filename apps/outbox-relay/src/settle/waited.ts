/**
 * Looks that are kept per delay: a key waits at most this part of the delay longer than it has to.
 */
const LOOKS_PER_DELAY = 100

/** A number that was the highest at a moment. */
interface Look {
  readonly number: bigint
  /** By `performance.now()`, after the number was read. */
  readonly at: number
}

/**
 * How long the keys of the settle list have waited, by a clock that does not step: a key whose
 * number was there when this relay looked has waited since then at least. It remembers nothing from
 * before its start, so keys wait anew after a restart.
 */
export class Waited {
  readonly #looks: Look[] = []
  #dueNumber = 0n

  /**
   * Notes a look at the list.
   * @param highest number that was drawn last.
   * @param now as `performance.now()`.
   */
  look(highest: bigint, delayMs: number, now: number): void {
    while (this.#looks[0] !== undefined && this.#looks[0].at + delayMs <= now)
      this.#dueNumber = this.#looks.shift()?.number ?? this.#dueNumber
    const last = this.#looks.at(-1)
    if (highest <= (last?.number ?? this.#dueNumber)) return
    if (delayMs === 0) this.#dueNumber = highest
    else if (last === undefined || last.at + delayMs / LOOKS_PER_DELAY <= now)
      this.#looks.push({ number: highest, at: now })
  }

  /** Keys up to this number have waited for the delay. */
  get dueNumber(): bigint {
    return this.#dueNumber
  }

  /** Until another look changes something, where keys wait. @param now as `performance.now()`. */
  waitMs(highest: bigint, delayMs: number, now: number): number {
    const [first] = this.#looks
    const last = this.#looks.at(-1)
    const untilDue = first === undefined ? Infinity : first.at + delayMs - now
    const isNoted = highest <= (last?.number ?? this.#dueNumber)
    const untilLook = isNoted ? Infinity : (last?.at ?? now) + delayMs / LOOKS_PER_DELAY - now
    return Math.max(0, Math.min(untilDue, untilLook))
  }
}
