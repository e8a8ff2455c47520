import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { expect, test } from 'vitest'
import { expectEqualSides } from '../support/equal-sides.ts'
import { fillLiveShape } from '../support/live-shape/fill-live-shape.ts'
import { createLiveDatabase, LIVE_BINDING } from '../support/live-shape/live-databases.ts'
import { runApp } from '../support/programs/app-process.ts'
import { Pipeline } from '../support/programs/pipeline.ts'

test('a live database that was there before us arrives as a whole, with the versions of its history, and twice changes nothing', async () => {
  const dxDatabase = await createLiveDatabase()
  await using pipeline = await Pipeline.create({ dxDatabase })
  await fillLiveShape(pipeline.dx, { orgs: 3, companies: 2000, persons: 500, runs: 1000 })
  await bind(dxDatabase.url, LIVE_BINDING)
  await pipeline.runGateway()
  const first = await runApp('outbox-relay', ['backfill'], pipeline.relayEnv)
  expect(first).toMatchObject({ exitCode: 0 })
  await expectEqualSides(pipeline.dx, pipeline.hq)
  const snapshots = `select snapshot_id::text, record_version::text, canonical_payload_json::text,
      captured_at::text from`
  const [source, target] = [
    await pipeline.dx.query(`${snapshots} hq_export.dx_entity_snapshots_v1 order by 1`),
    await pipeline.hq.query(`${snapshots} hq.dx_entity_snapshots_v1 order by 1`),
  ]
  expect(target.rows).toEqual(source.rows)
  expect(target.rows.length).toBeGreaterThan(2500)
  const second = await runApp('outbox-relay', ['backfill', '--json'], pipeline.relayEnv)
  const result = JSON.parse(second.stdout)
  expect(result.counts.duplicate).toBe(result.counts.received)
})
