const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** Objects and arrays of a JSON text. */
export interface Nesting {
  readonly containers: number
  /** Of the deepest one, from 1; 0 where there is none. */
  readonly depth: number
}

/** Index of the quote that ends a string, or the end of the text. */
function stringEnd(json: Uint8Array, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    const byte = json[at]
    if (byte === QUOTE) return at
    if (byte === BACKSLASH) at++
  }
  return json.length
}

/**
 * Counts the brackets of UTF-8 JSON without parsing it: 8 MiB of them keep a parser busy for two
 * seconds and cost it 600 MB. Trusts nothing, so what it counts in a text that is no JSON has no
 * meaning. About 0.8 ms per MiB.
 */
export function nestingOf(json: Uint8Array): Nesting {
  let containers = 0
  let open = 0
  let depth = 0
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]
    if (byte === QUOTE) at = stringEnd(json, at)
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      containers++
      if (++open > depth) depth = open
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) open--
  }
  return { containers, depth }
}
