import { EXPOSITION_CONTENT_TYPE, type Metrics } from '@hq-export/observability/meter.ts'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import { Hono } from 'hono'
import type { Logger } from 'pino'

/**
 * What the operator's port serves: `/metrics`. Private: it asks nobody who they are, so it listens
 * where only they can come.
 */
export function createMetricsApp(metrics: Metrics, log: Logger): Hono {
  const app = new Hono()
  app.get('/metrics', async (context) => {
    try {
      return context.body(await metrics.scrape(), 200, { 'content-type': EXPOSITION_CONTENT_TYPE })
    } catch (error) {
      log.error({ reason: describeError(error) }, 'metrics cannot be collected')
      return context.json({ error: 'metrics cannot be collected' }, 500)
    }
  })
  return app
}
