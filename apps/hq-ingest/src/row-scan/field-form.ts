import { BACKSLASH, copyBytes, findByte, QUOTE, viewOf } from './bytes.ts'

/** Writes the value between `at` and `end` of the body to `fields` from `to` on. */
export type WriteValue = (
  body: DataView,
  at: number,
  end: number,
  fields: DataView,
  to: number,
) => number

/** How a value is written for PostgreSQL. No form of a value is longer than its JSON. */
export interface FieldForm {
  readonly null: DataView
  readonly writeText: WriteValue
  /** Stands behind every value. */
  readonly separator: number
}

/**
 * What a form makes of the escapes of JSON, letter by letter: an escape of its own with that
 * letter, or the character that is meant.
 * @param own letters of the former.
 */
function writerOf(
  own: string,
  meant: Readonly<Record<string, string>>,
  isQuoted: boolean,
): WriteValue {
  const isOwn = new Uint8Array(256)
  const written = new Uint8Array(256)
  for (const letter of own) {
    isOwn[letter.charCodeAt(0)] = 1
    written[letter.charCodeAt(0)] = letter.charCodeAt(0)
  }
  for (const [letter, character] of Object.entries(meant)) {
    written[letter.charCodeAt(0)] = character.charCodeAt(0)
  }
  return (body, at, end, fields, to) => {
    let next = to
    if (isQuoted) fields.setUint8(next++, QUOTE)
    for (let i = at; i < end; i++) {
      const backslash = findByte(body, i, end, BACKSLASH)
      next = copyBytes(body, i, backslash, fields, next)
      if (backslash === end) break
      i = backslash + 1
      const letter = body.getUint8(i)
      if (isOwn[letter] === 1) fields.setUint8(next++, BACKSLASH)
      fields.setUint8(next++, written[letter] ?? 0)
    }
    if (isQuoted) fields.setUint8(next++, QUOTE)
    return next
  }
}

/** A line of COPY text, as `copyText` of `apply/` writes it. */
export const COPY_FORM: FieldForm = {
  null: viewOf(Buffer.from('\\N')),
  writeText: writerOf('\\ntr', { '"': '"', '/': '/', b: '\b', f: '\f' }, false),
  separator: 0x09,
}

/** Elements of array literals, as `columnArrays` of `apply/` writes them. */
export const ARRAY_FORM: FieldForm = {
  null: viewOf(Buffer.from('NULL')),
  writeText: writerOf('\\"', { '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }, true),
  separator: 0x2c,
}
