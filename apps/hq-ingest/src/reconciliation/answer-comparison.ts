import type { ServerResponse } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { IDEMPOTENT_REPLAYED, type ProblemCode } from '@hq-export/contract'
import type { Logger } from 'pino'
import { problemResponse } from '../http/problem-response.ts'
import { traceRequest } from '../tracing/trace-request.ts'
import { type Comparing, type Comparison, receiveRequest } from './receive-request.ts'

/** True of what was stored before. */
function isReplayed(answer: object): boolean {
  return 'replayed' in answer && answer.replayed === true
}

/** Answers one request that compares, or refuses it; never throws. */
export function answerComparison<Body extends { readonly source: string }, Answer extends object>(
  route: string,
  comparison: Comparison<Body, Answer>,
  { incoming, outgoing }: HttpBindings,
  options: Comparing & { readonly log: Logger },
): Promise<Response> {
  const { log, metrics } = options
  const answer = async () => {
    const begin = performance.now()
    const measure = (outcome: ProblemCode | 'answered') =>
      metrics.compared({ route, outcome, seconds: (performance.now() - begin) / 1000 })
    try {
      const { answer: body, rateLimit } = await receiveRequest(
        incoming,
        // Over HTTP/1.1 alone: the server that calls us speaks nothing else.
        outgoing as ServerResponse,
        options,
        comparison,
      )
      measure('answered')
      return new Response(JSON.stringify(body), {
        headers: {
          'content-type': 'application/json',
          ...rateLimit,
          ...(isReplayed(body) && { [IDEMPOTENT_REPLAYED]: 'true' }),
        },
      })
    } catch (error) {
      return problemResponse(error, incoming, log, (code) => {
        measure(code)
        metrics.refused(code)
      })
    }
  }
  return comparison.isQuiet ? answer() : traceRequest(route, incoming, answer)
}
