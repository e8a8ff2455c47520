import type { ServerResponse } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import {
  BATCHES_PATH,
  DIGEST_ROWS_PATH,
  DIGESTS_PATH,
  FRESHNESS_PATH,
  HANDLING_STRICT,
  HQ_INGEST_ACCEPTED,
  HQ_INGEST_REJECTED,
  IDEMPOTENT_REPLAYED,
  LIMITS_PATH,
  LIVE_PATH,
  OPENAPI_PATH,
  PREFERENCE_APPLIED,
  PROBLEMS,
  PROBLEMS_PATH,
  type ProblemCode,
  problemType,
  READY_PATH,
  RECONCILIATIONS_PATH,
} from '@hq-export/contract'
import { Hono } from 'hono'
import type { Logger } from 'pino'
import { describeLimits } from './admission/gateway-limits.ts'
import { lifeHeaders } from './batch/dataset-life.ts'
import { type ReceivedBatch, type Receiving, receiveBatch } from './batch/receive-batch.ts'
import { DatabaseUnavailableError } from './db/database-failure.ts'
import { freshness } from './freshness/read-freshness.ts'
import { freshnessReports } from './freshness/store-freshness.ts'
import { assertHost } from './http/assert-host.ts'
import { describeProblem } from './http/describe-problem.ts'
import { problemResponse } from './http/problem-response.ts'
import { SECURE_HEADERS } from './http/secure-headers.ts'
import { measureRequest } from './metrics/measure-request.ts'
import { openApiText } from './openapi/openapi.ts'
import type { Readiness } from './ready.ts'
import { answerComparison } from './reconciliation/answer-comparison.ts'
import { digests } from './reconciliation/read-digest.ts'
import { digestRows } from './reconciliation/read-rows.ts'
import type { Comparing } from './reconciliation/receive-request.ts'
import { reconciliations } from './reconciliation/store-reconciliation.ts'
import { Refusal } from './refusal/refusal.ts'
import { traceRequest } from './tracing/trace-request.ts'

export interface GatewayOptions extends Receiving, Comparing {
  readonly readiness: Readiness
  readonly log: Logger
}

/** Every path that answers, and how it may be asked. */
const ALLOWED_METHODS = {
  [BATCHES_PATH]: 'POST',
  [DIGESTS_PATH]: 'POST',
  [DIGEST_ROWS_PATH]: 'POST',
  [RECONCILIATIONS_PATH]: 'POST',
  [FRESHNESS_PATH]: 'GET, POST',
  [LIMITS_PATH]: 'GET, HEAD',
  [OPENAPI_PATH]: 'GET, HEAD',
  [PROBLEMS_PATH]: 'GET, HEAD',
  [`${PROBLEMS_PATH}/:code`]: 'GET, HEAD',
  [LIVE_PATH]: 'GET, HEAD',
  [READY_PATH]: 'GET, HEAD',
} as const

function json(body: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, { headers: { 'content-type': 'application/json', ...headers } })
}

/**
 * A batch that had been taken with refused rows was not taken strictly, whatever this attempt
 * prefers.
 */
function isStrictlyTaken({ strict, replayed, answer }: ReceivedBatch): boolean {
  return strict && !(replayed && answer.status === 'partial')
}

/**
 * Answers by Node's own response: what fetch's costs, and copying it into Node's, is a tenth of what
 * a small batch costs the gateway.
 * @param common headers of every answer.
 */
function answerBatch(
  received: ReceivedBatch,
  outgoing: ServerResponse,
  common: Readonly<Record<string, string>>,
): Response {
  const { answer, replayed, rateLimit, dataset } = received
  const { received: rows, quarantined } = answer.counts
  const body = JSON.stringify(answer)
  outgoing.writeHead(200, {
    ...common,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    [HQ_INGEST_ACCEPTED]: String(rows - quarantined),
    [HQ_INGEST_REJECTED]: String(quarantined),
    ...rateLimit,
    ...lifeHeaders(dataset),
    ...(replayed && { [IDEMPOTENT_REPLAYED]: 'true' }),
    ...(isStrictlyTaken(received) && { [PREFERENCE_APPLIED]: HANDLING_STRICT }),
  })
  outgoing.end(body)
  return RESPONSE_ALREADY_SENT
}

