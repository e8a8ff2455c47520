import { CommanderError } from 'commander'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parseOptions } from './options.ts'

describe('the command line', () => {
  beforeEach(() => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  })
  afterEach(() => vi.restoreAllMocks())

  it('runs gently until stopped where nothing is asked for', () => {
    expect(parseOptions([], 7)).toEqual({
      seconds: undefined,
      seed: 7,
      rowsPerSecond: 300,
      isQuiet: false,
    })
  })

  it('takes seconds, seed and rate', () => {
    expect(parseOptions(['--seconds', '20', '--seed', '0', '--rate', '50', '--quiet'], 7)).toEqual({
      seconds: 20,
      seed: 0,
      rowsPerSecond: 50,
      isQuiet: true,
    })
  })

  it('runs faster for a bounded time', () => {
    expect(parseOptions(['--seconds', '20'], 7).rowsPerSecond).toBe(3_000)
  })

  it.each([
    ['--seconds', '0'],
    ['--seconds', '1.5'],
    ['--seconds', 'x'],
    ['--seconds', ''],
    ['--rate', '-1'],
    ['--seed', '1e3'],
    ['--nonsense', '1'],
    ['start', 'now'],
  ])('refuses %s %s', (option, value) => {
    expect(() => parseOptions([option, value], 7)).toThrow(CommanderError)
  })
})
