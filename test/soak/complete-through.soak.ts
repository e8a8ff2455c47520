import { expect, test } from 'vitest'
import { startProofSite } from '../support/programs/history-proof.ts'
import { randomSeed, seededRandom } from '../support/random.ts'

const ROUNDS = 60
/** Every so many rounds everything is sent once more, beside what comes. */
const BACKFILL_ROUNDS = 5
const SEED = randomSeed()
/** It took 13 minutes on a busy machine. */
const TIMEOUT_MS = 3_600_000

test(
  `complete_through holds against history, killed at random (seed ${SEED})`,
  async () => {
    await using site = await startProofSite()
    const { proof } = site
    const random = seededRandom(SEED)
    await proof.begin()
    for (let round = 0; round < ROUNDS; round++) {
      if (round % BACKFILL_ROUNDS === 0) proof.backfill()
      await proof.writeFor(20 + random() * 2_000)
      await proof.kill(random() < 0.5 ? 'relay' : 'gateway')
    }
    await proof.end()
    const { looks, moves, refused, prepared } = proof
    process.stdout.write(`${JSON.stringify({ kills: ROUNDS, looks, moves, refused, prepared })}\n`)
    expect(moves).toBeGreaterThan(ROUNDS / 4)
    expect(refused).toBeGreaterThan(ROUNDS)
    expect(prepared).toBeGreaterThan(ROUNDS / 2)
  },
  TIMEOUT_MS,
)
