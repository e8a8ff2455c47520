import { type Origin, Origins } from '@hq-export/observability/origins.ts'
import type { Batch } from '../batch/batch.ts'

/**
 * An origin of rows that wait in the outbox since `capturedAt`, ISO 8601 in UTC; its span is the
 * one that wrote the first of them.
 */
export interface WaitingOrigin extends Origin {
  capturedAt: string
}

// As hq_export writes an element of `rows`: captured_at, which the relay's session prints in UTC,
// then traceparent. Neither can stand in a row's own text, where every quote is escaped. Longer
// words are found faster: with the zone in half the time.
const ZONE = '+00:00'
const MEMBER = Buffer.from(`${ZONE}","traceparent":"`)
const TRACEPARENT_LENGTH = 55
/** `"captured_at":"` and the longest timestamp with its zone. */
const CAPTURED_AT_REACH = 60
const CAPTURED_AT = /"captured_at":"([^"]+)$/

const ZERO = 0x30
const NINE = 0x39

/**
 * The sampled flag is the lowest bit of the last hex digit; of the letters a to f the odd codes
 * stand for even numbers.
 */
function isSampled(digit: number): boolean {
  const isDecimal = digit >= ZERO && digit <= NINE
  return ((digit & 1) === 1) === isDecimal
}

/**
 * Finds the traces that a batch comes from in its bytes: a search for one word, because nothing
 * else in the relay reads rows. What was not sampled costs no more than the search.
 */
export function batchOrigins({ body }: Batch): Origins<WaitingOrigin> {
  const origins = new Origins<WaitingOrigin>((origin) => ({ ...origin, capturedAt: '' }))
  let last: { readonly traceparent: string; readonly origin: WaitingOrigin } | undefined
  for (let at = body.indexOf(MEMBER); at !== -1; at = body.indexOf(MEMBER, at)) {
    const start = at + MEMBER.length
    const end = start + TRACEPARENT_LENGTH
    if (isSampled(body[end - 1] ?? 0)) {
      const traceparent = body.toString('latin1', start, end)
      // Rows of a transaction follow one another, the first captured first.
      if (last?.traceparent === traceparent) {
        last.origin.rows++
      } else {
        const origin = origins.add(traceparent)
        if (origin !== undefined) {
          const capturedAt = capturedBefore(body, at)
          // ISO 8601 of one zone sorts as text, with or without fraction digits.
          if (origin.capturedAt === '' || capturedAt < origin.capturedAt) {
            origin.capturedAt = capturedAt
            origin.spanContext = { ...origin.spanContext, spanId: traceparent.slice(36, 52) }
          }
          last = { traceparent, origin }
        }
      }
    }
    at = end
  }
  return origins
}

/** Timestamp of the row whose member begins `at` here. */
function capturedBefore(body: Buffer, at: number): string {
  const end = at + ZONE.length
  const text = body.toString('latin1', Math.max(0, end - CAPTURED_AT_REACH), end)
  return CAPTURED_AT.exec(text)?.[1] ?? ''
}
