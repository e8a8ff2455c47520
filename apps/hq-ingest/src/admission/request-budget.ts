import { atCapacity } from '../refusal/at-capacity.ts'

/** A request's share of the budget; given back when disposed of. */
export interface RequestShare extends Disposable {
  /**
   * Sets the bytes that the request holds.
   * @throws {Refusal} `at_capacity` where the process has not that many left; the share stays as it
   * was.
   */
  resize(bytes: number): void
}

/**
 * Verified requests and bytes of their bodies that the process holds at once. Never waits: what
 * does not fit is refused.
 */
export class RequestBudget {
  readonly #maxRequests: number
  readonly #maxBytes: number
  #requests = 0
  #bytes = 0

  constructor(maxRequests: number, maxBytes: number) {
    this.#maxRequests = maxRequests
    this.#maxBytes = maxBytes
  }

  get requests(): number {
    return this.#requests
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Looks whether one more could enter now, so that nobody reads a body in vain.
   * @throws {Refusal} `at_capacity`.
   */
  assertRoom(): void {
    if (this.#requests >= this.#maxRequests) throw atCapacity('too many requests are under way')
  }

  /** @throws {Refusal} `at_capacity`. */
  enter(bytes: number): RequestShare {
    this.assertRoom()
    this.#hold(bytes)
    this.#requests++
    let held = bytes
    let isOpen = true
    return {
      resize: (wanted) => {
        this.#hold(wanted - held)
        held = wanted
      },
      [Symbol.dispose]: () => {
        if (!isOpen) return
        isOpen = false
        this.#requests--
        this.#bytes -= held
      },
    }
  }

  #hold(bytes: number): void {
    if (this.#bytes + bytes > this.#maxBytes) throw atCapacity('too many bytes are under way')
    this.#bytes += bytes
  }
}
