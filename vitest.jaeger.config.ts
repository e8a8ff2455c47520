import { defineConfig } from 'vitest/config'

// `npm run test:jaeger`: the demo seen through a real Jaeger. Not part of `npm test`, because
// Jaeger is no npm package.
export default defineConfig({
  test: {
    include: ['test/jaeger/**/*.jaeger.ts'],
    maxWorkers: 1,
    testTimeout: 180_000,
    // The first run builds Jaeger.
    hookTimeout: 1_200_000,
  },
})
