import type { Attributes } from '@opentelemetry/api'

/*
 * Semantic conventions of OpenTelemetry where they have a name (messaging, http, db, error),
 * `hq_export.*` where they have none. Names, counts and codes; never a value of a row.
 */

/** Attributes of a span about a batch (semantic conventions, messaging spans). */
export function batchAttributes(
  operation: 'send' | 'process',
  batch: { readonly dataset: string; readonly rows: number; readonly id: string },
): Attributes {
  return {
    'messaging.system': 'hq_outbox',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.name': batch.dataset,
    'messaging.batch.message_count': batch.rows,
    'messaging.message.id': batch.id,
  }
}
