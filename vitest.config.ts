import { defineConfig } from 'vitest/config'
import { SlowestFirst } from './test/support/slowest-first.ts'

export default defineConfig({
  test: {
    include: ['packages/**/*.test.ts', 'apps/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    sequence: { sequencer: SlowestFirst },
    // Files run side by side; each has databases of its own. Twice as many as the two cores, because most of them wait.
    maxWorkers: 4,
    // For what hangs; no test is as long, however busy the machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
