import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isJsonText } from './json-text.ts'

function isParsed(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const PIECES = [
  ...['{', '}', '[', ']', ',', ':', '"', '\\', ' ', '\n', '\t', '\r', '\u000b', '\u00a0', '\ufeff'],
  ...[
    '-',
    '+',
    '.',
    'e',
    'E',
    '0',
    '1',
    '00',
    '-0',
    '1e5',
    '0.5',
    '1.',
    '.5',
    '01',
    '"a":',
    '"a"',
    '""',
  ],
  ...[
    'true',
    'false',
    'null',
    'nul',
    'True',
    '\\u00e9',
    '\\u12g4',
    '\\x',
    '\\"',
    '\u0000',
    '\u001f',
    '\ud800',
    'x',
  ],
  ...['"\\ud83d"', '{"a":1}', '[]', '{}', '[1,2]', '"x', ',"b":', '1E+2', '1e-', 'Infinity', 'NaN'],
]

test('takes exactly what JSON.parse takes', () => {
  const made = fc
    .array(fc.constantFrom(...PIECES), { maxLength: 9 })
    .map((pieces) => pieces.join(''))
  const printed = fc
    .tuple(fc.json(), fc.constantFrom('', ' ', '\n'))
    .map(([json, space]) => space + json + space)
  const damaged = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom(...PIECES, ''))
    .map(([json, place, piece]) => {
      const at = place % (json.length + 1)
      return json.slice(0, at) + piece + json.slice(at + 1)
    })
  fc.assert(
    fc.property(fc.oneof(made, printed, damaged), (text) => {
      expect({ text, isJson: isJsonText(text) }).toEqual({ text, isJson: isParsed(text) })
    }),
    { numRuns: 6_000 },
  )
})

test('depth costs a byte, and neither time nor a stack', () => {
  const depth = 500_000
  expect(isJsonText('['.repeat(depth) + ']'.repeat(depth))).toBe(true)
  expect(isJsonText('['.repeat(depth) + ']'.repeat(depth - 1))).toBe(false)
  expect(isJsonText(`${'{"a":['.repeat(depth)}1${']}'.repeat(depth)}`)).toBe(true)
})
