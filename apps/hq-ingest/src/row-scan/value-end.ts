import type { Column } from '@hq-export/contract'
import {
  BACKSLASH,
  byteAt,
  byteTable,
  DOT,
  digitsEnd,
  integerEnd,
  MINUS,
  plainEnd,
  QUOTE,
  UNKNOWN,
  wordEnd,
  ZERO,
} from './bytes.ts'
import { jsonEnd } from './json-end.ts'

/*
 * One small reader per type of the contract. Each takes a part of what `wire-value.ts` of the
 * contract takes: what a PostgreSQL server prints. The rest is not wrong, it is not known here.
 */

/**
 * Index behind the value that begins at `at`, of a string its closing quote; `UNKNOWN` where there
 * is none, or one that is left to the careful way.
 */
export type ValueEnd = (body: Uint8Array, at: number) => number

/** Of a template's characters: what each of them stands for, as a bit. */
const TEMPLATE_BITS: Readonly<Record<string, number>> = { '0': 1, x: 2, '-': 4, T: 8, ':': 16 }
/** The bits of every byte: a digit is also a hexadecimal digit. */
const BYTE_BITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  if (/[0-9]/.test(character)) return 1 | 2
  return /[a-f]/.test(character) ? 2 : (TEMPLATE_BITS[character] ?? 0) & ~3
})

/** `0` is any digit, `x` a hexadecimal one in lower case, every other character itself. */
function templateOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => TEMPLATE_BITS[character] ?? 0)
}

function templateEnd(body: Uint8Array, at: number, template: Uint8Array): number {
  for (let i = 0; i < template.length; i++) {
    if (((BYTE_BITS[byteAt(body, at + i)] ?? 0) & (template[i] ?? 0)) === 0) return UNKNOWN
  }
  return at + template.length
}

const UUID = templateOf('xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx')

function uuidEnd(body: Uint8Array, at: number): number {
  return templateEnd(body, at, UUID)
}

const DATE_TIME = templateOf('0000-00-00T00:00:00')
const OFFSET = templateOf('00:00')
const MAX_FRACTION_DIGITS = 6
const MAX_OFFSET_HOURS = 15
const LETTER_Z = 0x5a
const PLUS = 0x2b
const DAYS_OF_MONTHS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const FEBRUARY = 2

function twoDigits(body: Uint8Array, at: number): number {
  return 10 * (byteAt(body, at) - ZERO) + byteAt(body, at + 1) - ZERO
}

function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === FEBRUARY && isLeap ? 29 : (DAYS_OF_MONTHS[month] ?? 0)
}

/** Index behind a timestamp with its offset, of a day that the calendar has. */
export function timestampEnd(body: Uint8Array, at: number): number {
  if (templateEnd(body, at, DATE_TIME) === UNKNOWN) return UNKNOWN
  const year = 100 * twoDigits(body, at) + twoDigits(body, at + 2)
  const day = twoDigits(body, at + 8)
  if (year === 0 || day === 0 || day > daysOf(year, twoDigits(body, at + 5))) return UNKNOWN
  if (twoDigits(body, at + 11) > 23 || twoDigits(body, at + 14) > 59) return UNKNOWN
  if (twoDigits(body, at + 17) > 59) return UNKNOWN

  let end = at + DATE_TIME.length
  if (byteAt(body, end) === DOT) {
    const fraction = end + 1
    end = digitsEnd(body, fraction)
    if (end === fraction || end > fraction + MAX_FRACTION_DIGITS) return UNKNOWN
  }
  const sign = byteAt(body, end)
  if (sign === LETTER_Z) return end + 1
  if (sign !== PLUS && sign !== MINUS) return UNKNOWN
  if (twoDigits(body, end + 1) > MAX_OFFSET_HOURS || twoDigits(body, end + 4) > 59) return UNKNOWN
  return templateEnd(body, end + 1, OFFSET)
}

const INT4_MAX = 2_147_483_647
const INT4_MAX_BYTES = 11
/** So many digits fit into 64 bits, whatever they are. */
const INT8_SAFE_BYTES = 18
const XID_SAFE_BYTES = 19
/** Far below what `numeric` may have. */
const NUMERIC_SAFE_BYTES = 1_000

