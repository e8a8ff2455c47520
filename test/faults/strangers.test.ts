import { advisoryLocks } from '@hq-export/outbox-relay/doctor/checks/advisory-locks.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { printStatus } from '@hq-export/outbox-relay/status/print-status.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectEqualSides } from '../support/equal-sides.ts'
import { runApp } from '../support/programs/app-process.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import { LIBRARY_LOCK, Stranger } from '../support/stranger.ts'

/** From the death of a leader until a row is in HQ that was committed after it. */
const TAKEOVER_BOUND_MS = 5_000
/**
 * Keys of the advisory locks that relays ever took, and of node-pg-migrate's: what a stranger would
 * try first.
 */
const KNOWN_KEYS = [
  '7526753411774280308',
  '7525904622732142185',
  '7526753411573313379',
  LIBRARY_LOCK,
]

let pipeline: Pipeline
let stranger: Stranger
let orgId: string

beforeAll(async () => {
  pipeline = await Pipeline.create()
  await pipeline.runGateway()
  orgId = await insertOrg(pipeline.dx)
  stranger = await Stranger.connect(pipeline.dxDatabase.url)
  await stranger.hold(KNOWN_KEYS)
  const { rows } = await pipeline.dx.query<{ key: string }>(
    `select hashtext('hq_export.bind')::text as key`,
  )
  await stranger.hold(rows.map(({ key }) => key))
})

afterAll(async () => {
  await stranger[Symbol.asyncDispose]()
  await pipeline[Symbol.asyncDispose]()
})

async function leadKey(): Promise<string> {
  const { rows } = await pipeline.dx.query<{ key: string }>(
    `select key::text as key from hq_export.advisory_lock where name = 'lead'`,
  )
  return rows[0]?.key ?? ''
}

test('a login without rights that holds the locks of a relay and of migrations does not keep them from working, and is named', async () => {
  const { url } = pipeline.dxDatabase
  expect(await runDoctor(url, [advisoryLocks])).toContainEqual({
    check: 'advisory-locks',
    state: 'warn',
    found: expect.stringMatching(`pid ${stranger.pid} of stranger_.*"lead"`),
    todo: expect.any(String),
  })
  const env = { DX_DATABASE_URL: url }
  expect(await runApp('outbox-relay', ['migrate'], env)).toMatchObject({ exitCode: 0 })
  expect(await runApp('outbox-relay', ['bind', 'reference'], env)).toMatchObject({ exitCode: 0 })

  await using leader = pipeline.startRelay()
  expect(await leader.says('no relay of ours')).toContain(String(stranger.pid))
  await pipeline.arrives(await insertCompany(pipeline.dx, orgId))
  await using standby = pipeline.runRelay()
  await standby.says('standing by')

  // It waits for what the leader holds, and gets it when the leader dies.
  await stranger.queueFor(await leadKey())
  const { output } = await runApp('outbox-relay', ['status', '--json'], env)
  const status = JSON.parse(output)
  expect(status.leader).not.toBeNull()
  expect(status.standbys).toHaveLength(1)
  expect(status.strangers).toContainEqual(expect.objectContaining({ lock: 'lead' }))
  expect(printStatus(status)).toContain('at the lock "lead", and no relay')
  await leader.kill()
  const killedAt = performance.now()
  await pipeline.arrives(await insertCompany(pipeline.dx, orgId))
  expect(performance.now() - killedAt).toBeLessThan(TAKEOVER_BOUND_MS)
  await standby.says('no relay of ours')
  await standby.terminate()
  await pipeline.settled()
  await expectEqualSides(pipeline.dx, pipeline.hq)
})

test('a login without rights that holds the lock of backfills does not keep one from being executed', async () => {
  await stranger.hold(
    (
      await pipeline.dx.query<{ key: string }>(
        'select key::text as key from hq_export.advisory_lock',
      )
    ).rows.map(({ key }) => key),
  )
  const { exitCode } = await runApp('outbox-relay', ['backfill'], pipeline.relayEnv)
  expect(exitCode).toBe(0)
})

test('a leader whose key was replaced gives way', async () => {
  await using leader = pipeline.runRelay()
  await leader.says('"working"')
  await pipeline.dx.query(`update hq_export.advisory_lock set key = key + 1 where name = 'lead'`)
  await leader.says('under a new key')
  await pipeline.arrives(await insertCompany(pipeline.dx, orgId))
})
