import { defineConfig } from 'vitest/config'

// `npm run soak`: what hunts rare interleavings for as long as it takes. Not part of `npm test`;
// seeds are printed.
export default defineConfig({
  test: {
    include: ['test/soak/**/*.soak.ts'],
    globalSetup: ['test/support/servers/global-setup.ts'],
    maxWorkers: 1,
    testTimeout: 900_000,
    hookTimeout: 60_000,
  },
})