/** The gateway's routes over `options`; starts nothing and holds no state of its own. */
export function createGateway(options: GatewayOptions): Hono<{ Bindings: HttpBindings }> {
  const { admission, readiness, log, metrics } = options
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.use(measureRequest(metrics))

  // While it leaves, every answer ends its connection, so that no caller's next request meets a
  // closed door.
  const commonHeaders = () =>
    admission.phase === 'serving' ? SECURE_HEADERS : { ...SECURE_HEADERS, connection: 'close' }

  app.use(async (context, next) => {
    await next()
    if (context.res === RESPONSE_ALREADY_SENT) return
    // Of the answer itself: the context makes another one for every header that it adds.
    const { headers } = context.res
    for (const [name, value] of Object.entries(commonHeaders())) headers.set(name, value)
  })

  app.use(({ env: { incoming } }, next) => {
    assertHost(incoming)
    return next()
  })

  app.post(BATCHES_PATH, ({ env }) =>
    traceRequest(BATCHES_PATH, env.incoming, async () => {
      const { incoming } = env
      // Over HTTP/1.1 alone: the server that calls us speaks nothing else.
      const outgoing = env.outgoing as ServerResponse
      try {
        const received = await receiveBatch(incoming, outgoing, options)
        const { batch, status, counts } = received.answer
        log.debug({ batch, status, counts, replayed: received.replayed }, 'batch')
        readiness.noteApplied()
        return answerBatch(received, outgoing, commonHeaders())
      } catch (error) {
        if (error instanceof DatabaseUnavailableError) readiness.noteFailed(error)
        return problemResponse(error, incoming, log, metrics.refused)
      }
    }),
  )

  app.post(DIGESTS_PATH, ({ env }) => answerComparison(DIGESTS_PATH, digests, env, options))
  app.post(DIGEST_ROWS_PATH, ({ env }) =>
    answerComparison(DIGEST_ROWS_PATH, digestRows, env, options),
  )
  app.post(RECONCILIATIONS_PATH, ({ env }) =>
    answerComparison(RECONCILIATIONS_PATH, reconciliations, env, options),
  )

  app.post(FRESHNESS_PATH, ({ env }) =>
    answerComparison(FRESHNESS_PATH, freshnessReports, env, options),
  )
  app.get(FRESHNESS_PATH, ({ env }) => answerComparison(FRESHNESS_PATH, freshness, env, options))

  app.get(LIMITS_PATH, () => json(JSON.stringify(describeLimits(admission.limits))))
  app.get(OPENAPI_PATH, () => json(openApiText()))
  app.get(LIVE_PATH, () => json('{"status":"alive"}'))
  app.get(READY_PATH, async () => {
    await readiness.check()
    return json('{"status":"ready"}')
  })

  // `type` of every problem is a reference to here (RFC 9457).
  const codes = Object.keys(PROBLEMS) as ProblemCode[]
  app.get(PROBLEMS_PATH, () => json(JSON.stringify(codes.map(describeProblem))))
  for (const code of codes) {
    app.get(problemType(code), () => json(JSON.stringify(describeProblem(code))))
  }

  for (const [path, allow] of Object.entries(ALLOWED_METHODS)) {
    app.all(path, ({ req }) => {
      if (allow.includes(req.method)) throw new Refusal('not_found')
      throw new Refusal('method_not_allowed', undefined, { headers: { allow } })
    })
  }
  app.notFound(({ env: { incoming } }) => problemResponse(new Refusal('not_found'), incoming, log))
  app.onError((error, { env: { incoming } }) => problemResponse(error, incoming, log))
  return app
}
