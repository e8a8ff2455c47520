import type { IncomingMessage } from 'node:http'
import { failSpan, inSpan } from '@hq-export/observability/span.ts'
import { isTracing } from '@hq-export/observability/start-tracing.ts'
import { context, propagation, SpanKind, trace } from '@opentelemetry/api'

const FIRST_SERVER_ERROR = 500

/** Runs one request inside a SERVER span, child of the caller's `traceparent`. */
export async function traceRequest(
  path: string,
  request: IncomingMessage,
  work: () => Promise<Response>,
): Promise<Response> {
  if (!isTracing()) return work()
  const parent = propagation.extract(context.active(), request.headers)
  const length = Number(request.headers['content-length'])
  return inSpan(
    `POST ${path}`,
    {
      kind: SpanKind.SERVER,
      attributes: {
        'http.request.method': 'POST',
        'http.route': path,
        'url.path': path,
        'url.scheme': 'http',
        'network.protocol.version': request.httpVersion,
        ...(Number.isSafeInteger(length) && { 'http.request.body.size': length }),
      },
    },
    async (span) => {
      const response = await work()
      span.setAttribute('http.response.status_code', response.status)
      return response
    },
    parent,
  )
}

/**
 * Says on the request's span why it was refused. A refusal is the caller's error, not the server's
 * (semantic conventions, HTTP spans).
 */
export function noteRefusal(code: string, status: number): void {
  const span = trace.getActiveSpan()
  if (span === undefined) return
  if (status >= FIRST_SERVER_ERROR) failSpan(span, code)
  else span.setAttribute('hq_export.refusal', code)
}
