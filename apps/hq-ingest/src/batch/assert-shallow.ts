import { LIMITS } from '@hq-export/contract'
import { Refusal } from '../refusal.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** Index of the quote that ends a string, or the end of the body. */
function stringEnd(body: Uint8Array, start: number): number {
  for (let at = start + 1; at < body.length; at++) {
    const byte = body[at]
    if (byte === QUOTE) return at
    if (byte === BACKSLASH) at++
  }
  return body.length
}

/**
 * Looks at the brackets of a body before it is parsed: 8 MiB of them keep a parser busy for seconds and cost it half a gigabyte. Says
 * nothing about whether it is JSON. About 0.8 ms per MiB.
 * @throws {Refusal} `invalid_envelope` (400) where it is nested too deep; `too_large` (413) where it has too many.
 */
export function assertShallow(body: Uint8Array): void {
  const { maxDepth, maxContainers } = LIMITS
  let depth = 0
  let containers = 0
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (byte === QUOTE) at = stringEnd(body, at)
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      containers++
      if (++depth > maxDepth) {
        throw new Refusal('invalid_envelope', `the body must not be nested deeper than ${maxDepth}`)
      }
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--
  }
  if (containers > maxContainers) {
    const detail = `the body must not have more than ${maxContainers} objects and arrays`
    throw new Refusal('too_large', detail)
  }
}
