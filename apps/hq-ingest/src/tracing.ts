type Environment = Readonly<Record<string, string | undefined>>

/** Name under which the gateway appears, unless `OTEL_SERVICE_NAME` says otherwise. */
const SERVICE_NAME = 'hq-ingest'

/** Ends tracing and sends what is buffered. */
export type StopTracing = () => Promise<void>

/** True where the standard variables name a place to send traces to. */
export function isTracingAsked(env: Environment): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false
  return Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
}

/**
 * Starts the OpenTelemetry SDK if the standard variables ask for it; it reads the rest of them itself. Loaded only
 * then, so a gateway without tracing pays nothing for it.
 */
export async function startTracing(env: Environment): Promise<StopTracing> {
  if (!isTracingAsked(env)) return async () => {}
  const { NodeSDK } = await import('@opentelemetry/sdk-node')
  const sdk = new NodeSDK({
    ...(env.OTEL_SERVICE_NAME === undefined && { serviceName: SERVICE_NAME }),
    instrumentations: [],
  })
  sdk.start()
  return () => sdk.shutdown()
}
