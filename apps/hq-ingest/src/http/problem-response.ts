import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { RequestError } from '@hono/node-server'
import {
  PROBLEM_CONTENT_TYPE,
  type ProblemCode,
  parseTraceparent,
  TRACEPARENT,
} from '@hq-export/contract'
import { isSpanContextValid, trace } from '@opentelemetry/api'
import type { Logger } from 'pino'
import { problemOf, Refusal } from '../refusal/refusal.ts'
import { noteRefusal } from '../tracing/trace-request.ts'
import { expectsContinue } from './expects-continue.ts'
import { lingeringBody } from './lingering-body.ts'
import { SECURE_HEADERS } from './secure-headers.ts'
import { toRefusal } from './to-refusal.ts'

/** The trace under way, else the one that the caller is in. */
function traceIdOf(request: IncomingMessage): string | undefined {
  const active = trace.getActiveSpan()?.spanContext()
  if (active !== undefined && isSpanContextValid(active)) return active.traceId
  const traceparent = request.headers[TRACEPARENT]
  return typeof traceparent === 'string' ? parseTraceparent(traceparent)?.traceId : undefined
}

/**
 * True while the caller waits to be asked for its body, and was not: it may send it or not, so the
 * connection cannot go on.
 */
function isBodyUnasked(request: IncomingMessage): boolean {
  return expectsContinue(request) && !request.readableDidRead
}

/**
 * Answers whatever went wrong as a problem (RFC 9457), and logs it under the same id.
 * @param onRefused is told what it was.
 */
export function problemResponse(
  error: unknown,
  request: IncomingMessage,
  log: Logger,
  onRefused: (code: ProblemCode) => void = () => {},
): Response {
  const requestId = randomUUID()
  const refusal = toRefusal(error, requestId, log)
  const problem = problemOf(refusal, { requestId, traceId: traceIdOf(request) })
  noteRefusal(refusal.code, problem.status)
  onRefused(refusal.code)
  const text = JSON.stringify(problem)
  const unasked = isBodyUnasked(request)
  return new Response(request.complete || unasked ? text : lingeringBody(text, request), {
    status: problem.status,
    headers: {
      'content-type': PROBLEM_CONTENT_TYPE,
      'content-length': String(Buffer.byteLength(text)),
      ...(unasked && { connection: 'close' }),
      ...refusal.headers,
    },
  })
}

/**
 * Answers a request whose target or host is none: it never reached a route, so nothing else sets
 * its headers.
 */
export function answerUnreadable(error: unknown, log: Logger): Response {
  const requestId = randomUUID()
  const known = error instanceof RequestError ? new Refusal('malformed_request') : error
  const problem = problemOf(toRefusal(known, requestId, log), { requestId })
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'content-type': PROBLEM_CONTENT_TYPE, connection: 'close', ...SECURE_HEADERS },
  })
}
