import { observeEventLoop } from '@hq-export/observability/event-loop.ts'
import { startMetrics } from '@hq-export/observability/meter.ts'
import { Notifier } from '@hq-export/observability/notifier.ts'
import { relayConditions } from './observe/conditions.ts'
import { PrivateServer } from './observe/metrics-server.ts'
import {
  observeBalance,
  observeReconciliation,
  observeRelay,
  observeSource,
} from './observe/observe-relay.ts'
import { createRelayMetrics } from './observe/relay-metrics.ts'
import { summarise } from './observe/summarise.ts'
import { SourceWatcher } from './observe/watch-source.ts'
import { WaitingRows } from './outbox/waiting-rows.ts'
import type { RelayConfig } from './process/config.ts'
import type { Logger } from './process/log.ts'
import { Relay } from './relay.ts'

/**
 * The relay as a process: the relay itself, what is measured of it and of data-engine-x, and the
 * private port that shows both. Works until `stopping` is aborted; throws what no retry mends.
 * Stops its parts in reverse order, each whatever became of the others.
 */
export async function runRelay(
  config: RelayConfig,
  log: Logger,
  stopping: AbortSignal,
): Promise<void> {
  await using started = new AsyncDisposableStack()
  const metrics = startMetrics('outbox-relay')
  started.defer(() => metrics.stop())
  started.defer(observeEventLoop(metrics.meter))
  const waiting = new WaitingRows()
  const relay = new Relay(config, log, { metrics: createRelayMetrics(metrics.meter), waiting })
  observeRelay(metrics.meter, () => relay.progress)
  const watcher = new SourceWatcher(
    config.databaseUrl,
    waiting,
    () => relay.progress.heartbeatWrittenAt,
    log,
  )
  observeSource(metrics.meter, () => watcher.reading)
  observeBalance(metrics.meter, () => watcher.reading)
  const isScheduled = config.reconcileAt !== undefined
  observeReconciliation(metrics.meter, () => watcher.reading, isScheduled)

  const server = new PrivateServer(metrics, () => relay.progress, log)
  started.defer(() => server.stop())
  const url = await server.start(config.metricsPort)
  log.info({ port: Number(new URL(url).port) }, 'metrics')
  started.defer(() => watcher.stop())
  watcher.start()
  if (config.alertWebhookUrl !== undefined) {
    const notifier = new Notifier({
      url: config.alertWebhookUrl,
      receiver: 'outbox-relay',
      read: () => relayConditions(relay.progress, watcher.reading, isScheduled),
      log,
    })
    started.defer(() => notifier.stop())
    notifier.start()
  }
  started.defer(summarise(() => relay.progress, log))

  const stop = () => void relay.stop()
  started.defer(() => relay.stop())
  stopping.addEventListener('abort', stop)
  started.defer(() => stopping.removeEventListener('abort', stop))
  relay.start()
  if (stopping.aborted) stop()
  await relay.ended()
}
