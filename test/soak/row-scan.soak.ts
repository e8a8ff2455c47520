import { expect, test } from 'vitest'
import { randomSeed } from '../support/random.ts'
import { compareWays } from '../support/scan/compare-ways.ts'

const RUNS = 5

test.each(Array.from({ length: RUNS }, () => randomSeed()))(
  'I4: whatever the scan takes, the careful way takes with the same fields, seed %i',
  async (seed) => {
    const { rows, scanned, plain, plainScanned } = await compareWays(seed, 50_000)
    process.stdout.write(`seed ${seed}: ${rows} rows, ${scanned} of them scanned\n`)
    expect(plainScanned).toBe(plain)
    expect(scanned).toBeGreaterThan(rows / 3)
  },
)
