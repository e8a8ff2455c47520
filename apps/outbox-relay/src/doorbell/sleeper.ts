import type pg from 'pg'
import {
  arm,
  DOORBELL_EXPIRY_MS,
  DOORBELL_RENEWAL_MS,
  disarm,
  look,
  openWriters,
} from './doorbell.ts'
import { noteLosses } from './note-losses.ts'
import type { NotifyListener } from './notify-listener.ts'

/*
 *     ┌───────┐ nothing  ┌───────┐ unrung, ┌─────────┐ nothing  ┌────────┐
 *     │ awake │ ───────> │ armed │ ──────> │ looking │ ───────> │ asleep │
 *     └───────┘ to push  └───────┘ writers └─────────┘ to push  └────────┘
 *         ^                                 │  ^   ^             │      │
 *         │        rings come too often     │  │   └─────────────┘      │
 *         │<────────────────────────────────┘  │   a ring, somebody did │
 *         │                                    │   not ring, a writer   │
 *         │                               pushed   has ended, or it is  │
 *         │                                        time                 │
 *         │        nobody rang for what was there when it was time      │
 *         └─────────────────────────────────────────────────────────────┘
 *
 * Awake, the flag is 0 and nobody rings: windows follow one another. In every other state it is
 * armed, also while what rang is pushed: whoever commits meanwhile is heard at once, and the next
 * sleep costs nothing. Only where so many ring that their commits would wait for one another, the
 * relay wakes up.
 *
 * A capture inserts, and so locks a table of the outbox until its transaction ends; then it
 * reads the flag, outside of all snapshots. Whichever of these it meets, its rows are found:
 *
 * - It read the flag before it was armed: it had its lock before that, so whoever lists the open
 *   writers after arming finds it, and waits for its end. If it has ended already, the look that
 *   follows pushes its rows.
 * - It read the flag afterwards, and rings: a ring since the last look began is kept, and read
 *   before each rest and after it.
 * - It read the flag afterwards, and may not ring: it counts `unrung` up before it commits. Counted
 *   before the count was read, it is among the writers, which are listed after that, or has ended.
 *   Counted later, a poll sees another count; it may still be open, so the writers are listed
 *   again.
 *
 * So: arm, read the count, list the writers, push, rest. Any other order has a gap. A flag that ran
 * out before it was renewed let captures pass as if it had never been armed: list the writers
 * again.
 */

/** How often a relay that sleeps does what nobody asks it to, in milliseconds. */
export interface SleepTiming {
  /** Poll where triggers cannot ring or LISTEN does not deliver. */
  readonly pollMs: number
  /** Look at the writers that may not have rung this often, while there are any. */
  readonly writerPollMs: number
  /**
   * A sleeping relay looks this often for captures that must not ring, where there were some
   * lately.
   */
  readonly sequencePollMs: number
  /** And this often where there were none. */
  readonly restingSequencePollMs: number
  /** Renewal of the doorbell, and with it the safety poll of a sleeping relay. */
  readonly renewalMs: number
  /** How long the doorbell stays armed without renewal. */
  readonly expiryMs: number
}

/** What a relay sleeps with; only tests have reasons for anything else. */
export const SLEEP_TIMING: SleepTiming = {
  pollMs: 50,
  writerPollMs: 10,
  sequencePollMs: 25,
  restingSequencePollMs: 100,
  renewalMs: DOORBELL_RENEWAL_MS,
  expiryMs: DOORBELL_EXPIRY_MS,
}

/** Whoever did not ring is likely to be back within this time. */
const UNRUNG_MEMORY_MS = 60_000

/**
 * Rings that are too many within this time: NOTIFY takes a lock of the server from before a commit
 * until after its flush, and they shall find it free.
 */
const MAX_RINGS = 12
const RINGS_PERIOD_MS = 40

/** What is pushed while the relay looks. */
export interface Pusher {
  /**
   * Pushes one window. `changes` of others should have rung; where some of it was `settled`, by
   * the relay itself, nobody need have.
   * @param isIdle looks at what the outbox lacks, too.
   */
  readonly push: (isIdle: boolean) => Promise<'nothing' | 'settled' | 'changes'>
  /** Resolves when something of what is on its way has arrived; undefined where nothing is. */
  readonly underWay: () => Promise<void> | undefined
  /** How long nothing needs to be done, unless the bell rings. */
  readonly waitMs: () => number
}

/** The sleep of a relay that has nothing to push: see above. */
export class Sleeper {
  readonly #client: pg.ClientBase
  readonly #listener: NotifyListener
  readonly #stopping: AbortSignal
  readonly #timing: SleepTiming
  #armedAt = 0
  /** The listener's rings at a moment. */
  #ringsBefore = 0
  #ringsSeen = 0
  #countedAt = 0
  /** Captures so far that found the flag armed and did not ring. */
  #unrung = ''
  #unrungSeenAt = Number.NEGATIVE_INFINITY
  /** Transactions that may not ring when they end. */
  #writers: ReadonlySet<string> = new Set()

