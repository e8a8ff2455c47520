import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/**/*.test.ts', 'apps/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // Files run side by side; each has databases of its own. Two cores do not gain from more.
    maxWorkers: 2,
    // For what hangs; no test is as long, however busy the machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
