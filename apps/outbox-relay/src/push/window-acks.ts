import { pause } from '@hq-export/runtime/pause.ts'
import type pg from 'pg'
import { WindowOutcomes } from '../balance/window-outcomes.ts'
import { type Ack, readAck, writeAck } from '../outbox/ack.ts'
import type { Snapshot } from '../outbox/tick.ts'
import type { WindowTracing } from '../tracing/window-trace.ts'

/**
 * Between two acks, unless one is asked for: small windows end every few milliseconds, and what an
 * ack costs is its statement, in both programs. A relay that is killed sends so much more again.
 */
const PERIOD_MS = 20

/** A window of which every row is settled, as those of all before it. */
export interface SettledWindow {
  readonly to: Snapshot
  readonly outcomes: WindowOutcomes
  readonly trace: WindowTracing
}

/**
 * Acks windows in the order in which they were cut, several by one statement: an ack says of all
 * that is visible in it that it is settled.
 */
export class WindowAcks {
  readonly #client: pg.ClientBase
  readonly #epoch: string
  readonly #onFailure: (error: unknown) => void
  #last: Ack
  #settled: SettledWindow[] = []
  #writing: Promise<void> | undefined
  /** Aborted when it is not to wait for more. */
  #waiting = new AbortController()
  #writtenAt = Number.NEGATIVE_INFINITY
  #isOvertaken = false

  /**
   * @param client runs nothing but single statements.
   * @param last the newest ack of the epoch.
   * @param onFailure called where an ack fails: what was to be acked is not.
   */
  constructor(
    client: pg.ClientBase,
    epoch: string,
    last: Ack,
    onFailure: (error: unknown) => void,
  ) {
    this.#client = client
    this.#epoch = epoch
    this.#last = last
    this.#onFailure = onFailure
  }

  /** The newest one that is written. */
  get last(): Ack {
    return this.#last
  }

  /** Another relay has acked: nothing that was cut before is acked any more, until {@link read}. */
  get isOvertaken(): boolean {
    return this.#isOvertaken
  }

  /** Resolves when all that was added is acked; undefined where nothing waits for that. */
  get pending(): Promise<void> | undefined {
    return this.#writing
  }

  /** Acks a window, soon. */
  add(window: SettledWindow): void {
    if (this.#isOvertaken) {
      window.trace.end()
      return
    }
    this.#settled.push(window)
    this.#writing ??= this.#write()
  }

  /** Resolves when all that was added is acked, without waiting for more. */
  async flush(): Promise<void> {
    this.#waiting.abort()
    await this.#writing
  }

  /** Goes on from the newest ack, whoever wrote it. */
  async read(client: pg.ClientBase): Promise<Ack> {
    this.#last = await readAck(client, this.#epoch)
    this.#isOvertaken = false
    return this.#last
  }

  /** Never rejects. Ends in the same turn in which it finds nothing more, so none is left behind. */
  async #write(): Promise<void> {
    try {
      while (this.#settled.length > 0 && !this.#isOvertaken) {
        const pauseMs = this.#writtenAt + PERIOD_MS - performance.now()
        // An abort only says that it is time.
        if (pauseMs > 0) await pause(pauseMs, this.#waiting.signal)
        await this.#writeSettled(this.#settled.splice(0))
        this.#writtenAt = performance.now()
      }
    } catch (error) {
      this.#onFailure(error)
    } finally {
      this.#writing = undefined
      this.#waiting = new AbortController()
      for (const { trace } of this.#settled.splice(0)) trace.end()
    }
  }

  async #writeSettled(settled: readonly SettledWindow[]): Promise<void> {
    const to = settled.at(-1)?.to
    if (to === undefined) return
    const outcomes = new WindowOutcomes()
    for (const window of settled) outcomes.addAll(window.outcomes)
    const writing = writeAck(this.#client, this.#epoch, this.#last, to, outcomes.toText())
    await Promise.all(settled.map(({ trace }) => trace.step('ack', () => writing)))
    for (const { trace } of settled) trace.end()
    const written = await writing
    // Overtaken: another relay has acked. Go on from where it is; what both delivered, HQ
    // deduplicates.
    if (written === undefined) this.#isOvertaken = true
    else this.#last = written
  }
}
