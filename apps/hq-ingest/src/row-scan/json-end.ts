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

/*
 * JSON inside of a JSON string: its quotes travel as `\"`, its backslashes as `\\`. It is read
 * as it stands, without undoing that. Known is what PostgreSQL prints as jsonb: spaces and no
 * other white space, no `\u`; nested no deeper than the bits of a number tell.
 */

const SPACE = 0x20
const SLASH = 0x2f
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const PLUS = 0x2b
const LETTER_E = 0x65

const MAX_DEPTH = 31
/** Letters of the short escapes. */
const SHORT_ESCAPES = byteTable((byte) => '/bfnrt'.includes(String.fromCharCode(byte)))
const LITERALS = ['null', 'true', 'false'].map((literal) => Buffer.from(literal))

function spacesEnd(body: Uint8Array, at: number): number {
  let end = at
  while (byteAt(body, end) === SPACE) end++
  return end
}

/** Index behind an inner string, which begins and ends with `\"`. */
function stringEnd(body: Uint8Array, at: number): number {
  if (byteAt(body, at) !== BACKSLASH || byteAt(body, at + 1) !== QUOTE) return UNKNOWN
  let end = plainEnd(body, at + 2)
  for (;;) {
    // Not a quote by itself, which would end the outer string, and no control character.
    if (byteAt(body, end) !== BACKSLASH) return UNKNOWN
    const escaped = byteAt(body, end + 1)
    if (escaped === QUOTE) return end + 2
    if (escaped === SLASH) end += 2
    else if (escaped !== BACKSLASH) return UNKNOWN
    else {
      // An inner escape: `\\n`, or `\\\"` and `\\\\`, whose second half is escaped, too.
      const letter = byteAt(body, end + 2)
      if (SHORT_ESCAPES[letter] === 1) end += 3
      else {
        const last = byteAt(body, end + 3)
        if (letter !== BACKSLASH || (last !== QUOTE && last !== BACKSLASH)) return UNKNOWN
        end += 4
      }
    }
    end = plainEnd(body, end)
  }
}

function numberEnd(body: Uint8Array, at: number): number {
  const start = byteAt(body, at) === MINUS ? at + 1 : at
  // JSON has a negative zero.
  let end = byteAt(body, start) === ZERO ? start + 1 : integerEnd(body, start)
  if (end === UNKNOWN || byteAt(body, start) === MINUS) return UNKNOWN
  if (byteAt(body, end) === DOT) {
    const fraction = end + 1
    end = digitsEnd(body, fraction)
    if (end === fraction) return UNKNOWN
  }
  if ((byteAt(body, end) | 0x20) !== LETTER_E) return end
  const sign = byteAt(body, end + 1)
  const exponent = sign === PLUS || sign === MINUS ? end + 2 : end + 1
  end = digitsEnd(body, exponent)
  return end === exponent ? UNKNOWN : end
}

function scalarEnd(body: Uint8Array, at: number): number {
  if (byteAt(body, at) === BACKSLASH) return stringEnd(body, at)
  for (const literal of LITERALS) {
    const end = wordEnd(body, at, literal)
    if (end !== UNKNOWN) return end
  }
  return numberEnd(body, at)
}

/** Where the value of a member begins, whose name begins at `at`. */
function nameEnd(body: Uint8Array, at: number): number {
  const end = stringEnd(body, at)
  if (end === UNKNOWN) return UNKNOWN
  const colon = spacesEnd(body, end)
  return byteAt(body, colon) === COLON ? spacesEnd(body, colon + 1) : UNKNOWN
}

/**
 * Index of the quote that ends a string, which begins at `at` and holds JSON and nothing else; else
 * `UNKNOWN`.
 */
export function jsonEnd(body: Uint8Array, at: number): number {
  // Of the containers that are open, the innermost lowest: 1 for an object.
  let isObject = 0
  let depth = 0
  let end = spacesEnd(body, at)
  for (;;) {
    // A value begins here.
    const first = byteAt(body, end)
    if (first === OPEN_BRACE || first === OPEN_BRACKET) {
      if (depth === MAX_DEPTH) return UNKNOWN
      depth++
      isObject = (isObject << 1) | (first === OPEN_BRACE ? 1 : 0)
      end = spacesEnd(body, end + 1)
      if (byteAt(body, end) !== (first === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET)) {
        if (first === OPEN_BRACE) end = nameEnd(body, end)
        if (end === UNKNOWN) return UNKNOWN
        continue
      }
    } else {
      end = scalarEnd(body, end)
      if (end === UNKNOWN) return UNKNOWN
    }
    // A value has ended here, or is about to.
    for (;;) {
      end = spacesEnd(body, end)
      const next = byteAt(body, end)
      if (depth === 0) return next === QUOTE ? end : UNKNOWN
      const isInObject = (isObject & 1) === 1
      if (next === COMMA) {
        end = spacesEnd(body, end + 1)
        if (isInObject) end = nameEnd(body, end)
        if (end === UNKNOWN) return UNKNOWN
        break
      }
      if (next !== (isInObject ? CLOSE_BRACE : CLOSE_BRACKET)) return UNKNOWN
      depth--
      isObject >>>= 1
      end++
    }
  }
}
