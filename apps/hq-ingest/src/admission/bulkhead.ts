import { atCapacity } from '../refusal/at-capacity.ts'

export interface BulkheadLimits {
  /** Of one key at once. */
  readonly maxActive: number
  /** Of one key, waiting ones included. */
  readonly maxRequests: number
  readonly maxWaitMs: number
}

interface Compartment {
  active: number
  /** In order of arrival; each is called when its turn has come. */
  readonly waiting: Set<() => void>
}

/**
 * Keeps the batches of one key from taking everything: a few are worked on, some wait, more are
 * refused (rudder-server #4953: one dead destination slowed all). Every compartment is as large as
 * the next, and holds nothing while its key is quiet.
 */
export class Bulkhead {
  readonly #limits: BulkheadLimits
  readonly #compartments = new Map<string, Compartment>()

  constructor(limits: BulkheadLimits) {
    this.#limits = limits
  }

  /**
   * Runs `work` when a place of the key is free.
   * @throws {Refusal} `at_capacity`, without having begun.
   */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const compartment = this.#compartmentOf(key)
    await this.#enter(compartment)
    try {
      return await work()
    } finally {
      this.#leave(key, compartment)
    }
  }

  #compartmentOf(key: string): Compartment {
    const known = this.#compartments.get(key)
    if (known !== undefined) return known
    const compartment = { active: 0, waiting: new Set<() => void>() }
    this.#compartments.set(key, compartment)
    return compartment
  }

  #enter(compartment: Compartment): Promise<void> | void {
    const { maxActive, maxRequests, maxWaitMs } = this.#limits
    if (compartment.active < maxActive) {
      compartment.active++
      return
    }
    if (compartment.active + compartment.waiting.size >= maxRequests) {
      throw atCapacity('too many requests of this key are under way')
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        compartment.waiting.delete(proceed)
        reject(atCapacity('the requests of this key take too long'))
      }, maxWaitMs)
      function proceed(): void {
        clearTimeout(timer)
        resolve()
      }
      compartment.waiting.add(proceed)
    })
  }

  #leave(key: string, compartment: Compartment): void {
    const [next] = compartment.waiting
    if (next !== undefined) {
      // The place passes on without being free in between.
      compartment.waiting.delete(next)
      next()
      return
    }
    compartment.active--
    if (compartment.active === 0) this.#compartments.delete(key)
  }
}
