import { UUID_PATTERN } from '@hq-export/contract'
import { describe, expect, it } from 'vitest'
import { createRandom } from './random.ts'

describe('a seeded random', () => {
  it('draws the same from the same seed', () => {
    const draw = (seed: string) => {
      const random = createRandom(seed)
      return [random.uuid(), random.digits(40), random.integer(0, 1e6), random.fraction()]
    }
    expect(draw('7/1')).toEqual(draw('7/1'))
    expect(draw('7/1')).not.toEqual(draw('7/2'))
  })

  it('reaches both ends of a range and nothing beyond', () => {
    const random = createRandom('range')
    const drawn = new Set(Array.from({ length: 500 }, () => random.integer(1, 4)))
    expect([...drawn].sort()).toEqual([1, 2, 3, 4])
  })

  it('draws uuids and digits of the asked form', () => {
    const random = createRandom('forms')
    for (let draw = 0; draw < 100; draw++) {
      expect(random.uuid()).toMatch(UUID_PATTERN)
      expect(random.digits(40)).toMatch(/^[1-9]\d{39}$/)
      expect(random.hex(13)).toMatch(/^[0-9a-f]{13}$/)
    }
  })

  it('does not repeat uuids', () => {
    const random = createRandom('unique')
    expect(new Set(Array.from({ length: 10_000 }, () => random.uuid())).size).toBe(10_000)
  })

  it('picks nothing from nothing', () => {
    expect(() => createRandom('x').pick([])).toThrow(RangeError)
  })
})
