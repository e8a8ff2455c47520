import { createHash } from 'node:crypto'

/** A seeded source of choices: the same seed draws the same sequence. */
export interface Random {
  /** From 0 to less than 1. */
  fraction(): number
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  /** One of `values`, which must not be empty. */
  pick<T>(values: readonly T[]): T
  /** `count` decimal digits, the first of them not 0. */
  digits(count: number): string
  /** A uuid of version 4. */
  uuid(): string
  /** `length` lower-case hexadecimal digits. */
  hex(length: number): string
}

/**
 * Begins a sequence for `seed`. The generator is sfc32 (Chris Doty-Humphrey, PractRand), whose
 * state of 128 bits is the start of the seed's SHA-256, so that neighbouring seeds have nothing in
 * common.
 */
export function createRandom(seed: string): Random {
  const hash = createHash('sha256').update(seed).digest()
  let [a, b, c, d] = [0, 4, 8, 12].map((offset) => hash.readUInt32LE(offset)) as [
    number,
    number,
    number,
    number,
  ]
  const next = (): number => {
    const sum = (a + b + d) >>> 0
    d = (d + 1) >>> 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) >>> 0
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0
    return sum
  }
  const fraction = () => next() / 2 ** 32
  const integer = (min: number, max: number) => min + Math.floor(fraction() * (max - min + 1))
  const hex = (length: number) => {
    let text = ''
    while (text.length < length) text += next().toString(16).padStart(8, '0')
    return text.slice(0, length)
  }
  return {
    fraction,
    integer,
    hex,
    chance: (probability) => fraction() < probability,
    pick(values) {
      const value = values[integer(0, values.length - 1)]
      if (value === undefined) throw new RangeError('nothing to pick from')
      return value
    },
    digits(count) {
      let text = String(integer(1, 9))
      while (text.length < count) text += String(integer(0, 9))
      return text
    },
    uuid() {
      const text = hex(32)
      const variant = (8 + (next() & 3)).toString(16)
      return [
        text.slice(0, 8),
        text.slice(8, 12),
        `4${text.slice(13, 16)}`,
        `${variant}${text.slice(17, 20)}`,
        text.slice(20),
      ].join('-')
    },
  }
}
