import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { observeEventLoop } from '@hq-export/observability/event-loop.ts'
import { startMetrics } from '@hq-export/observability/meter.ts'
import { Notifier } from '@hq-export/observability/notifier.ts'
import type { Logger } from 'pino'
import { createMetricsApp } from './http/metrics-server.ts'
import { IngestServer } from './ingest-server.ts'
import { ingestConditions } from './metrics/conditions.ts'
import { createIngestMetrics } from './metrics/ingest-metrics.ts'
import { observePool } from './metrics/observe-pool.ts'
import { summarise } from './metrics/summarise.ts'
import { HqWatcher } from './metrics/watch-hq.ts'
import type { IngestConfig } from './process/config.ts'

/**
 * The gateway as a process: the public server, what is measured of it and of HQ, and the private
 * port that shows it. Works until `stopping` is aborted; throws what no retry mends.
 */
export async function serve(
  config: IngestConfig,
  log: Logger,
  stopping: AbortSignal,
): Promise<void> {
  const { databaseUrl, host, port, keys, masterKeys, drainDelayMs, ledgerDays } = config
  await using started = new AsyncDisposableStack()
  const metrics = startMetrics('hq-ingest')
  started.defer(() => metrics.stop())
  started.defer(observeEventLoop(metrics.meter))
  const watcher = new HqWatcher(databaseUrl, log)
  watcher.observe(metrics.meter)
  started.defer(() => watcher.stop())

  const privateServer = createServer(
    getRequestListener(createMetricsApp(metrics, log).fetch, { overrideGlobalObjects: false }),
  )
  privateServer.listen(config.metricsPort, host)
  await once(privateServer, 'listening')
  log.info({ port: (privateServer.address() as AddressInfo).port }, 'metrics')
  started.defer(async () => {
    const closed = once(privateServer, 'close')
    privateServer.close()
    privateServer.closeAllConnections()
    await closed
  })

  const ended = Promise.withResolvers<void>()
  const stop = () => ended.resolve()
  stopping.addEventListener('abort', stop)
  started.defer(() => stopping.removeEventListener('abort', stop))
  const summary = summarise(createIngestMetrics(metrics.meter), log)
  started.defer(summary.stop)
  const server = new IngestServer({
    databaseUrl,
    host,
    port,
    keys,
    masterKeys,
    drainDelayMs,
    ledgerDays,
    log,
    metrics: summary.metrics,
    onFailure: ended.reject,
  })
  observePool(metrics.meter, () => server.pool)
  started.defer(() => server.stop())
  await server.start()
  watcher.start()
  if (config.alertWebhookUrl !== undefined) {
    const notifier = new Notifier({
      url: config.alertWebhookUrl,
      receiver: 'hq-ingest',
      read: () => ingestConditions(watcher.reading),
      log,
    })
    started.defer(() => notifier.stop())
    notifier.start()
  }
  if (stopping.aborted) stop()
  await ended.promise
}
