import type { Service } from '@hq-export/runtime/service.ts'
import pgListen from 'pg-listen'
import type { Logger } from '../process/log.ts'
import { sessionConfig } from '../session/connect.ts'
import { DOORBELL_CHANNEL } from './doorbell.ts'

const RETRY_BASE_MS = 100
const RETRY_CAP_MS = 5_000
/** How long a notification to ourselves may take before we call LISTEN broken. */
const SELF_TEST_TIMEOUT_MS = 5_000

/**
 * Turns notifications into wake-ups. A notification is only ever a hint: whoever waits looks into
 * the outbox after a time-out all the same, so losing this component costs time and never a row.
 */
export class NotifyListener implements Service {
  readonly #subscriber
  readonly #log: Logger
  readonly #onLost: (error: Error) => void
  #rung = false
  #rings = 0
  readonly #waiting = new Set<() => void>()
  #isListening = false
  #isStopped = false
  #started: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  /** @param onLost called if the listening session is gone and nothing brings it back. */
  constructor(databaseUrl: string, log: Logger, onLost: (error: Error) => void = () => {}) {
    this.#log = log
    this.#onLost = onLost
    this.#subscriber = pgListen.default(sessionConfig(databaseUrl, 'listen'), {
      // 0 disables the default of giving up for good after 3 s.
      retryTimeout: 0,
      retryInterval: (attempt) => {
        // The only way out of pg-listen's loop, which knows nothing of close(): without it every
        // loss of the server leaves a session behind that nobody uses, and a relay that cannot end.
        if (this.#isStopped) throw new Error('stopped while reconnecting')
        const ceiling = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** Math.min(attempt, 10))
        return ceiling * (0.5 + Math.random() / 2)
      },
      // Payloads are empty; the default would parse them as JSON.
      parse: (text) => text,
      serialize: (text) => String(text),
    })
  }

  /** True once LISTEN is known to deliver; false before, and while the session reconnects. */
  get isListening(): boolean {
    return this.#isListening
  }

  /** Connects, listens, and proves it by a notification to ourselves. */
  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  async #start(): Promise<void> {
    const { events, notifications } = this.#subscriber
    events.on('error', (error) => {
      this.#isListening = false
      if (this.#isStopped) return
      this.#log.warn({ code: (error as { code?: string }).code }, 'the listening session failed')
      // pg-listen has given up: it makes no further attempt.
      this.#onLost(error)
    })
    events.on('reconnect', () => {
      this.#isListening = false
    })
    events.on('connected', () => {
      if (this.#isStopped) {
        // Stopped while it was reconnecting: close() closed the session before this one.
        void this.#subscriber.close()
        return
      }
      // What was notified while we were away is lost, so every connection is a reason to look. The
      // first one comes before LISTEN; #start proves that one.
      if (this.#subscriber.getSubscribedChannels().length > 0) this.#isListening = true
      this.ring()
    })
    notifications.on(DOORBELL_CHANNEL, () => {
      // Whatever arrives proves that LISTEN delivers.
      this.#isListening = !this.#isStopped
      this.ring()
    })
    await this.#subscriber.connect()
    if (this.#isStopped) return
    await this.#subscriber.listenTo(DOORBELL_CHANNEL)
    await this.#proveDelivery()
  }

  async #proveDelivery(): Promise<void> {
    this.#isListening = false
    this.#rung = false
    if (await this.#notifyOurselves()) await this.wait(SELF_TEST_TIMEOUT_MS)
    if (!this.#isListening && !this.#isStopped) {
      this.#log.warn(
        'LISTEN delivers nothing; polling instead. Is DX_DATABASE_URL a transaction pooler? It ' +
          'must be a direct connection.',
      )
    }
  }

  /**
   * False where nothing can be notified, for instance because the queue of the server is full: then
   * we poll.
   */
  async #notifyOurselves(): Promise<boolean> {
    try {
      await this.#subscriber.notify(DOORBELL_CHANNEL, '')
      return true
    } catch (error) {
      this.#log.warn({ code: (error as { code?: string }).code }, 'NOTIFY failed; polling')
      return false
    }
  }

  /** Takes LISTEN for broken until a notification to ourselves, or any other, arrives. */
  suspect(): void {
    this.#isListening = false
    if (!this.#isStopped) void this.#notifyOurselves()
  }

  /** Wakes whoever waits now, or the next one to wait. */
  ring(): void {
    this.#rung = true
    this.#rings++
    this.#wakeAll()
  }

  /** How often it has rung so far. */
  get rings(): number {
    return this.#rings
  }

  #wakeAll(): void {
    for (const wake of this.#waiting) wake()
  }

  /** Forgets rings so far; call before looking, so that a ring during the look is kept. */
  reset(): void {
    this.#rung = false
  }

  /** Resolves at the next ring, or after `timeoutMs`. Does not forget the ring. */
  wait(timeoutMs: number): Promise<void> {
    if (this.#rung) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, timeoutMs)
      this.#waiting.add(wake)
    })
  }

  /** True if it rang since the last {@link reset}. */
  get hasRung(): boolean {
    return this.#rung
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#isStopped = true
    this.#isListening = false
    this.#wakeAll()
    if (this.#started === undefined) return
    await this.#started.catch(() => {})
    await this.#subscriber.close()
  }
}
