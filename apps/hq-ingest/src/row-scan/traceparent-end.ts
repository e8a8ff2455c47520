import { byteAt, templateEnd, templateOf, UNKNOWN, ZERO } from './bytes.ts'

const TRACEPARENT = templateOf('00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx')
const TRACE_ID_AT = 3
const SPAN_ID_AT = 36
const FLAGS_AT = 53

function isZeros(body: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (byteAt(body, at) !== ZERO) return false
  return true
}

/** Index behind a `traceparent` of version 00. */
export function traceparentEnd(body: Uint8Array, at: number): number {
  const end = templateEnd(body, at, TRACEPARENT)
  if (end === UNKNOWN || !isZeros(body, at, at + 2)) return UNKNOWN
  const hasIds =
    !isZeros(body, at + TRACE_ID_AT, at + SPAN_ID_AT - 1) &&
    !isZeros(body, at + SPAN_ID_AT, at + FLAGS_AT - 1)
  return hasIds ? end : UNKNOWN
}
