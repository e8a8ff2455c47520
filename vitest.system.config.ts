import { defineConfig } from 'vitest/config'

// `npm run test:system`: what needs the programs of test/system/packages.txt. One file at a time,
// because they measure under load.
export default defineConfig({
  test: {
    include: ['test/system/**/*.system.ts'],
    globalSetup: ['test/support/servers/global-setup.ts'],
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
})
