import { expect, test } from 'vitest'
import { findUnrepresentable, isSuspicious } from './find-unrepresentable.ts'

const BACKSLASH = '\\'
const unicode = (digits: string) => `${BACKSLASH}u${digits}`

test.each([
  { name: 'U+0000', json: `"a${unicode('0000')}b"`, code: 'unrepresentable_nul' },
  { name: 'U+0000 in a name', json: `{"${unicode('0000')}":1}`, code: 'unrepresentable_nul' },
  {
    name: 'U+0000 behind an escaped backslash',
    json: `"${BACKSLASH.repeat(2)}${unicode('0000')}"`,
    code: 'unrepresentable_nul',
  },
  {
    name: 'a high surrogate at the end',
    json: `"${unicode('D83E')}"`,
    code: 'unrepresentable_surrogate',
  },
  {
    name: 'a high surrogate before a letter',
    json: `"${unicode('d83e')}x"`,
    code: 'unrepresentable_surrogate',
  },
  {
    name: 'a high surrogate before another escape',
    json: `"${unicode('d83e')}${BACKSLASH}n"`,
    code: 'unrepresentable_surrogate',
  },
  {
    name: 'two high surrogates',
    json: `"${unicode('d83e')}${unicode('d83e')}"`,
    code: 'unrepresentable_surrogate',
  },
  { name: 'a low surrogate', json: `"${unicode('dd86')}"`, code: 'unrepresentable_surrogate' },
  {
    name: 'halves in the wrong order',
    json: `"${unicode('dd86')}${unicode('d83e')}"`,
    code: 'unrepresentable_surrogate',
  },
  {
    name: 'halves in two strings',
    json: `["${unicode('d83e')}","${unicode('dd86')}"]`,
    code: 'unrepresentable_surrogate',
  },
])('$name cannot be stored', ({ json, code }) => {
  JSON.parse(json)
  expect(isSuspicious(json)).toBe(true)
  expect(findUnrepresentable(json)).toBe(code)
})

test.each([
  { name: 'an escaped pair', json: `"${unicode('d83e')}${unicode('dd86')}"` },
  { name: 'an unescaped pair', json: '"🦆"' },
  { name: 'another control character', json: `"${unicode('0001')}"` },
  {
    name: 'the text of an escape',
    json: `"${BACKSLASH}${unicode('0000')} ${BACKSLASH}${unicode('d83e')}"`,
  },
  { name: 'no text', json: '[1, true, null, {}]' },
])('$name can be stored', ({ json }) => {
  JSON.parse(json)
  expect(findUnrepresentable(json)).toBeUndefined()
})
