import pgListen from 'pg-listen'
import { sessionConfig } from './connect.ts'
import type { Logger } from './log.ts'
import { DOORBELL_CHANNEL } from './outbox/doorbell.ts'

const RETRY_BASE_MS = 100
const RETRY_CAP_MS = 5_000
/** How long a notification to ourselves may take before we call LISTEN broken. */
const SELF_TEST_TIMEOUT_MS = 5_000

/**
 * Turns notifications into wake-ups. A notification is only ever a hint: whoever waits looks into the outbox after a
 * time-out all the same, so losing this component costs time and never a row.
 */
export class Waker {
  readonly #subscriber
  readonly #log: Logger
  #rung = false
  #wake: (() => void) | undefined
  #isListening = false
  #started: Promise<void> | undefined

  constructor(databaseUrl: string, log: Logger) {
    this.#log = log
    this.#subscriber = pgListen.default(sessionConfig(databaseUrl, 'listen'), {
      // 0 disables the default of giving up for good after 3 s.
      retryTimeout: 0,
      retryInterval: (attempt) =>
        Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** Math.min(attempt, 10)) *
        (0.5 + Math.random() / 2),
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
      this.#log.warn({ code: (error as { code?: string }).code }, 'the listening session failed')
    })
    events.on('reconnect', () => {
      this.#isListening = false
    })
    events.on('connected', () => {
      // What was notified while we were away is lost, so every connection is a reason to look. The first one comes
      // before LISTEN; #start proves that one.
      if (this.#subscriber.getSubscribedChannels().length > 0) this.#isListening = true
      this.ring()
    })
    notifications.on(DOORBELL_CHANNEL, () => this.ring())
    await this.#subscriber.connect()
    await this.#subscriber.listenTo(DOORBELL_CHANNEL)
    await this.#proveDelivery()
  }

  async #proveDelivery(): Promise<void> {
    this.#rung = false
    await this.#subscriber.notify(DOORBELL_CHANNEL, '')
    await this.wait(SELF_TEST_TIMEOUT_MS)
    this.#isListening = this.#rung
    if (!this.#isListening) {
      this.#log.warn(
        'LISTEN delivers nothing; polling instead. Is DX_DATABASE_URL a transaction pooler? It must be a direct connection.',
      )
    }
  }

  /** Wakes whoever waits now, or the next one to wait. */
  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Forgets rings so far; call before looking, so that a ring during the look is kept. */
  reset(): void {
    this.#rung = false
  }

  /** Resolves at the next ring, or after `timeoutMs`. Does not forget the ring. */
  wait(timeoutMs: number): Promise<void> {
    if (this.#rung) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), timeoutMs)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }

  /** True if it rang since the last {@link reset}. */
  get hasRung(): boolean {
    return this.#rung
  }

  async stop(): Promise<void> {
    this.#isListening = false
    this.#wake?.()
    if (this.#started === undefined) return
    await this.#started.catch(() => {})
    await this.#subscriber.close()
  }
}
