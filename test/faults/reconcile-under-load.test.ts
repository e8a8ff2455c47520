import { expect, test } from 'vitest'
import { Pipeline } from '../support/programs/pipeline.ts'
import { reconcileUnderLoad } from '../support/programs/reconcile-under-load.ts'

const RUNS = 1

test('while eight sessions write and a backfill runs, nothing is found but what is planted', async () => {
  await using pipeline = await Pipeline.create()
  await pipeline.startGateway()
  pipeline.startRelay()
  const { found } = await reconcileUnderLoad(pipeline, { runs: RUNS, pauseMs: 100 })
  expect(found).toBe(1)
})
