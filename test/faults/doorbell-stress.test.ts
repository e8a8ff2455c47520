import { expect, test } from 'vitest'
import { stressDoorbell } from '../support/doorbell-stress.ts'
import { randomSeed } from '../support/random.ts'
import { createDxDatabase } from '../support/servers/databases.ts'

const DURATION_MS = 8_000

test('I1, I2: no commit is ever missed by the doorbell, with no poll to help it', async () => {
  await using database = await createDxDatabase()
  const seen = await stressDoorbell(database, randomSeed(), DURATION_MS)
  // Proves that the relay did sleep between, so that it was the doorbell that woke it.
  expect(seen.sleeps).toBeGreaterThan(seen.rounds / 4)
  expect(seen.committed).toBeGreaterThan(seen.rounds / 2)
})
