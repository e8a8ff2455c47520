import { atCapacity } from '../refusal/at-capacity.ts'
import { Refusal } from '../refusal/refusal.ts'

export interface StrangerLimits {
  /** Requests at once. */
  readonly maxStrangers: number
  /** Bytes of their bodies that have arrived. */
  readonly maxStrangerBytes: number
}

/** A request of which nobody knows yet who sent it. */
export interface Stranger extends Disposable {
  /**
   * Charges bytes that have arrived.
   * @throws {Refusal} `at_capacity` where that makes this request the one that has to go.
   */
  arrived(bytes: number): void
}

interface Entry {
  readonly address: string
  /** Told when it has to go. */
  readonly onEvicted: (reason: Refusal) => void
  bytes: number
  /** The moment from which on it is slow; each piece of the body moves it. */
  dueAtMs: number
}

/** A request is slow a second after it came, if nothing of its body has. */
const GRACE_MS = 1_000
/**
 * Bytes per second of a body that is never slow: a tenth of what the slowest line between two data
 * centres carries.
 */
const MIN_BYTES_PER_SECOND = 64 * 1024
/**
 * What has arrived early is no credit for long: who stops after the first megabytes is slow soon,
 * too.
 */
const MAX_CREDIT_MS = 2_000
const MS_PER_SECOND = 1_000

function evicted(): Refusal {
  const { detail, headers } = atCapacity('too many requests wait for their bodies')
  return new Refusal('at_capacity', detail, { headers: { ...headers, connection: 'close' } })
}

/**
 * The requests whose signature is not known to be good, in a room of their own: whatever they do,
 * those with a key keep theirs. Nobody is turned away for those who are there. Where the room is
 * full, the one that has been slow for longest goes; where none is slow, one of the address that
 * takes the most. So many slow callers cost the others nothing, and a fast caller comes through
 * behind the same proxy, too.
 */
export class Strangers {
  readonly #limits: StrangerLimits
  readonly #now: () => number
  readonly #entries = new Set<Entry>()
  #bytes = 0

  /** @param now monotonic clock, in milliseconds. */
  constructor(limits: StrangerLimits, now: () => number = () => performance.now()) {
    this.#limits = limits
    this.#now = now
  }

  get requests(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Takes a request in; another may have to go for it.
   * @param onEvicted is called at most once, with the refusal, when this one has to.
   */
  enter(address: string, onEvicted: (reason: Refusal) => void): Stranger {
    if (this.#entries.size >= this.#limits.maxStrangers) this.#evict('requests')
    const entry = { address, onEvicted, bytes: 0, dueAtMs: this.#now() + GRACE_MS }
    this.#entries.add(entry)
    return {
      arrived: (bytes) => this.#arrived(entry, bytes),
      [Symbol.dispose]: () => this.#leave(entry),
    }
  }

  #arrived(entry: Entry, bytes: number): void {
    // Evicted in this very turn.
    if (!this.#entries.has(entry)) return
    const earnedMs = (bytes / MIN_BYTES_PER_SECOND) * MS_PER_SECOND
    entry.dueAtMs = Math.min(this.#now() + MAX_CREDIT_MS, entry.dueAtMs + earnedMs)
    entry.bytes += bytes
    this.#bytes += bytes
    while (this.#bytes > this.#limits.maxStrangerBytes) this.#evict('bytes')
  }

  #leave(entry: Entry): void {
    if (this.#entries.delete(entry)) this.#bytes -= entry.bytes
  }

  #evict(kind: 'requests' | 'bytes'): void {
    const entry = this.#slowest() ?? this.#ofGreediest(kind)
    if (entry === undefined) return
    this.#leave(entry)
    entry.onEvicted(evicted())
  }

  /** The one that has been slow for longest. */
  #slowest(): Entry | undefined {
    const slowest = earliest(this.#entries)
    return slowest !== undefined && slowest.dueAtMs < this.#now() ? slowest : undefined
  }

  /** Of the address that takes the most, the one that is slow next. */
  #ofGreediest(kind: 'requests' | 'bytes'): Entry | undefined {
    const taken = new Map<string, number>()
    let greediest: string | undefined
    for (const { address, bytes } of this.#entries) {
      const total = (taken.get(address) ?? 0) + (kind === 'bytes' ? bytes : 1)
      taken.set(address, total)
      if (greediest === undefined || total > (taken.get(greediest) ?? 0)) greediest = address
    }
    return earliest([...this.#entries].filter(({ address }) => address === greediest))
  }
}

function earliest(entries: Iterable<Entry>): Entry | undefined {
  let first: Entry | undefined
  for (const entry of entries) {
    if (first === undefined || entry.dueAtMs < first.dueAtMs) first = entry
  }
  return first
}
