import { type Origin, Origins } from '@hq-export/tracing/origins.ts'
import type { Batch } from '../batch/batch.ts'

/** An origin of rows that wait in the outbox since `capturedAt`, ISO 8601 in UTC. */
export interface WaitingOrigin extends Origin {
  capturedAt: string
}

// As hq_export writes an element of `rows`: captured_at, then traceparent. Neither can stand in a row's own text, where every quote is
// escaped.
const MEMBER = ',"traceparent":"'
const TRACEPARENT_LENGTH = 55
/** `"captured_at":"` and the longest timestamp with its quote. */
const CAPTURED_AT_REACH = 60
const CAPTURED_AT = /"captured_at":"([^"]+)"$/

/**
 * Finds the traces that a batch comes from in its bytes: a search for one word, because nothing else in the relay reads rows.
 */
export function batchOrigins({ body }: Batch): Origins<WaitingOrigin> {
  const origins = new Origins<WaitingOrigin>((origin) => ({ ...origin, capturedAt: '' }))
  for (let at = body.indexOf(MEMBER); at !== -1; at = body.indexOf(MEMBER, at)) {
    const start = at + MEMBER.length
    const traceparent = body.toString('latin1', start, start + TRACEPARENT_LENGTH)
    const origin = origins.add(traceparent)
    if (origin !== undefined) {
      const before = body.toString('latin1', Math.max(0, at - CAPTURED_AT_REACH), at)
      const capturedAt = CAPTURED_AT.exec(before)?.[1] ?? ''
      // ISO 8601 of one zone sorts as text, with or without fraction digits.
      if (origin.capturedAt === '' || capturedAt < origin.capturedAt) origin.capturedAt = capturedAt
    }
    at = start + TRACEPARENT_LENGTH
  }
  return origins
}