  constructor(
    client: pg.ClientBase,
    listener: NotifyListener,
    stopping: AbortSignal,
    timing: SleepTiming,
  ) {
    this.#client = client
    this.#listener = listener
    this.#stopping = stopping
    this.#timing = timing
  }

  /** Sleeps, and pushes what is committed meanwhile, until so much is that it must be awake. */
  async sleep({ push, underWay, waitMs }: Pusher): Promise<void> {
    const listener = this.#listener
    await this.#arm()
    // The safety poll comes after a rest in which nobody was seen who need not have rung.
    let isSafetyPoll = false
    // Who rang has rows in the outbox, most likely: they go first.
    let isIdle = true
    try {
      this.#unrung = (await look(this.#client)).unrung
      this.#writers = await openWriters(this.#client)
      while (!this.#stopping.aborted && !this.#isRungTooOften()) {
        const pushed = await push(isIdle)
        if (pushed === 'nothing' && isIdle) {
          const restMs = listener.isListening ? this.#timing.renewalMs : this.#timing.pollMs
          const hasSeen = await this.#rest(Math.min(restMs, waitMs()))
          isIdle = !listener.hasRung
          isSafetyPoll = isIdle && !hasSeen && listener.isListening
        } else {
          // It found what should have rung: LISTEN may be dead without an error. Poll until it
          // proves itself.
          if (isSafetyPoll && pushed === 'changes') return listener.suspect()
          isSafetyPoll = false
          isIdle = await this.#hasArrived(underWay)
        }
        await this.#renew()
      }
    } finally {
      // A lost session cannot disarm; the flag then runs out by itself.
      if (!this.#stopping.aborted) await disarm(this.#client)
    }
  }

  /**
   * Waits until everything has arrived, somebody rings, or may have ended without.
   * @returns true if nothing is left to wait for.
   */
  async #hasArrived(underWay: Pusher['underWay']): Promise<boolean> {
    const listener = this.#listener
    const { writerPollMs, sequencePollMs } = this.#timing
    const endsAt = performance.now() + (this.#writers.size > 0 ? writerPollMs : sequencePollMs)
    for (let arriving = underWay(); arriving !== undefined; arriving = underWay()) {
      const leftMs = endsAt - performance.now()
      if (listener.hasRung || leftMs <= 0) return false
      await Promise.race([arriving, listener.wait(leftMs)])
    }
    return !listener.hasRung
  }

  #isRungTooOften(): boolean {
    const { rings } = this.#listener
    const now = performance.now()
    if (now - this.#countedAt > RINGS_PERIOD_MS) {
      this.#countedAt = now
      this.#ringsBefore = this.#ringsSeen
    }
    // What rang since the last look may have come all at once.
    this.#ringsSeen = rings
    return rings - this.#ringsBefore > MAX_RINGS
  }

  async #arm(): Promise<void> {
    await arm(this.#client, this.#timing.expiryMs)
    this.#armedAt = performance.now()
  }

  async #renew(): Promise<void> {
    const armedForMs = performance.now() - this.#armedAt
    if (armedForMs < this.#timing.renewalMs) return
    await this.#arm()
    // It ran out before it was renewed: the relay was stopped, or the server slow.
    if (armedForMs >= this.#timing.expiryMs) await this.#addWriters()
  }

  /**
   * Rests for `ms`, until a ring, or until somebody who did not ring was seen.
   * @returns true if such a one was seen, or is still open.
   */
  async #rest(ms: number): Promise<boolean> {
    const endsAt = performance.now() + ms
    const pollMs = this.#pollMs()
    for (let left = ms; left > 0 && !this.#stopping.aborted; left = endsAt - performance.now()) {
      await this.#listener.wait(
        Math.min(left, this.#writers.size > 0 ? this.#timing.writerPollMs : pollMs),
      )
      if (this.#listener.hasRung) return false
      if ((await this.#hasUnrung()) || (await this.#hasWriterEnded())) return true
    }
    return this.#writers.size > 0
  }

  #pollMs(): number {
    const isQuick = performance.now() - this.#unrungSeenAt < UNRUNG_MEMORY_MS
    return isQuick ? this.#timing.sequencePollMs : this.#timing.restingSequencePollMs
  }

  /** True if somebody counted instead of ringing since the last time. */
  async #hasUnrung(): Promise<boolean> {
    const { unrung, hasLosses } = await look(this.#client)
    if (hasLosses) await noteLosses(this.#client)
    if (unrung === this.#unrung) return false
    this.#unrung = unrung
    this.#unrungSeenAt = performance.now()
    await this.#addWriters()
    return true
  }

  /** True if one of the writers that may not ring has ended since the last time. */
  async #hasWriterEnded(): Promise<boolean> {
    if (this.#writers.size === 0) return false
    const open = this.#writers.intersection(await openWriters(this.#client))
    const hasEnded = open.size < this.#writers.size
    this.#writers = open
    return hasEnded
  }

  async #addWriters(): Promise<void> {
    this.#writers = this.#writers.union(await openWriters(this.#client))
  }
}
