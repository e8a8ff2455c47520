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
