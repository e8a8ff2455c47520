/** How often a key is compared that changes all the while, or is on its way. */
const MAX_TRIES = 3

interface PendingKey {
  /** When it was seen first since it was compared last, in ms of a clock that only goes forward. */
  readonly seenAt: number
  tries: number
}

/** Keys that changed and that are to be compared, by the number of their dataset. */
export class PendingKeys {
  readonly #keys = new Map<number, Map<string, PendingKey>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** When the oldest of them was seen; undefined where there are none. */
  get oldestAt(): number | undefined {
    let oldest: number | undefined
    for (const keys of this.#keys.values()) {
      for (const { seenAt } of keys.values()) {
        oldest = Math.min(oldest ?? seenAt, seenAt)
        // In the order of their arrival.
        break
      }
    }
    return oldest
  }

  /** A key that waits already keeps its place: one that changes for ever is compared all the same. */
  add(dataset: number, key: string, seenAt: number): void {
    let keys = this.#keys.get(dataset)
    if (keys === undefined) {
      keys = new Map()
      this.#keys.set(dataset, keys)
    }
    if (keys.has(key)) return
    keys.set(key, { seenAt, tries: 0 })
    this.#size++
  }

  /** Up to `limit` keys of each dataset that were seen before `cutoffMs`, the oldest first. */
  due(cutoffMs: number, limit: number): [dataset: number, keys: string[]][] {
    return [...this.#keys].flatMap(([dataset, keys]): [number, string[]][] => {
      const due: string[] = []
      for (const [key, { seenAt }] of keys) {
        if (seenAt > cutoffMs || due.length === limit) break
        due.push(key)
      }
      return due.length === 0 ? [] : [[dataset, due]]
    })
  }

  /** It was compared. */
  settle(dataset: number, key: string): void {
    if (this.#keys.get(dataset)?.delete(key)) this.#size--
  }

  /**
   * It could not be told yet. @returns false where it is given up: it has been tried often enough.
   */
  postpone(dataset: number, key: string, now: number): boolean {
    const pending = this.#keys.get(dataset)?.get(key)
    if (pending === undefined) return true
    this.settle(dataset, key)
    if (pending.tries + 1 >= MAX_TRIES) return false
    this.#keys.get(dataset)?.set(key, { seenAt: now, tries: pending.tries + 1 })
    this.#size++
    return true
  }
}
