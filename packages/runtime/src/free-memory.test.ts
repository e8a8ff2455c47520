import { expect, test } from 'vitest'
import { freeMemory } from './free-memory.ts'

test('a large buffer is empty afterwards', () => {
  const large = Buffer.alloc(1024 * 1024, 'row')
  freeMemory(large)
  expect(large).toHaveLength(0)
  expect(large.buffer.byteLength).toBe(0)
})

test('a small one and its neighbours in the pool stay as they are', () => {
  const [small, neighbour] = [Buffer.from('small'), Buffer.from('neighbour')]
  freeMemory(small)
  expect([small, neighbour].map(String)).toEqual(['small', 'neighbour'])
})
