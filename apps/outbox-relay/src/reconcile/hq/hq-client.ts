import { randomUUID } from 'node:crypto'
import {
  DIGEST_ROWS_PATH,
  DIGESTS_PATH,
  type DigestAnswer,
  type DigestRequest,
  type DigestRowsAnswer,
  type DigestRowsRequest,
  digestAnswerSchema,
  digestRowsAnswerSchema,
  FRESHNESS_PATH,
  type FreshnessAnswer,
  type FreshnessReport,
  freshnessAnswerSchema,
  PROBLEMS,
  RECONCILIATIONS_PATH,
  type Reconciliation,
  type ReconciliationAnswer,
  reconciliationAnswerSchema,
  type SigningKey,
} from '@hq-export/contract'
import { errorType } from '@hq-export/observability/error-type.ts'
import { pause } from '@hq-export/runtime/pause.ts'
import { propagation, context as traceContext } from '@opentelemetry/api'
import type { Pool } from 'undici'
import type { z } from 'zod'
import { backoffMs, parseRetryAfter } from '../../flow-control/backoff.ts'
import { parseJson, problemCode } from '../../http/classify.ts'
import { type Answer, exchange } from '../../http/exchange.ts'
import { signedHeaders } from '../../http/signed-request.ts'
import { STOPPED, TooLongError, UndecidedError } from '../compare/undecided-error.ts'

/** HQ, and the relay, are waited for this long, unless somebody says otherwise. */
export const PATIENCE_MS = 30_000
/** Longer, and a smaller range is asked for. */
const REQUEST_TIMEOUT_MS = 60_000

/** Whom a {@link HqClient} asks. */
export interface HqAccess {
  readonly pool: Pool
  readonly keys: readonly SigningKey[]
  readonly source: string
  readonly stopping: AbortSignal
  /** For how long it is asked again where it has no answer; {@link PATIENCE_MS} by default. */
  readonly patienceMs?: number
}

type Reply = { readonly text: string } | { readonly again: string; readonly afterMs?: number }

/** What HQ is asked and told beside the push. Whatever it is asked may be asked again. */
export class HqClient {
  readonly #access: HqAccess
  #seconds = 0
  /** It did not answer in all the time that it had: the next question does not wait as long again. */
  #isAway = false

  constructor(access: HqAccess) {
    this.#access = access
  }

  get source(): string {
    return this.#access.source
  }

  /** Spent waiting for HQ so far. */
  get seconds(): number {
    return this.#seconds
  }

  /** @throws {UndecidedError} where HQ does not answer, or not as the protocol says. */
  digest(request: DigestRequest): Promise<DigestAnswer> {
    return this.#ask(DIGESTS_PATH, request, digestAnswerSchema)
  }

  /** @throws {UndecidedError} as {@link digest}. */
  rows(request: DigestRowsRequest): Promise<DigestRowsAnswer> {
    return this.#ask(DIGEST_ROWS_PATH, request, digestRowsAnswerSchema)
  }

  /**
   * Tells HQ of a reconciliation that has ended; told twice, it is recorded once.
   * @throws {UndecidedError} as {@link digest}.
   */
  record(reconciliation: Reconciliation): Promise<ReconciliationAnswer> {
    return this.#ask(RECONCILIATIONS_PATH, reconciliation, reconciliationAnswerSchema)
  }

  /**
   * Tells HQ how far it is complete.
   * @throws {UndecidedError} as {@link digest}.
   */
  tellFreshness(report: FreshnessReport): Promise<FreshnessAnswer> {
    return this.#ask(FRESHNESS_PATH, report, freshnessAnswerSchema)
  }

  async #ask<T>(path: string, request: unknown, schema: z.ZodType<T>): Promise<T> {
    const body = Buffer.from(JSON.stringify(request))
    const id = randomUUID()
    const began = performance.now()
    const patienceMs = this.#isAway ? 0 : (this.#access.patienceMs ?? PATIENCE_MS)
    try {
      for (let failures = 1; ; failures++) {
        const reply = await this.#post(path, id, body)
        if ('text' in reply) {
          this.#isAway = false
          const parsed = schema.safeParse(parseJson(reply.text))
          if (parsed.success) return parsed.data
          throw new UndecidedError('HQ answers what the protocol does not know')
        }
        const pauseMs = backoffMs(failures, reply.afterMs)
        if (performance.now() + pauseMs > began + patienceMs) {
          this.#isAway = true
          throw new UndecidedError(`HQ does not answer: ${reply.again}`)
        }
        await pause(pauseMs, this.#access.stopping)
        if (this.#access.stopping.aborted) throw new UndecidedError(STOPPED)
      }
    } finally {
      this.#seconds += (performance.now() - began) / 1000
    }
  }

  async #post(path: string, id: string, body: Buffer): Promise<Reply> {
    const { pool, keys, stopping } = this.#access
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    const headers = signedHeaders(keys, id, body, Date.now())
    // Nothing while nothing traces.
    propagation.inject(traceContext.active(), headers)
    const signal = AbortSignal.any([stopping, timeout])
    let answer: Answer
    try {
      answer = await exchange(pool, { method: 'POST', path, headers, body, signal })
    } catch (error) {
      if (stopping.aborted) throw new UndecidedError(STOPPED)
      if (timeout.aborted) throw new TooLongError('HQ does not answer in time')
      return { again: errorType(error) }
    }
    const { status, text } = answer
    if (status === 200) return { text }
    if (status === 404)
      throw new UndecidedError('HQ does not know what it is asked: it is older, or another service')
    const code = problemCode({ status, body: text })
    const reason = code === undefined ? `status ${status}` : `${status} ${code}`
    switch (code === undefined ? (status >= 500 ? 'retry' : 'halt') : PROBLEMS[code].reaction) {
      case 'retry': {
        const afterMs = parseRetryAfter(answer.retryAfter, Date.now())
        return afterMs === undefined ? { again: reason } : { again: reason, afterMs }
      }
      case 'split':
        throw new TooLongError(`HQ does not answer in time: ${reason}`)
      case 'set_aside':
      case 'halt':
        throw new UndecidedError(`HQ refuses to compare: ${reason}`)
    }
  }
}
