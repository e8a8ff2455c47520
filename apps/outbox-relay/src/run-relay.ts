import { observeEventLoop } from '@hq-export/observability/event-loop.ts'
import { startMetrics } from '@hq-export/observability/meter.ts'
import { Notifier } from '@hq-export/observability/notifier.ts'
import { relayConditions } from './observe/conditions.ts'
import { PrivateServer } from './observe/metrics-server.ts'
import { observeRelay, observeSource } from './observe/observe-relay.ts'
import { createRelayMetrics } from './observe/relay-metrics.ts'
import { summarise } from './observe/summarise.ts'
import { SourceWatcher } from './observe/watch-source.ts'
import type { RelayConfig } from './process/config.ts'
import type { Logger } from './process/log.ts'
import { Relay } from './relay.ts'

/**
 * The relay as a process: the relay itself, what is measured of it and of data-engine-x, and the
 * private port that shows both. Works until `stopping` is aborted; throws what no retry mends.
 */
export async function runRelay(
  config: RelayConfig,
  log: Logger,
  stopping: AbortSignal,
): Promise<void> {
  const metrics = startMetrics('outbox-relay')
  const stopObserving = observeEventLoop(metrics.meter)
  const relay = new Relay(config, log, { metrics: createRelayMetrics(metrics.meter) })
  const watcher = new SourceWatcher(
    config.databaseUrl,
    () => relay.progress.heartbeatWrittenAt,
    log,
  )
  observeRelay(metrics.meter, () => relay.progress)
  observeSource(metrics.meter, () => watcher.reading)
  const server = new PrivateServer(metrics, () => relay.progress, log)
  const notifier =
    config.alertWebhookUrl === undefined
      ? undefined
      : new Notifier({
          url: config.alertWebhookUrl,
          receiver: 'outbox-relay',
          read: () => relayConditions(relay.progress, watcher.reading),
          log,
        })
  const stopSummary = summarise(() => relay.progress, log)
  const stop = () => void relay.stop()
  stopping.addEventListener('abort', stop)
  try {
    const url = await server.start(config.metricsPort)
    log.info({ port: Number(new URL(url).port) }, 'metrics')
    watcher.start()
    notifier?.start()
    relay.start()
    if (stopping.aborted) stop()
    await relay.ended()
  } finally {
    stopping.removeEventListener('abort', stop)
    await relay.stop()
    stopSummary()
    await notifier?.stop()
    await watcher.stop()
    await server.stop()
    stopObserving()
    await metrics.stop()
  }
}
