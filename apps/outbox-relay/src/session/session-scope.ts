import { describeError } from '@hq-export/runtime/describe-error.ts'
import type { SessionSettings } from '@hq-export/runtime/postgres/session.ts'
import type pg from 'pg'
import type { Logger } from '../process/log.ts'
import { connect } from './connect.ts'

/**
 * One life of a relay's connections, and all that ends with them. At its end `stopping` is aborted,
 * and what is held is released, the last first and each whatever becomes of the others: what cannot
 * be closed is gone already.
 */
export class SessionScope implements AsyncDisposable {
  readonly #databaseUrl: string
  readonly #log: Logger
  readonly #lost = new AbortController()
  readonly #ended = new AbortController()
  readonly #held = new AsyncDisposableStack()
  /** Aborted when the relay stops, when a session is lost, and when this scope ends. */
  readonly stopping: AbortSignal

  /** @param stopped aborted when the relay stops. */
  constructor(databaseUrl: string, log: Logger, stopped: AbortSignal) {
    this.#databaseUrl = databaseUrl
    this.#log = log
    this.stopping = AbortSignal.any([stopped, this.#lost.signal, this.#ended.signal])
  }

  /** Ends the work of the scope, which the first such error is then the reason of. */
  readonly onLost = (error: Error): void => this.#lost.abort(error)

  /** @throws the loss of a session, if one was lost. */
  throwIfLost(): void {
    this.#lost.signal.throwIfAborted()
  }

  /** Opens a session as {@link connect} does; losing it ends the scope's work. */
  async connect(purpose: string, settings: SessionSettings): Promise<pg.Client> {
    const client = await connect(this.#databaseUrl, purpose, this.onLost, settings)
    this.hold(() => client.end())
    return client
  }

  /** Releases something when the scope ends. */
  hold(release: () => Promise<void> | void): void {
    this.#held.defer(async () => {
      try {
        await release()
      } catch (error) {
        this.#log.debug({ reason: describeError(error) }, 'closing what was lost')
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new Error('session ended'))
    await this.#held.disposeAsync()
  }
}
