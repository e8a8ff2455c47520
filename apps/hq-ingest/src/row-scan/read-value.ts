import type { Column } from '@hq-export/contract'
import {
  BACKSLASH,
  byteAt,
  byteTable,
  copyBytes,
  findByte,
  integerEnd,
  MINUS,
  plainEnd,
  QUOTE,
  UNKNOWN,
  wordEnd,
  writeInt8,
  ZERO,
} from './bytes.ts'
import { LENGTH_BYTES, type ReadValue, type Source } from './field.ts'
import { jsonEnd } from './json-end.ts'
import { readNumeric } from './read-numeric.ts'
import { readTimestamp } from './read-timestamp.ts'

/*
 * One small reader per type of the contract. Each takes a part of what `wire-value.ts` of the
 * contract takes: what a PostgreSQL server prints. The rest is not wrong, it is not known here.
 */

/** Two hexadecimal digits in lower case as the byte that they are; others are below zero. */
const BYTE_OF = new Int16Array(0x10000).fill(-1)
for (let byte = 0; byte < 256; byte++) {
  const digits = byte.toString(16).padStart(2, '0')
  BYTE_OF[digits.charCodeAt(0) * 256 + digits.charCodeAt(1)] = byte
}

/** Where in a uuid's text each of its bytes stands, and its dashes. */
const UUID_BYTES_AT = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34)
const UUID_DASHES_AT = Uint8Array.of(8, 13, 18, 23)
const UUID_TEXT_BYTES = 36

function readUuid({ view }: Source, at: number, fields: DataView, to: number): number {
  const end = at + UUID_TEXT_BYTES
  if (end > view.byteLength) return UNKNOWN
  for (const dash of UUID_DASHES_AT) if (view.getUint8(at + dash) !== MINUS) return UNKNOWN
  // One that is below zero makes all of them so.
  let all = 0
  fields.setInt32(to, UUID_BYTES_AT.length)
  for (let i = 0; i < UUID_BYTES_AT.length; i++) {
    const byte = BYTE_OF[view.getUint16(at + (UUID_BYTES_AT[i] ?? 0))] ?? -1
    all |= byte
    fields.setInt8(to + LENGTH_BYTES + i, byte)
  }
  return all < 0 ? UNKNOWN : end
}

const INT4_BYTES = 4
const INT4_MAX = 2_147_483_647
const INT4_MAX_CHARS = 11

function readInt4({ bytes }: Source, at: number, fields: DataView, to: number): number {
  const end = integerEnd(bytes, at)
  if (end === UNKNOWN || end - at > INT4_MAX_CHARS) return UNKNOWN
  const isNegative = byteAt(bytes, at) === MINUS
  let magnitude = 0
  for (let i = isNegative ? at + 1 : at; i < end; i++) {
    magnitude = 10 * magnitude + byteAt(bytes, i) - ZERO
  }
  if (magnitude > INT4_MAX) return UNKNOWN
  fields.setInt32(to, INT4_BYTES)
  fields.setInt32(to + LENGTH_BYTES, isNegative ? -magnitude : magnitude)
  return end
}

const INT8_BYTES = 8
/** So many digits fit into 64 bits, whatever they are. */
const INT8_SAFE_CHARS = 18
const XID_SAFE_CHARS = 19
/** So many digits, or one less and a sign, are exact in a number. */
const EXACT_CHARS = 15

function writeInteger(bytes: Buffer, at: number, end: number, fields: DataView, to: number): void {
  fields.setInt32(to, INT8_BYTES)
  if (end - at > EXACT_CHARS) {
    const value = BigInt(bytes.toString('latin1', at, end))
    fields.setBigUint64(to + LENGTH_BYTES, BigInt.asUintN(64, value))
    return
  }
  const isNegative = byteAt(bytes, at) === MINUS
  let magnitude = 0
  for (let i = isNegative ? at + 1 : at; i < end; i++) {
    magnitude = 10 * magnitude + byteAt(bytes, i) - ZERO
  }
  writeInt8(fields, to + LENGTH_BYTES, isNegative ? -magnitude : magnitude)
}

