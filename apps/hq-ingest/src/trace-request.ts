import type { IncomingMessage } from 'node:http'
import { BATCHES_PATH } from '@hq-export/contract'
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

const TRACER = 'hq-export.hq-ingest'
const FIRST_SERVER_ERROR = 500

/** Runs one request for a batch inside a SERVER span, child of the caller's `traceparent`. */
export async function traceRequest(
  request: IncomingMessage,
  work: () => Promise<Response>,
): Promise<Response> {
  const parent = propagation.extract(context.active(), request.headers)
  const span = trace.getTracer(TRACER).startSpan(
    `POST ${BATCHES_PATH}`,
    {
      kind: SpanKind.SERVER,
      attributes: {
        'http.request.method': 'POST',
        'http.route': BATCHES_PATH,
        'url.path': BATCHES_PATH,
        'url.scheme': 'http',
      },
    },
    parent,
  )
  try {
    const response = await context.with(trace.setSpan(parent, span), work)
    span.setAttribute('http.response.status_code', response.status)
    // A refused request is the caller's error, not the server's (semantic conventions, HTTP spans).
    if (response.status >= FIRST_SERVER_ERROR) span.setStatus({ code: SpanStatusCode.ERROR })
    return response
  } finally {
    span.end()
  }
}
