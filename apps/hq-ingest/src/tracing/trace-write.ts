import { inSpan, untraced } from '@hq-export/observability/span.ts'
import { SpanKind } from '@opentelemetry/api'

/**
 * Runs a statement that writes rows inside a span of its own, for the sake of which the
 * instrumentation of pg shows nothing: it knows neither streams nor statements that share a round
 * trip.
 * @param text the statement.
 */
export function traceWrite<T>(
  operation: 'COPY' | 'INSERT',
  table: string,
  text: string,
  rows: number,
  work: () => Promise<T>,
): Promise<T> {
  const options = {
    kind: SpanKind.CLIENT,
    attributes: {
      'db.system.name': 'postgresql',
      'db.operation.name': operation,
      'db.collection.name': table,
      'db.operation.batch.size': rows,
      'db.query.text': text,
    },
  }
  return inSpan(`${operation} ${table}`, options, () => untraced(work))
}