function int4End(body: Uint8Array, at: number): number {
  const end = integerEnd(body, at)
  if (end === UNKNOWN || end - at > INT4_MAX_BYTES) return UNKNOWN
  let magnitude = 0
  for (let i = byteAt(body, at) === MINUS ? at + 1 : at; i < end; i++) {
    magnitude = 10 * magnitude + byteAt(body, i) - ZERO
  }
  return magnitude <= INT4_MAX ? end : UNKNOWN
}

function int8End(body: Uint8Array, at: number): number {
  const end = integerEnd(body, at)
  return end - at <= INT8_SAFE_BYTES ? end : UNKNOWN
}

/** Index behind the number of a transaction. */
export function xidEnd(body: Uint8Array, at: number): number {
  const end = integerEnd(body, at)
  return byteAt(body, at) !== MINUS && end - at <= XID_SAFE_BYTES ? end : UNKNOWN
}

function numericEnd(body: Uint8Array, at: number): number {
  // A negative zero never passes: -0 is no integer here, and so -0.5 goes the careful way, too.
  let end = integerEnd(body, at)
  if (end !== UNKNOWN && byteAt(body, end) === DOT) {
    const fraction = end + 1
    end = digitsEnd(body, fraction)
    if (end === fraction) return UNKNOWN
  }
  return end - at <= NUMERIC_SAFE_BYTES ? end : UNKNOWN
}

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')

function booleanEnd(body: Uint8Array, at: number): number {
  const end = wordEnd(body, at, TRUE)
  return end === UNKNOWN ? wordEnd(body, at, FALSE) : end
}

/** Letters of the escapes that are known; `\u` can hide anything. */
const ESCAPED = byteTable((byte) => '"\\/bfnrt'.includes(String.fromCharCode(byte)))

/** The closing quote of a string without `\u`. */
function textEnd(body: Uint8Array, at: number): number {
  let end = plainEnd(body, at)
  while (byteAt(body, end) === BACKSLASH) {
    if (ESCAPED[byteAt(body, end + 1)] !== 1) return UNKNOWN
    end = plainEnd(body, end + 2)
  }
  return byteAt(body, end) === QUOTE ? end : UNKNOWN
}

/** ASCII without what a URI must escape (RFC 3986). */
const REFERENCE = byteTable(
  (byte) => byte > 0x20 && byte < 0x7f && !'"<>\\^`{|}'.includes(String.fromCharCode(byte)),
)
const MAX_REFERENCE_BYTES = 1_024
const OPEN_BRACKET = 0x5b
const DATA = Buffer.from('data:')

/** True for `data:` in whatever case. */
function isData(body: Uint8Array, at: number): boolean {
  for (let i = 0; i < DATA.length; i++) {
    if ((byteAt(body, at + i) | 0x20) !== DATA[i]) return false
  }
  return true
}

function referenceEnd(body: Uint8Array, at: number): number {
  if (byteAt(body, at) === OPEN_BRACKET || isData(body, at)) return UNKNOWN
  let end = at
  while (REFERENCE[byteAt(body, end)] === 1) end++
  return end > at && end - at <= MAX_REFERENCE_BYTES ? end : UNKNOWN
}

function oneOf(values: readonly string[]): ValueEnd {
  const words = values.map((value) => Buffer.from(`${value}"`))
  return (body, at) => {
    for (const word of words) {
      const end = wordEnd(body, at, word)
      if (end !== UNKNOWN) return end - 1
    }
    return UNKNOWN
  }
}

const BY_TYPE: Readonly<Record<Column['type'], ValueEnd>> = {
  text: textEnd,
  uuid: uuidEnd,
  int4: int4End,
  int8: int8End,
  numeric: numericEnd,
  boolean: booleanEnd,
  timestamptz: timestampEnd,
  jsonb: jsonEnd,
}

/** The reader of a column's values. */
export function valueEndOf({ type, values, reference }: Column): ValueEnd {
  if (reference === true) return referenceEnd
  return values === undefined ? BY_TYPE[type] : oneOf(values)
}

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
