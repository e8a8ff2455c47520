const QUOTE = 0x22
const MINUS = 0x2d
const PLUS = 0x2b
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const LETTER_U = 0x75
const FIRST_PRINTABLE = 0x20
/** `"`, `\`, `/`, b, f, n, r, t. */
const SHORT_ESCAPES: ReadonlySet<number> = new Set(
  ['"', '\\', '/', 'b', 'f', 'n', 'r', 't'].map((letter) => letter.charCodeAt(0)),
)
const LITERALS: ReadonlyMap<number, string> = new Map(
  ['true', 'false', 'null'].map((literal) => [literal.charCodeAt(0), literal]),
)

/** Where no text goes on. */
const NOWHERE = -1

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66)
}

function skipSpace(text: string, from: number): number {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at++
  }
}

function skipDigits(text: string, from: number): number {
  let at = from
  while (isDigit(text.charCodeAt(at))) at++
  return at === from ? NOWHERE : at
}

function stringEnd(text: string, start: number): number {
  if (text.charCodeAt(start) !== QUOTE) return NOWHERE
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code < FIRST_PRINTABLE) return NOWHERE
    if (code !== BACKSLASH) continue
    at++
    const letter = text.charCodeAt(at)
    if (SHORT_ESCAPES.has(letter)) continue
    if (letter !== LETTER_U) return NOWHERE
    for (const end = at + 4; at < end; ) if (!isHexDigit(text.charCodeAt(++at))) return NOWHERE
  }
  return NOWHERE
}

function numberEnd(text: string, start: number): number {
  let at = text.charCodeAt(start) === MINUS ? start + 1 : start
  at = text.charCodeAt(at) === ZERO ? at + 1 : skipDigits(text, at)
  if (at !== NOWHERE && text.charCodeAt(at) === DOT) at = skipDigits(text, at + 1)
  if (at === NOWHERE || (text.charCodeAt(at) | 0x20) !== 0x65) return at
  const sign = text.charCodeAt(at + 1)
  return skipDigits(text, sign === MINUS || sign === PLUS ? at + 2 : at + 1)
}

function scalarEnd(text: string, start: number): number {
  const code = text.charCodeAt(start)
  if (code === QUOTE) return stringEnd(text, start)
  const literal = LITERALS.get(code)
  if (literal === undefined) return numberEnd(text, start)
  return text.startsWith(literal, start) ? start + literal.length : NOWHERE
}

/** Behind the name of a member and its colon. */
function nameEnd(text: string, start: number): number {
  const end = stringEnd(text, start)
  if (end === NOWHERE) return NOWHERE
  const colon = skipSpace(text, end)
  return text.charCodeAt(colon) === COLON ? skipSpace(text, colon + 1) : NOWHERE
}

/**
 * True exactly for the texts that JSON.parse takes, in one pass that makes nothing of them and does
 * not recurse: a parser spends seconds and hundreds of megabytes on a few megabytes of brackets.
 */
export function isJsonText(text: string): boolean {
  // One bit of a stack per container would do; a byte is as good. It doubles as the text goes
  // deeper.
  let isObject = new Uint8Array(64)
  let depth = 0
  let at = skipSpace(text, 0)
  for (;;) {
    // A value begins here.
    const code = text.charCodeAt(at)
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (depth === isObject.length) {
        const larger = new Uint8Array(2 * depth)
        larger.set(isObject)
        isObject = larger
      }
      isObject[depth++] = code === OPEN_BRACE ? 1 : 0
      at = skipSpace(text, at + 1)
      const next = text.charCodeAt(at)
      if (next !== (code === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET)) {
        if (code === OPEN_BRACE) at = nameEnd(text, at)
        if (at === NOWHERE) return false
        continue
      }
    } else {
      at = scalarEnd(text, at)
      if (at === NOWHERE) return false
    }
    // A value has ended here, or is about to.
    for (;;) {
      at = skipSpace(text, at)
      if (depth === 0) return at === text.length
      const isInObject = isObject[depth - 1] === 1
      const next = text.charCodeAt(at)
      if (next === COMMA) {
        at = skipSpace(text, at + 1)
        if (isInObject) at = nameEnd(text, at)
        if (at === NOWHERE) return false
        break
      }
      if (next !== (isInObject ? CLOSE_BRACE : CLOSE_BRACKET)) return false
      depth--
      at++
    }
  }
}
