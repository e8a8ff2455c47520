import { expect, test } from 'vitest'
import { HistoryProof } from '../support/programs/history-proof.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { randomSeed, seededRandom } from '../support/random.ts'
import { insertOrg } from '../support/reference-rows.ts'

const ROUNDS = 60
const SEED = randomSeed()

test(`complete_through holds against history, killed at random (seed ${SEED})`, async () => {
  await using pipeline = await Pipeline.create()
  const random = seededRandom(SEED)
  const proof = await HistoryProof.create(pipeline, await insertOrg(pipeline.dx))
  await proof.begin()
  for (let round = 0; round < ROUNDS; round++) {
    await proof.writeFor(20 + random() * 2_000)
    await proof.kill(random() < 0.5 ? 'relay' : 'gateway')
  }
  await proof.end()
  expect(proof.moves).toBeGreaterThan(ROUNDS / 4)
})
