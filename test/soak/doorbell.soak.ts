import { expect, test } from 'vitest'
import { stressDoorbell } from '../support/doorbell-stress.ts'
import { randomSeed } from '../support/random.ts'
import { createDxDatabase } from '../support/servers/databases.ts'

const RUNS = 10
const RUN_MS = 60_000

test.each(Array.from({ length: RUNS }, () => randomSeed()))(
  'I1, I2: no commit is ever missed by the doorbell, seed %i',
  async (seed) => {
    await using database = await createDxDatabase()
    const { rounds, committed, sleeps, maxLagMs } = await stressDoorbell(database, seed, RUN_MS)
    process.stdout.write(
      `seed ${seed}: ${rounds} rounds, ${committed} commits, ${sleeps} sleeps, slowest ${Math.round(maxLagMs)} ms\n`,
    )
    expect(sleeps).toBeGreaterThan(rounds / 4)
  },
)
