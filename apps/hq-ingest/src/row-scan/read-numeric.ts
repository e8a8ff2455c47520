import { byteAt, DOT, digitsEnd, integerEnd, MINUS, UNKNOWN, ZERO } from './bytes.ts'
import { LENGTH_BYTES, type Source } from './field.ts'

/** Far below what `numeric` may have. */
const SAFE_CHARS = 1_000
/** Digits count, weight, sign and scale, two bytes each. */
const HEAD_BYTES = 8
const GROUP_DIGITS = 4
const GROUP_BYTES = 2
/** Of the binary form (numeric.c); it stands in its third pair of bytes. */
const NEGATIVE = 0x4000

/**
 * Reads a decimal number and writes it as PostgreSQL takes it: groups of four decimal digits to
 * either side of the point, and how many digits it is shown with behind that.
 */
export function readNumeric({ bytes }: Source, at: number, fields: DataView, to: number): number {
  // A negative zero never passes: -0 is no integer here, and so -0.5 goes the careful way, too.
  const point = integerEnd(bytes, at)
  if (point === UNKNOWN) return UNKNOWN
  let end = point
  if (byteAt(bytes, point) === DOT) {
    end = digitsEnd(bytes, point + 1)
    if (end === point + 1) return UNKNOWN
  }
  if (end - at > SAFE_CHARS) return UNKNOWN

  const isNegative = byteAt(bytes, at) === MINUS
  const start = isNegative ? at + 1 : at
  const scale = end === point ? 0 : end - point - 1
  const whole = Math.ceil((point - start) / GROUP_DIGITS)
  const groups = whole + Math.ceil(scale / GROUP_DIGITS)
  const head = to + LENGTH_BYTES
  fields.setInt32(to, HEAD_BYTES + groups * GROUP_BYTES)
  fields.setInt16(head, groups)
  fields.setInt16(head + 2, whole - 1)
  fields.setInt16(head + 4, isNegative ? NEGATIVE : 0)
  fields.setInt16(head + 6, scale)

  let next = head + HEAD_BYTES
  for (let group = 0; group < groups; group++) {
    const isWhole = group < whole
    const first = isWhole
      ? point - (whole - group) * GROUP_DIGITS
      : point + 1 + (group - whole) * GROUP_DIGITS
    // The first group may begin in front of the number, and the last one end behind it: zeros.
    const [from, until] = isWhole ? [start, point] : [point + 1, end]
    let value = 0
    for (let i = first; i < first + GROUP_DIGITS; i++) {
      value = 10 * value + (i >= from && i < until ? byteAt(bytes, i) - ZERO : 0)
    }
    fields.setInt16(next, value)
    next += GROUP_BYTES
  }
  return end
}
