import { defineConfig } from 'vitest/config'
import { SlowestFirst } from './test/support/slowest-first.ts'

// Start the OpenTelemetry SDK, which is one for the process and cannot be taken away again.
const TRACED = ['test/integration/relay/window-trace.test.ts']

export default defineConfig({
  test: {
    sequence: { sequencer: SlowestFirst },
    // Files run side by side; each has databases of its own. Twice as many as the two cores,
    // because most of them wait.
    maxWorkers: 4,
    // Files share no state that one could leave to another, and a worker for each, with everything
    // that it loads, costs more than most of them.
    isolate: false,
    // For what hangs; no test is as long, however busy the machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'pipeline',
          include: ['test/**/*.test.ts'],
          exclude: TRACED,
          globalSetup: [
            'test/support/servers/scratch-in-memory.ts',
            'test/support/servers/global-setup.ts',
          ],
        },
      },
      {
        extends: true,
        test: { name: 'unit', include: ['packages/**/*.test.ts', 'apps/**/*.test.ts'] },
      },
      { extends: true, test: { name: 'traced', include: TRACED, isolate: true } },
    ],
  },
})
