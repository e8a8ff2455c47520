import { expect } from 'vitest'
import { threadMs } from './thread-ms.ts'

/** Milliseconds that the compiler and the collector may add to any measurement. */
const NOISE_MS = 60
const CHARS_PER_MS = 5_000
const TRIES = 2

/** Processor time of a run, in milliseconds. */
function costOf(work: () => unknown): number {
  const beganMs = threadMs()
  work()
  return threadMs() - beganMs
}

/**
 * Asserts that `read` takes time in proportion to its text, and little of it: four times the text
 * may cost eight times as much, and a character a fifth of a microsecond. What grows with the
 * square costs 16 times as much, and what looks at each character a hundred times breaks the other
 * bound. A run that takes longer is tried again.
 * @param build makes a text of about as many characters.
 */
export function expectLinear(
  name: string,
  build: (chars: number) => string,
  read: (text: string) => unknown,
  chars = 100_000,
): void {
  const [short, long] = [build(chars), build(4 * chars)]
  // The first run may be that of the compiler.
  const shortMs = Math.min(
    costOf(() => read(short)),
    costOf(() => read(short)),
  )
  const boundMs = NOISE_MS + Math.min(8 * shortMs, long.length / CHARS_PER_MS)
  let longMs = Number.POSITIVE_INFINITY
  for (let i = 0; i < TRIES && longMs > boundMs; i++) {
    longMs = Math.min(
      longMs,
      costOf(() => read(long)),
    )
  }
  expect({ name, longMs, boundMs }).toSatisfy(() => longMs <= boundMs)
}
