import { expect } from 'vitest'

/** Microseconds of processor time that a busy machine, the compiler and the collector may add to any measurement. */
const NOISE_US = 60_000
const TRIES = 3

/** The least processor time of a few runs, in microseconds. */
function costOf(work: () => unknown): number {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < TRIES; i++) {
    const before = process.cpuUsage()
    work()
    best = Math.min(best, process.cpuUsage(before).user)
  }
  return best
}

/**
 * Asserts that `read` takes time in proportion to its text, and little of it: four times the text may cost eight times as much, and a
 * character half a microsecond. What grows with the square costs 16 times as much, and what looks at each character a thousand times
 * breaks the other bound.
 * @param build makes a text of about as many characters.
 */
export function expectLinear(
  name: string,
  build: (chars: number) => string,
  read: (text: string) => unknown,
  chars = 250_000,
): void {
  const [short, long] = [build(chars), build(4 * chars)]
  const [shortUs, longUs] = [costOf(() => read(short)), costOf(() => read(long))]
  expect({ name, longUs }).toSatisfy(() => longUs <= NOISE_US + 8 * shortUs)
  expect({ name, longUs }).toSatisfy(() => longUs <= NOISE_US + long.length / 2)
}
