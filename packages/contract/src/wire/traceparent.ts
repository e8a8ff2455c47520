/** W3C Trace Context, version 00: version, trace id, parent id, flags. All-zero ids are invalid. */
export const TRACEPARENT_PATTERN = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** Ids and the sampled flag of a `traceparent`. */
export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
}

/** Reads a `traceparent` of version 00, as received; undefined for anything else. */
export function parseTraceparent(text: unknown): TraceParent | undefined {
  if (typeof text !== 'string' || !TRACEPARENT_PATTERN.test(text)) return undefined
  return {
    traceId: text.slice(3, 35),
    spanId: text.slice(36, 52),
    flags: Number.parseInt(text.slice(53, 55), 16),
  }
}
