import { expect } from 'vitest'
import { expectEqualSides } from '../equal-sides.ts'
import { Pipeline } from '../programs/pipeline.ts'
import { insertOrg } from '../reference-rows.ts'
import { waitFor } from '../wait-for.ts'
import { Writers } from '../writers.ts'
import { createOwnDatabase, prepareDx } from './databases.ts'
import { startOwnServer } from './own-server.ts'

const ROWS_BEFORE_CRASH = 20

// The WAL writer would soon make durable what nobody asked to; so late, only the relay's own tick
// does.
const LAZY_WAL = { wal_writer_delay: '10s', wal_writer_flush_after: '1GB' }
/** One to lead, to push, to acknowledge, to listen, for backfills, and to follow changed keys. */
const RELAY_SESSIONS = 7

const ACKS_IN_THIS_LIFE = `
select (select epoch from hq_export.ack a order by a.id desc limit 1)
  = (select c.system_identifier || '.' || i.id
    from pg_control_system() c, hq_export.incarnation i) as found`

async function rowsInHq(pipeline: Pipeline): Promise<Set<string>> {
  const { rows } = await pipeline.hq.query<{ entity_id: string }>(
    'select entity_id from hq.dx_company_entities_v1',
  )
  return new Set(rows.map(({ entity_id }) => entity_id))
}

/** What became of the commits that were answered. */
export interface SurvivedCrashes {
  /** Rows that the source has, and HQ too. */
  readonly survived: number
  /** Rows whose commit was answered and that a crash undid: neither side has them. */
  readonly undone: number
}

/**
 * A real pipeline over a source that crashes again and again while sessions write with
 * synchronous_commit = off; afterwards HQ must have exactly what the source has: all that survived,
 * and nothing that did not.
 */
export async function crashSource(crashes: number): Promise<SurvivedCrashes> {
  await using server = await startOwnServer('dx-async', LAZY_WAL)
  const { cluster } = server
  const dxDatabase = await createOwnDatabase(cluster.url(), prepareDx)
  await using pipeline = await Pipeline.create({ dxDatabase })
  await pipeline.runGateway()
  const relay = pipeline.startRelay()
  const orgId = await insertOrg(pipeline.dx)
  const committed: string[] = []

  for (let crash = 0; crash < crashes; crash++) {
    const writers = await Writers.start({
      database: dxDatabase,
      orgId,
      sessions: 2,
      prepare: 'set synchronous_commit = off',
      pauseMs: 2,
    })
    const before = (await rowsInHq(pipeline)).size
    await waitFor('rows of this life in HQ', async () => {
      return (await rowsInHq(pipeline)).size >= before + ROWS_BEFORE_CRASH
    })
    // Alternately one backend is killed, upon which the server recovers by itself, and the whole
    // server crashes.
    if (crash % 2 === 0) {
      process.kill(await writers.backendPid(), 'SIGKILL')
      await writers.lost()
    } else {
      await cluster.halt('immediate')
      await writers.lost()
      await cluster.resume()
    }
    committed.push(...writers.committed)
    await waitFor('the server to be back', () =>
      pipeline.reconnect().then(
        () => true,
        () => false,
      ),
    )
  }

  await insertOrg(pipeline.dx)
  await waitFor('the relay to ack in the last life', async () => {
    const { rows } = await pipeline.dx.query<{ found: boolean }>(ACKS_IN_THIS_LIFE)
    return rows[0]?.found
  })
  await pipeline.settled()
  await expectEqualSides(pipeline.dx, pipeline.hq)
  const letters = await pipeline.dx.query('select reason, detail from hq_export.dead_letter')
  expect(letters.rows).toEqual([])

  await waitFor('the relay to have no session of an earlier life', async () => {
    const { rowCount } = await pipeline.dx.query(
      "select from pg_stat_activity where application_name like 'outbox-relay%'",
    )
    return rowCount === RELAY_SESSIONS
  })
  expect(await relay.terminate()).toBe(0)
  const arrived = await rowsInHq(pipeline)
  return {
    survived: arrived.size,
    undone: committed.filter((entityId) => !arrived.has(entityId)).length,
  }
}
