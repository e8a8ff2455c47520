import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '@opentelemetry/api'
import { warnOnce } from './warn-once.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** How long an ending process waits for a collector that takes its time. */
const STOP_GRACE_MS = 2_000
/** A collector that is away is mentioned this often. */
const WARNING_PAUSE_MS = 600_000

/** Ends tracing and sends what is buffered; false where that took too long and is given up. */
export type StopTracing = () => Promise<boolean>

export interface TracingOptions {
  /** Name under which the program appears, unless the standard variables name it. */
  readonly serviceName: string
  /** Called when spans cannot be exported: at once, then every ten minutes while it goes on. */
  readonly onTrouble: (reason: string) => void
  /** Instruments libraries; called once, after the SDK has started. */
  readonly instrument?: () => Promise<void>
}

let tracing = false
let suppress = (context: Context): Context => context

/** True while spans go somewhere; whatever costs more than a span is asked for only then. */
export function isTracing(): boolean {
  return tracing
}

/** A context in which nothing is traced. */
export function suppressed(context: Context): Context {
  return suppress(context)
}

/** True where the standard variables name a place to send traces to. */
export function isTracingAsked(env: Environment): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false
  const exporters = (env.OTEL_TRACES_EXPORTER ?? '').split(',').map((name) => name.trim())
  if (exporters.includes('none')) return false
  if (exporters.includes('console') || exporters.includes('otlp')) return true
  return Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
}

function isNamed(env: Environment): boolean {
  return (
    Boolean(env.OTEL_SERVICE_NAME) ||
    /(?:^|,)\s*service\.name\s*=/.test(env.OTEL_RESOURCE_ATTRIBUTES ?? '')
  )
}

/**
 * Starts the OpenTelemetry SDK if the standard variables ask for it; it reads the rest of them
 * itself. Loaded only then: without tracing the SDK would be most of the process's start-up time
 * and a good part of its memory. Traces alone: metrics are scraped, logs are lines.
 */
export async function startTracing(
  env: Environment,
  options: TracingOptions,
): Promise<StopTracing> {
  if (!isTracingAsked(env)) return async () => true
  const [{ NodeSDK }, { setGlobalErrorHandler, suppressTracing }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/core'),
  ])
  setGlobalErrorHandler(warnOnce(options.onTrouble, WARNING_PAUSE_MS))
  const sdk = new NodeSDK({
    ...(!isNamed(env) && { serviceName: options.serviceName }),
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
  })
  sdk.start()
  tracing = true
  suppress = suppressTracing
  await options.instrument?.()
  return async () => {
    const stopped = sdk.shutdown().then(
      () => true,
      // The collector is away, which has been said.
      () => true,
    )
    return Promise.race([stopped, delay(STOP_GRACE_MS, false, { ref: false })])
  }
}
