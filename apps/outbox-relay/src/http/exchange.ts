import type { Dispatcher, Pool } from 'undici'
import { errors } from './pool.ts'

/** Longest answer that is read, in bytes. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024

/** What is asked. */
export interface Asked {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: Uint8Array
  /** Cuts it off: rejects with its reason, and the connection ends. */
  readonly signal: AbortSignal
}

/** A whole answer. */
export interface Answer {
  readonly status: number
  readonly text: string
  /** `Retry-After`, the first one. */
  readonly retryAfter: string | undefined
}

/** Collects one answer. */
class Collector implements Dispatcher.DispatchHandler {
  readonly #signal: AbortSignal
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (reason: unknown) => void
  readonly #onStatus: (status: number) => void
  readonly #chunks: Buffer[] = []
  #controller: Dispatcher.DispatchController | undefined
  #bytes = 0
  #status = 0
  #retryAfter: string | undefined

  constructor(
    signal: AbortSignal,
    resolve: (answer: Answer) => void,
    reject: (reason: unknown) => void,
    onStatus: (status: number) => void,
  ) {
    this.#signal = signal
    this.#resolve = resolve
    this.#reject = reject
    this.#onStatus = onStatus
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  readonly #onAbort = () => {
    this.#reject(this.#signal.reason)
    // Without a controller it waits for a connection, and ends when it is its turn.
    this.#controller?.abort(this.#signal.reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#signal.aborted) controller.abort(this.#signal.reason)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status < 200) return
    this.#status = status
    const retryAfter = headers['retry-after']
    this.#retryAfter = Array.isArray(retryAfter) ? retryAfter[0] : retryAfter
    this.#onStatus(status)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > MAX_ANSWER_BYTES) controller.abort(new errors.ResponseExceededMaxSizeError())
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    const [first] = this.#chunks
    const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)
    const text = bytes?.toString('utf8') ?? ''
    this.#resolve({ status: this.#status, text, retryAfter: this.#retryAfter })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#reject(error)
  }
}

/**
 * Asks, and reads the whole answer. By undici's own handler: its `request` makes a stream of every
 * answer, and those of batches are a few hundred bytes.
 * @param onStatus told as soon as it is known, so also where the answer then breaks off.
 * @throws what ended the connection; `ResponseExceededMaxSizeError` where the answer is longer than
 * any of HQ's; the reason of the signal.
 */
export async function exchange(
  pool: Pool,
  { method, path, headers, body, signal }: Asked,
  onStatus: (status: number) => void = () => {},
): Promise<Answer> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const collector = new Collector(signal, resolve, reject, onStatus)
    pool.dispatch({ method, path, headers: headers ?? null, body: body ?? null }, collector)
  })
}
