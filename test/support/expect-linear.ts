import { expect } from 'vitest'
import { threadMs } from './thread-ms.ts'

/** Milliseconds that the compiler and the collector may add to any measurement. */
const NOISE_MS = 60
const CHARS_PER_MS = 5_000
const TRIES = 2

/** The least processor time of a few runs, in milliseconds. */
function costOf(work: () => unknown): number {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < TRIES; i++) {
    const beganMs = threadMs()
    work()
    best = Math.min(best, threadMs() - beganMs)
  }
  return best
}

/**
 * Asserts that `read` takes time in proportion to its text, and little of it: four times the text
 * may cost eight times as much, and a character a fifth of a microsecond. What grows with the
 * square costs 16 times as much, and what looks at each character a hundred times breaks the other
 * bound.
 * @param build makes a text of about as many characters.
 */
export function expectLinear(
  name: string,
  build: (chars: number) => string,
  read: (text: string) => unknown,
  chars = 100_000,
): void {
  const [short, long] = [build(chars), build(4 * chars)]
  const [shortMs, longMs] = [costOf(() => read(short)), costOf(() => read(long))]
  expect({ name, longMs }).toSatisfy(() => longMs <= NOISE_MS + 8 * shortMs)
  expect({ name, longMs }).toSatisfy(() => longMs <= NOISE_MS + long.length / CHARS_PER_MS)
}
