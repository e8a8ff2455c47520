import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { expect, test } from 'vitest'
import { Pipeline } from '../support/programs/pipeline.ts'
import { reconcileUnderLoad } from '../support/programs/reconcile-under-load.ts'
import { reconcileWhileKilled, type Victim } from '../support/programs/reconcile-while-killed.ts'
import { randomSeed, seededRandom } from '../support/random.ts'
import { createOwnDatabase, prepareDx } from '../support/servers/databases.ts'
import { startOwnServer } from '../support/servers/own-server.ts'

/** A hundred take five to eight minutes on a machine of two cores that does nothing else. */
// biome-ignore lint/style/noProcessEnv: a soak is its own entry point, as main.ts is the apps'
const RUNS = Number(process.env.RECONCILE_RUNS ?? 100)
const KILLS = 40
const VICTIMS = ['relay', 'gateway', 'source', 'HQ'] as const

test(`${RUNS} reconciliations under load find nothing but what is planted`, async () => {
  await using pipeline = await Pipeline.create()
  await pipeline.startGateway()
  pipeline.startRelay()
  const began = performance.now()
  const { states, ...came } = await reconcileUnderLoad(pipeline, {
    runs: RUNS,
    pauseMs: 100,
    onRun: (run, seconds, { states: so, falseFindings, committed }) => {
      const told = {
        run,
        seconds: seconds.toFixed(1),
        ...so,
        false: falseFindings.length,
        committed,
      }
      process.stdout.write(`${JSON.stringify(told)}\n`)
    },
  })
  const seconds = Math.round((performance.now() - began) / 1_000)
  const told = { runs: RUNS, seconds, ...states, ...came, falseFindings: came.falseFindings.length }
  process.stdout.write(`reconciliations under load: ${JSON.stringify(told)}\n`)
  expect(came.found).toBeGreaterThan(0)
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
