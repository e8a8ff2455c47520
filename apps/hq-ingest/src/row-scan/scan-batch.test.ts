import { expect, test } from 'vitest'
import { compareWays } from '../../../../test/support/scan/compare-ways.ts'

/** The same bodies in every run; the soak has others. */
const SEED = 20_260_216

test('I4: whatever the scan takes, the careful way takes with the same fields, byte for byte', async () => {
  const { rows, scanned, plain, plainScanned } = await compareWays(SEED, 5_000)
  expect(plainScanned).toBe(plain)
  expect(scanned).toBeGreaterThan(rows / 3)
  expect(scanned).toBeLessThan((rows * 3) / 4)
})
