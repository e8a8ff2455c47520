/** Port of Jaeger's user interface. */
const JAEGER_PORT = '16686'

/**
 * Where somebody who runs Jaeger beside the demo finds the traces; undefined where nothing is
 * traced.
 */
export function tracesHint(
  env: Readonly<Record<string, string | undefined>>,
  serviceName: string,
): string | undefined {
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT
  if (endpoint === undefined || !URL.canParse(endpoint)) return undefined
  const url = new URL(`http://${new URL(endpoint).hostname}:${JAEGER_PORT}/search`)
  url.searchParams.set('service', serviceName)
  return `sent to ${new URL(endpoint).origin}; in Jaeger: ${url.href}`
}
