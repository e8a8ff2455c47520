import type { Service } from './service.ts'

/**
 * Work that goes on from its start until it is stopped, or until the signal of whoever it is part
 * of is aborted.
 */
export abstract class OngoingWork implements Service {
  readonly #stopping = new AbortController()
  /** Aborted by {@link stop}, and with the signal that it was made with. */
  protected readonly stopping: AbortSignal
  #running: Promise<void> | undefined

  constructor(stopping: AbortSignal) {
    this.stopping = AbortSignal.any([stopping, this.#stopping.signal])
  }

  /** Begins; a second call changes nothing. */
  start(): void {
    this.#running ??= this.run()
  }

  /** Resolves when what was under way has ended. Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** Works until {@link stopping}. Never rejects: what it is part of goes on without it. */
  protected abstract run(): Promise<void>
}
