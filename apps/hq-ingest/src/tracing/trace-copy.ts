import { inSpan, untraced } from '@hq-export/observability/span.ts'
import { SpanKind } from '@opentelemetry/api'

/**
 * Runs a COPY inside a span of its own: for the instrumentation of pg it is a stream that never
 * ends.
 * @param text the statement.
 */
export function traceCopy<T>(text: string, rows: number, work: () => Promise<T>): Promise<T> {
  const table = /^copy (\S+)/.exec(text)?.[1] ?? ''
  const options = {
    kind: SpanKind.CLIENT,
    attributes: {
      'db.system.name': 'postgresql',
      'db.operation.name': 'COPY',
      'db.collection.name': table,
      'db.operation.batch.size': rows,
      'db.query.text': text,
    },
  }
  return inSpan(`COPY ${table}`, options, () => untraced(work))
}
