const BACKSLASH = 0x5c
const SLASH = 0x2f
const SPACE = 0x20
const LETTER_U = 0x75
const FIRST_PRINTABLE = 0x21
const LAST_PRINTABLE = 0x7e
/** `b`, `f`, `n`, `r`, `t`. */
const SHORT_ESCAPES: ReadonlySet<number> = new Set([0x62, 0x66, 0x6e, 0x72, 0x74])
const HEX_DIGITS = 4

/** Value of a hexadecimal digit; NaN for anything else. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : Number.NaN
}

/** The UTF-16 unit that four hexadecimal digits write; NaN where they are none. */
function unitAt(text: string, start: number): number {
  let unit = 0
  for (let at = start; at < start + HEX_DIGITS; at++) {
    unit = unit * 16 + hexDigit(text.charCodeAt(at))
  }
  return unit
}

/**
 * JSON text with printable ASCII in place of its escapes, which could hide a keyword, and a space
 * in place of all others, at any depth of JSON inside of JSON. One pass without a call per escape:
 * 5 ms per MiB of them, where a replacing pattern took 100, and 400 for backslashes alone.
 */
export function withoutEscapes(jsonText: string): string {
  if (!jsonText.includes('\\')) return jsonText
  const units = new Uint16Array(jsonText.length)
  let length = 0
  for (let at = 0; at < jsonText.length; ) {
    const code = jsonText.charCodeAt(at)
    if (code !== BACKSLASH) {
      units[length++] = code
      at++
      continue
    }
    const runStart = at
    while (jsonText.charCodeAt(at) === BACKSLASH) at++
    const kind = jsonText.charCodeAt(at)
    const unit = kind === LETTER_U ? unitAt(jsonText, at + 1) : Number.NaN
    if (!Number.isNaN(unit)) {
      units[length++] = unit >= FIRST_PRINTABLE && unit <= LAST_PRINTABLE ? unit : SPACE
      at += 1 + HEX_DIGITS
    } else if (kind === SLASH || SHORT_ESCAPES.has(kind)) {
      units[length++] = kind === SLASH ? SLASH : SPACE
      at++
    } else {
      for (let left = at - runStart; left > 0; left--) units[length++] = BACKSLASH
    }
  }
  // Every escape is shorter without itself.
  if (length === jsonText.length) return jsonText
  return Buffer.from(units.buffer, 0, length * 2).toString('utf16le')
}
