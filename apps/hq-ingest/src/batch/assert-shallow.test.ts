import { LIMITS } from '@hq-export/contract'
import { expect, test } from 'vitest'
import { assertShallow } from './assert-shallow.ts'

const { maxDepth, maxContainers } = LIMITS
const nested = (depth: number) => Buffer.from(`${'[{"a":'.repeat(depth / 2)}1`)

test('the greatest depth is taken, one more is refused', () => {
  expect(() => assertShallow(nested(maxDepth))).not.toThrow()
  expect(() => assertShallow(nested(maxDepth + 2))).toThrow('nested deeper than 32')
})

test('as many containers as the limit are taken, one more is refused', () => {
  const containers = (count: number) => Buffer.from(`${'{},'.repeat(count)}`)
  expect(() => assertShallow(containers(maxContainers))).not.toThrow()
  expect(() => assertShallow(containers(maxContainers + 1))).toThrow('objects and arrays')
})

test('brackets in strings count for nothing, whatever is escaped there', () => {
  for (const text of ['['.repeat(99), `\\"${'{'.repeat(99)}`, `\\\\\\"${'['.repeat(99)}`]) {
    expect(() => assertShallow(Buffer.from(`["${text}"]`))).not.toThrow()
  }
  expect(() => assertShallow(Buffer.from(`["\\\\",${'['.repeat(99)}`))).toThrow('nested')
})

test('a body that ends in the middle of a string is left to the parser', () => {
  for (const text of ['"', '"\\', '{"a', ''])
    expect(() => assertShallow(Buffer.from(text))).not.toThrow()
})
