import { CommanderError } from 'commander'
import { describe, expect, it } from 'vitest'
import { type DemoOptions, parseOptions } from './options.ts'

function parse(...args: string[]): DemoOptions {
  return parseOptions(args, 7, { out: () => {}, err: () => {} })
}

describe('the command line', () => {
  it('runs gently until stopped where nothing is asked for', () => {
    expect(parse()).toEqual({
      seconds: undefined,
      seed: 7,
      rowsPerSecond: 300,
      faults: [],
      isQuiet: false,
    })
  })

  it('takes seconds, seed and rate', () => {
    expect(parse('--seconds', '20', '--seed', '0', '--rate', '50', '--quiet')).toEqual({
      seconds: 20,
      seed: 0,
      rowsPerSecond: 50,
      faults: [],
      isQuiet: true,
    })
  })

  it('runs faster for a bounded time', () => {
    expect(parse('--seconds', '20').rowsPerSecond).toBe(3_000)
  })

  it('takes faults by their names', () => {
    expect(parse('--fault', 'null-domains', 'new-event-type').faults).toEqual([
      'null-domains',
      'new-event-type',
    ])
  })

  it.each([
    ['--fault', 'fire'],
    ['--seconds', '0'],
    ['--seconds', '1.5'],
    ['--seconds', 'x'],
    ['--seconds', ''],
    ['--rate', '-1'],
    ['--seed', '1e3'],
    ['--nonsense', '1'],
    ['start', 'now'],
  ])('refuses %s %s', (option, value) => {
    expect(() => parse(option, value)).toThrow(CommanderError)
  })
})
