import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { IngestMetrics } from './ingest-metrics.ts'

/**
 * Measures every request; an unknown path counts under the route `*`, so that callers cannot invent
 * labels.
 */
export function measureRequest(metrics: IngestMetrics): MiddlewareHandler {
  return async (context, next) => {
    const { method } = context.req
    const begin = performance.now()
    metrics.requestBegan(method)
    try {
      await next()
    } finally {
      const seconds = (performance.now() - begin) / 1000
      const { status } = context.res
      metrics.requestEnded({ method, route: routePath(context, -1), status, seconds })
    }
  }
}
