import { loadConfig as loadIngestConfig } from '@hq-export/hq-ingest/process/config.ts'
import { serve } from '@hq-export/hq-ingest/serve.ts'
import { createLogger } from '@hq-export/observability/logger.ts'
import { loadConfig as loadRelayConfig } from '@hq-export/outbox-relay/process/config.ts'
import { runRelay } from '@hq-export/outbox-relay/run-relay.ts'
import { waitFor } from '../wait-for.ts'

type Env = Record<string, string>

/**
 * All that `relay run` or `ingest serve` does, in this process: for tests that ask nothing of a
 * process, whose start costs more than most of what they ask. Ends as at SIGTERM.
 */
export class RunningApp implements AsyncDisposable {
  /** What it has logged. */
  readonly lines: string[] = []
  readonly #name: string
  readonly #stopping = new AbortController()
  readonly #ended: Promise<void>
  /** Why it ended by itself. */
  #failure: { readonly cause: unknown } | undefined

  private constructor(
    name: string,
    run: (app: RunningApp, stopping: AbortSignal) => Promise<void>,
  ) {
    this.#name = name
    this.#ended = run(this, this.#stopping.signal).catch((cause: unknown) => {
      this.#failure = { cause }
    })
  }

  /** @param env all of its settings. */
  static relay(env: Env): RunningApp {
    return new RunningApp('outbox-relay', async (app, stopping) => {
      const config = loadRelayConfig(env)
      await runRelay(config, app.#logger(config.logLevel), stopping)
    })
  }

  /** @param env all of its settings. */
  static gateway(env: Env): RunningApp {
    return new RunningApp('hq-ingest', async (app, stopping) => {
      const config = loadIngestConfig(env)
      await serve(config, app.#logger(config.logLevel), stopping)
    })
  }

  #logger(level: Parameters<typeof createLogger>[1]): ReturnType<typeof createLogger> {
    return createLogger(this.#name, level, { write: (line) => void this.lines.push(line) })
  }

  /** Fails where it has ended although it should run. */
  assertRunning(): void {
    if (this.#failure === undefined) return
    throw new Error(`${this.#name} has ended:\n${this.lines.join('')}`, this.#failure)
  }

  /** Waits until it says this, while it runs. @returns the line. */
  says(text: string): Promise<string> {
    return waitFor(`${this.#name} to say "${text}"`, () => {
      this.assertRunning()
      return this.lines.find((line) => line.includes(text))
    })
  }

  /** Ends it as SIGTERM does. */
  async terminate(): Promise<void> {
    this.#stopping.abort()
    await this.#ended
    this.assertRunning()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#ended
  }
}
