/** A span as Jaeger shows it; times in microseconds. */
export interface JaegerSpan {
  readonly traceID: string
  readonly spanID: string
  readonly operationName: string
  readonly startTime: number
  readonly duration: number
  readonly service: string
  readonly parent: JaegerSpan | undefined
  readonly children: readonly JaegerSpan[]
  /** Spans of other traces that it links to. */
  readonly links: readonly { readonly traceID: string; readonly spanID: string }[]
  readonly tags: Readonly<Record<string, unknown>>
}

/** A trace as Jaeger's query API gives it. */
export interface JaegerTrace {
  readonly traceID: string
  readonly spans: readonly JaegerSpan[]
}

interface ApiSpan {
  readonly traceID: string
  readonly spanID: string
  readonly operationName: string
  readonly startTime: number
  readonly duration: number
  readonly processID: string
  readonly references: readonly {
    readonly refType: 'CHILD_OF' | 'FOLLOWS_FROM'
    readonly traceID: string
    readonly spanID: string
  }[]
  readonly tags: readonly { readonly key: string; readonly value: unknown }[]
}

interface ApiTrace {
  readonly traceID: string
  readonly spans: readonly ApiSpan[]
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>
}

function readTrace({ traceID, spans, processes }: ApiTrace): JaegerTrace {
  const byId = new Map(
    spans.map((span) => [
      span.spanID,
      {
        ...span,
        service: processes[span.processID]?.serviceName ?? '',
        parent: undefined as JaegerSpan | undefined,
        children: [] as JaegerSpan[],
        links: span.references.filter(({ refType }) => refType === 'FOLLOWS_FROM'),
        tags: Object.fromEntries(span.tags.map(({ key, value }) => [key, value])),
      },
    ]),
  )
  for (const span of byId.values()) {
    const reference = span.references.find(({ refType }) => refType === 'CHILD_OF')
    span.parent = reference === undefined ? undefined : byId.get(reference.spanID)
    byId.get(reference?.spanID ?? '')?.children.push(span)
  }
  return { traceID, spans: [...byId.values()] }
}

async function ask(url: string): Promise<JaegerTrace[]> {
  const response = await fetch(url)
  if (response.status === 404) return []
  if (!response.ok) throw new Error(`Jaeger answered ${response.status} to ${url}`)
  const { data } = (await response.json()) as { data: ApiTrace[] }
  return data.map(readTrace)
}

/** Traces with a span of this service and name since `sinceMs`, the latest first. */
export function findTraces(
  queryUrl: string,
  service: string,
  operation: string,
  sinceMs: number,
): Promise<JaegerTrace[]> {
  const range = { start: String(sinceMs * 1000), end: String(Date.now() * 1000) }
  const query = new URLSearchParams({ service, operation, limit: '1000', ...range })
  return ask(`${queryUrl}/api/traces?${query}`)
}

/** The trace of this id; undefined where Jaeger has none. */
export async function findTrace(
  queryUrl: string,
  traceId: string,
): Promise<JaegerTrace | undefined> {
  return (await ask(`${queryUrl}/api/traces/${traceId}`))[0]
}

/** The longest time inside a span in which nothing below it was at work, in milliseconds. */
export function longestGapMs(root: JaegerSpan, spans: readonly JaegerSpan[]): number {
  const end = root.startTime + root.duration
  const leaves = spans
    .filter(({ children }) => children.length === 0)
    .map(({ startTime, duration }) => ({ from: startTime, to: startTime + duration }))
    .toSorted((a, b) => a.from - b.from)
  let coveredTo = root.startTime
  let gap = 0
  for (const { from, to } of [...leaves, { from: end, to: end }]) {
    gap = Math.max(gap, from - coveredTo)
    coveredTo = Math.max(coveredTo, to)
  }
  return gap / 1000
}
