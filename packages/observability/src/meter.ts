import type { Meter } from '@opentelemetry/api'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions'

/** Media type of the Prometheus text format 0.0.4. */
export const EXPOSITION_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Suffixes of names in Prometheus by unit (UCUM), as the OpenTelemetry specification's
 * compatibility section has them.
 */
const UNIT_SUFFIXES: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes', '1': 'ratio' }

/** Collects only when asked: nobody scrapes, nothing happens. */
class ScrapeReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

/** The serializer leaves units out of names, and everybody's dashboards expect them there. */
function withUnits(metrics: ResourceMetrics): ResourceMetrics {
  return {
    ...metrics,
    scopeMetrics: metrics.scopeMetrics.map((scope) => ({
      ...scope,
      metrics: scope.metrics.map((metric) => {
        const { name, unit } = metric.descriptor
        const suffix = UNIT_SUFFIXES[unit]
        if (suffix === undefined) return metric
        return { ...metric, descriptor: { ...metric.descriptor, name: `${name}.${suffix}` } }
      }),
    })),
  }
}

/** Metrics of one process. */
export interface Metrics {
  readonly meter: Meter
  /**
   * Everything measured so far in the Prometheus text format; runs the observable instruments'
   * callbacks.
   */
  scrape(): Promise<string>
  stop(): Promise<void>
}

/**
 * Starts measuring. `service` becomes `target_info`; the names of the instruments are
 * OpenTelemetry's, their exposition is Prometheus': `hq.relay.lag` in `s` is
 * `hq_relay_lag_seconds`.
 */
export function startMetrics(service: string): Metrics {
  const reader = new ScrapeReader()
  const provider = new MeterProvider({
    readers: [reader],
    resource: resourceFromAttributes({ [ATTR_SERVICE_NAME]: service }),
  })
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true)
  return {
    meter: provider.getMeter(`hq-export.${service}`),
    async scrape() {
      const { resourceMetrics, errors } = await reader.collect()
      // A gauge whose source cannot be read is absent; that something is wrong shows in its own
      // gauge.
      if (errors.length > 0) throw new AggregateError(errors, 'metrics could not be collected')
      return serializer.serialize(withUnits(resourceMetrics))
    },
    stop: () => provider.shutdown(),
  }
}
