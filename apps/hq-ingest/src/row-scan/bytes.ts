/** What the bytes at hand are not known to be. */
export const UNKNOWN = -1

export const QUOTE = 0x22
export const MINUS = 0x2d
export const DOT = 0x2e
export const ZERO = 0x30
export const BACKSLASH = 0x5c
const NINE = 0x39

/** The byte at `at`; behind the end of the body 0, which stands in no valid one. */
export function byteAt(body: Uint8Array, at: number): number {
  return body[at] ?? 0
}

/** Index behind `word`, if that stands at `at`, else {@link UNKNOWN}. */
export function wordEnd(body: Uint8Array, at: number, word: Uint8Array): number {
  for (let i = 0; i < word.length; i++) if (body[at + i] !== word[i]) return UNKNOWN
  return at + word.length
}

/** Index of the first byte from `at` on that is no digit. */
export function digitsEnd(body: Uint8Array, at: number): number {
  let end = at
  while (byteAt(body, end) >= ZERO && byteAt(body, end) <= NINE) end++
  return end
}

/**
 * Index behind an integer without leading zeros, and without a sign where that is a zero's, as
 * PostgreSQL prints it; else {@link UNKNOWN}.
 */
export function integerEnd(body: Uint8Array, at: number): number {
  const isNegative = byteAt(body, at) === MINUS
  const start = isNegative ? at + 1 : at
  const end = digitsEnd(body, start)
  if (end === start) return UNKNOWN
  if (byteAt(body, start) === ZERO && (end > start + 1 || isNegative)) return UNKNOWN
  return end
}

/** A table that is 1 at every byte that `holds` says yes to. */
export function byteTable(holds: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (holds(byte) ? 1 : 0))
}

/** Bytes that stand for themselves in a JSON string. */
const PLAIN = byteTable((byte) => byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH)

/** Index of the first byte from `at` on that a JSON string does not hold as it is. */
export function plainEnd(body: Uint8Array, at: number): number {
  let end = at
  while (PLAIN[byteAt(body, end)] === 1) end++
  return end
}

/** A view of the same bytes that reads and writes several at once. */
export function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length)
}

/** Four bytes, the unit in which longer texts are compared and copied: it takes a third. */
const FOUR = 4

/** A text of at least four bytes, to be compared four at a time; the last four may overlap. */
export interface Mark {
  readonly length: number
  readonly fours: Int32Array
}

/** @throws {RangeError} for a text that is too short. */
export function markOf(text: string): Mark {
  const { length } = text
  if (length < FOUR) throw new RangeError(`${text} is too short`)
  const view = viewOf(Buffer.from(text))
  const starts = Array.from({ length: Math.ceil(length / FOUR) }, (_, i) => i * FOUR)
  return {
    length,
    fours: Int32Array.from(starts, (at) => view.getInt32(Math.min(at, length - FOUR))),
  }
}

/** Index behind `mark`, if that stands at `at`, else {@link UNKNOWN}. */
export function markEnd(body: DataView, at: number, { length, fours }: Mark): number {
  const end = at + length
  if (end > body.byteLength) return UNKNOWN
  const last = fours.length - 1
  for (let i = 0; i < last; i++) if (body.getInt32(at + i * FOUR) !== fours[i]) return UNKNOWN
  return body.getInt32(end - FOUR) === fours[last] ? end : UNKNOWN
}

/** Copies the bytes between `at` and `end`. Returns where the next ones go. */
export function copyBytes(
  from: DataView,
  at: number,
  end: number,
  into: DataView,
  to: number,
): number {
  const move = to - at
  let i = at
  for (; i <= end - FOUR; i += FOUR) into.setInt32(i + move, from.getInt32(i))
  for (; i < end; i++) into.setUint8(i + move, from.getUint8(i))
  return end + move
}

/** Index of the first `byte` from `at` on, or `end`. */
export function findByte(bytes: DataView, at: number, end: number, byte: number): number {
  const everywhere = byte * 0x01010101
  let i = at
  for (; i <= end - FOUR; i += FOUR) {
    // Has a zero among its four bytes where one of them is the byte (Mycroft, 1987).
    const four = bytes.getInt32(i) ^ everywhere
    if (((four - 0x01010101) & ~four & 0x80808080) !== 0) break
  }
  while (i < end && bytes.getUint8(i) !== byte) i++
  return i
}

/** Of a template's characters: what each of them stands for, as a bit. */
const TEMPLATE_BITS: Readonly<Record<string, number>> = { '0': 1, x: 2, '-': 4, T: 8, ':': 16 }
/** The bits of every byte: a digit is also a hexadecimal digit. */
const BYTE_BITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  if (/[0-9]/.test(character)) return 1 | 2
  return /[a-f]/.test(character) ? 2 : (TEMPLATE_BITS[character] ?? 0) & ~3
})

/** `0` is any digit, `x` a hexadecimal one in lower case, every other character itself. */
export function templateOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => TEMPLATE_BITS[character] ?? 0)
}

/** Index behind what is as the template says, if that stands at `at`, else {@link UNKNOWN}. */
export function templateEnd(body: Uint8Array, at: number, template: Uint8Array): number {
  for (let i = 0; i < template.length; i++) {
    if (((BYTE_BITS[byteAt(body, at + i)] ?? 0) & (template[i] ?? 0)) === 0) return UNKNOWN
  }
  return at + template.length
}

/** Writes a whole number, exact as it is, in eight bytes. */
export function writeInt8(into: DataView, to: number, value: number): void {
  into.setInt32(to, Math.floor(value / 0x1_0000_0000))
  // Modulo 2^32, in two's complement below zero.
  into.setUint32(to + FOUR, value)
}