function readInt8({ bytes }: Source, at: number, fields: DataView, to: number): number {
  const end = integerEnd(bytes, at)
  if (end === UNKNOWN || end - at > INT8_SAFE_CHARS) return UNKNOWN
  writeInteger(bytes, at, end, fields, to)
  return end
}

/** Reads the number of a transaction. */
export function readXid({ bytes }: Source, at: number, fields: DataView, to: number): number {
  const end = integerEnd(bytes, at)
  if (end === UNKNOWN || end - at > XID_SAFE_CHARS || byteAt(bytes, at) === MINUS) return UNKNOWN
  writeInteger(bytes, at, end, fields, to)
  return end
}

const BOOLEAN_BYTES = 1
const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')

function readBoolean({ bytes }: Source, at: number, fields: DataView, to: number): number {
  const end = wordEnd(bytes, at, TRUE)
  fields.setInt32(to, BOOLEAN_BYTES)
  fields.setUint8(to + LENGTH_BYTES, end === UNKNOWN ? 0 : 1)
  return end === UNKNOWN ? wordEnd(bytes, at, FALSE) : end
}

/** What the letters of escapes mean; `\u` can hide anything, and is not known. */
const MEANT = new Uint8Array(256)
for (const [letter, character] of Object.entries({
  ...{ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' },
})) {
  MEANT[letter.charCodeAt(0)] = character.charCodeAt(0)
}

/** The closing quote of a string without `\u`. */
function textEnd(body: Uint8Array, at: number): number {
  let end = plainEnd(body, at)
  while (byteAt(body, end) === BACKSLASH) {
    if (MEANT[byteAt(body, end + 1)] === 0) return UNKNOWN
    end = plainEnd(body, end + 2)
  }
  return byteAt(body, end) === QUOTE ? end : UNKNOWN
}

/** Copies a text and undoes its escapes. Returns where the next byte goes. */
function writeText(body: DataView, at: number, end: number, fields: DataView, to: number): number {
  let next = to
  for (let i = at; i < end; i++) {
    const backslash = findByte(body, i, end, BACKSLASH)
    next = copyBytes(body, i, backslash, fields, next)
    if (backslash === end) break
    i = backslash + 1
    fields.setUint8(next++, MEANT[body.getUint8(i)] ?? 0)
  }
  return next
}

/** A reader of texts that end where `endOf` says. */
function textReader(endOf: (body: Uint8Array, at: number) => number): ReadValue {
  return ({ bytes, view }, at, fields, to) => {
    const end = endOf(bytes, at)
    if (end === UNKNOWN) return UNKNOWN
    const start = to + LENGTH_BYTES
    fields.setInt32(to, writeText(view, at, end, fields, start) - start)
    return end
  }
}

/** Of the binary form of jsonb, which is a text behind it. */
const JSONB_VERSION = 1

function readJson({ bytes, view }: Source, at: number, fields: DataView, to: number): number {
  const end = jsonEnd(bytes, at)
  if (end === UNKNOWN) return UNKNOWN
  const start = to + LENGTH_BYTES
  fields.setUint8(start, JSONB_VERSION)
  fields.setInt32(to, writeText(view, at, end, fields, start + 1) - start)
  return end
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

function oneOf(values: readonly string[]): ReadValue {
  const words = values.map((value) => Buffer.from(`${value}"`))
  return textReader((body, at) => {
    for (const word of words) {
      const end = wordEnd(body, at, word)
      if (end !== UNKNOWN) return end - 1
    }
    return UNKNOWN
  })
}

const BY_TYPE: Readonly<Record<Column['type'], ReadValue>> = {
  text: textReader(textEnd),
  uuid: readUuid,
  int4: readInt4,
  int8: readInt8,
  numeric: readNumeric,
  boolean: readBoolean,
  timestamptz: readTimestamp,
  jsonb: readJson,
}

/** The reader of a column's values. */
export function readerOf({ type, values, reference }: Column): ReadValue {
  if (reference === true) return textReader(referenceEnd)
  return values === undefined ? BY_TYPE[type] : oneOf(values)
}
