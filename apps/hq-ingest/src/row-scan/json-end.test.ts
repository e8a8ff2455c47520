import fc from 'fast-check'
import { expect, test } from 'vitest'
import { UNKNOWN } from './bytes.ts'
import { jsonEnd } from './json-end.ts'

/** As PostgreSQL prints jsonb, and pieces that may spoil it. */
const text = fc.oneof(
  fc.json({ maxDepth: 4, stringUnit: 'binary' }),
  fc
    .array(
      fc.constantFrom(...'{}[]:,"\\ 01-.eE+tn/x\u0000\n', 'null', 'true', '"a"', '1', '\\u0041'),
    )
    .map((pieces) => pieces.join('')),
)

function isJson(candidate: string): boolean {
  try {
    JSON.parse(candidate)
    return true
  } catch {
    return false
  }
}

test('whatever is known to be JSON inside of a string is JSON', () => {
  let known = 0
  fc.assert(
    fc.property(text, (candidate) => {
      const body = Buffer.from(JSON.stringify(candidate))
      const end = jsonEnd(body, 1)
      if (end === UNKNOWN) return
      known++
      expect(end).toBe(body.length - 1)
      expect(isJson(candidate)).toBe(true)
    }),
    { seed: 20_260_216, numRuns: 20_000 },
  )
  expect(known).toBeGreaterThan(3_000)
})
