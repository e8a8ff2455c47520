import { expect, test } from 'vitest'
import { Pipeline } from '../support/programs/pipeline.ts'
import { reconcileUnderLoad } from '../support/programs/reconcile-under-load.ts'

const RUNS = 1
/** A relay that is behind is waited for half a minute, dataset by dataset. */
const TIMEOUT_MS = 300_000

test(
  'while eight sessions write and a backfill runs, nothing is found but what is planted',
  async () => {
    await using pipeline = await Pipeline.create()
    await pipeline.startGateway()
    pipeline.startRelay()
    const { found } = await reconcileUnderLoad(pipeline, { runs: RUNS, pauseMs: 200 })
    expect(found).toBe(1)
  },
  TIMEOUT_MS,
)
