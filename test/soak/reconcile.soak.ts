import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { expect, test } from 'vitest'
import { Pipeline } from '../support/programs/pipeline.ts'
import { reconcileUnderLoad } from '../support/programs/reconcile-under-load.ts'
import { reconcileWhileKilled, type Victim } from '../support/programs/reconcile-while-killed.ts'
import { randomSeed, seededRandom } from '../support/random.ts'
import { createOwnDatabase, prepareDx } from '../support/servers/databases.ts'
import { startOwnServer } from '../support/servers/own-server.ts'

const RUNS = 100
const KILLS = 40
const VICTIMS = ['relay', 'gateway', 'source', 'HQ'] as const

test(`${RUNS} reconciliations under load find nothing but what is planted`, async () => {
  await using pipeline = await Pipeline.create()
  await pipeline.startGateway()
  pipeline.startRelay()
  const states = await reconcileUnderLoad(pipeline, { runs: RUNS, pauseMs: 100 })
  process.stdout.write(`${RUNS} reconciliations under load: ${JSON.stringify(states)}\n`)
  expect((states.equal ?? 0) + (states.undecided ?? 0)).toBe(RUNS)
})

test(`whatever is killed ${KILLS} times, no reconciliation says that what differs is equal`, async () => {
  const seed = randomSeed()
  const random = seededRandom(seed)
  await using dx = await startOwnServer('dx-reconcile')
  await using hq = await startOwnServer('hq-reconcile')
  const clusters = { dx: dx.cluster, hq: hq.cluster }
  await using pipeline = await Pipeline.create({
    dxDatabase: await createOwnDatabase(clusters.dx.url(), prepareDx),
    hqDatabase: await createOwnDatabase(clusters.hq.url(), (url) => hqMigrations.apply(url)),
  })
  const victims = Array.from({ length: KILLS }, (_, kill): Victim => VICTIMS[kill % 4] ?? 'relay')
  const states = await reconcileWhileKilled(pipeline, clusters, { victims, random })
  process.stdout.write(`seed ${seed}: ${JSON.stringify(states)} after ${KILLS} kills\n`)
})
