import { expect, test } from 'vitest'
import { nestingOf } from './nesting.ts'

test.each([
  { json: '', containers: 0, depth: 0 },
  { json: '1', containers: 0, depth: 0 },
  { json: '[]', containers: 1, depth: 1 },
  { json: '{"a":[{},[[]]],"b":[]}', containers: 6, depth: 4 },
  { json: '["[[[[", "\\"{{{{", "\\\\\\"[[[["]', containers: 1, depth: 1 },
  { json: '["\\\\",[[]]]', containers: 3, depth: 3 },
  { json: '["é[[",["😀{"]]', containers: 2, depth: 2 },
])('$json has $containers containers, $depth deep', ({ json, containers, depth }) => {
  expect(nestingOf(Buffer.from(json))).toEqual({ containers, depth })
})

test('a text that ends in the middle of a string ends there', () => {
  for (const text of ['"', '"\\', '[["a', '[["\\']) {
    expect(nestingOf(Buffer.from(text)).depth).toBeLessThanOrEqual(2)
  }
})
