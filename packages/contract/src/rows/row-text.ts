/*
 * Where the text of each row stands in the text of a batch. JSON.parse rounds numbers and forgets
 * what they looked like, so what is kept as it was sent (unknown columns, quarantined rows) is cut
 * out of the text instead. Only batches that have such rows pay for it. Every function trusts that
 * JSON.parse has accepted the text; none recurses, so depth costs nothing, and none goes on behind
 * the end of a text that was cut off.
 */

/** Start (inclusive) and end (exclusive) of a value in the text. */
export interface Span {
  readonly start: number
  readonly end: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const SPACE = 0x20

function skipSpace(text: string, from: number): number {
  let at = from
  // Of the characters up to U+0020, JSON allows only white space outside strings.
  while (text.charCodeAt(at) <= SPACE) at++
  return at
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at++
  }
  return text.length
}

function nestedEnd(text: string, start: number): number {
  let depth = 0
  let at = start
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = stringEnd(text, at)
      continue
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
    at++
    if (depth === 0) return at
  }
  return at
}

function scalarEnd(text: string, start: number): number {
  let at = start
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code <= SPACE || code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET) break
  }
  return at
}

function valueEnd(text: string, start: number): number {
  const code = text.charCodeAt(start)
  if (code === QUOTE) return stringEnd(text, start)
  return code === OPEN_BRACE || code === OPEN_BRACKET
    ? nestedEnd(text, start)
    : scalarEnd(text, start)
}

/** Members of the object at `start`; of equal names the last one, as JSON.parse has it. */
export function locateMembers(text: string, start: number): Map<string, Span> {
  const members = new Map<string, Span>()
  let at = skipSpace(text, start + 1)
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = stringEnd(text, at)
    const name: string = JSON.parse(text.slice(at, nameEnd))
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1)
    const end = valueEnd(text, valueStart)
    members.set(name, { start: valueStart, end })
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
  }
  return members
}

function* elementSpans(text: string, start: number): Generator<Span> {
  let at = skipSpace(text, start + 1)
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = valueEnd(text, at)
    yield { start: at, end }
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
  }
}

function memberOf(text: string, start: number, name: string): Span {
  const member = locateMembers(text, start).get(name)
  if (member === undefined) throw new Error(`the envelope was valid without ${name}`)
  return member
}

/** An element of the envelope's `rows`: all of it, and the row inside. */
export interface LocatedRow {
  readonly whole: Span
  readonly row: Span
}

/** Where each row of a batch stands in its text, by position in `rows`. */
export function locateRows(text: string): readonly LocatedRow[] {
  const { start } = memberOf(text, skipSpace(text, 0), 'rows')
  return Array.from(elementSpans(text, start), (whole) => ({
    whole,
    row: memberOf(text, whole.start, 'row'),
  }))
}
