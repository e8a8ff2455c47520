import type pg from 'pg'
import { seededRandom } from './random.ts'
import { insertOrg, insertRun } from './reference-rows.ts'
import type { TestDatabase } from './servers/databases.ts'

/** What a session does, turn by turn; `$1` is its org, `$2` a number of rows. */
const WORK = [
  `insert into entities.company_entities (org_id, canonical_name, canonical_payload)
   select $1::uuid, 'company ' || n, jsonb_build_object('n', n) from generate_series(1, $2::int) n`,
  `insert into entities.person_entities (org_id, full_name)
   select $1::uuid, 'person ' || n from generate_series(1, $2::int) n`,
  `insert into ops.operation_runs (org_id, entity_id, operation_id, action_id, entity_type, status)
   select $1::uuid, gen_random_uuid(), 'o', 'a', 'company', 'succeeded'
   from generate_series(1, $2::int)`,
  `insert into ops.operation_events
     (event_id, run_id, org_id, entity_id, event_sequence, event_type, entity_type)
   select gen_random_uuid(), r.run_id, r.org_id, r.entity_id, nextval('public.busy_writers'),
     'request_sent', 'company'
   from (select * from ops.operation_runs where org_id = $1 limit 1) r, generate_series(1, $2::int)`,
  `update entities.company_entities
   set canonical_name = canonical_name || '!', record_version = record_version + 1
   where entity_id in (select entity_id from entities.company_entities
     where org_id = $1 limit $2::int)`,
  // In bulk, and without a new version. Of some rows: all would be more and more of them, until no
  // relay keeps up any more.
  `update entities.company_entities set industry = 'Mining ' || random() || left($2::text, 0)
   where entity_id in (select entity_id from entities.company_entities where org_id = $1 limit 200)`,
  `update entities.person_entities set title = 'cto ' || $2::int, record_version = record_version + 1
   where entity_id in (select entity_id from entities.person_entities where org_id = $1 limit 200)`,
  `delete from entities.company_entities where entity_id in (select entity_id
     from entities.company_entities where org_id = $1 order by entity_id limit $2::int)`,
  // Gone under its key, and there under another.
  `update entities.person_entities set entity_id = gen_random_uuid()
   where entity_id in (select entity_id from entities.person_entities
     where org_id = $1 limit $2::int)`,
  `delete from ops.operation_events where event_id in (select event_id from ops.operation_events
     where org_id = $1 limit $2::int)`,
] as const

const MAX_ROWS = 20
const ROLLED_BACK = 0.2
/** Two statements of one transaction are seldom; one is what writers do mostly. */
const TOGETHER = 0.3

/**
 * Sessions of the application that insert, update, update in bulk, delete and roll back, each rows
 * of its own org, until they are stopped or their server goes.
 */
export class BusyWriters implements AsyncDisposable {
  /** Transactions that were committed. */
  committed = 0
  readonly #running: Promise<void>[] = []
  readonly #clients: pg.Client[] = []
  #isOver = false

  /** @param pauseMs between two transactions of a session. */
  static async start(
    database: TestDatabase,
    { sessions = 8, seed = 1, pauseMs = 0 } = {},
  ): Promise<BusyWriters> {
    const writers = new BusyWriters()
    const owner = await database.connect()
    // HQ keeps deleted events, and so their places in their runs: none is given twice.
    await owner.query('create sequence if not exists public.busy_writers as int')
    for (let session = 0; session < sessions; session++) {
      const client = await database.connect()
      const orgId = await insertOrg(client)
      await insertRun(client, orgId)
      writers.#clients.push(client)
      writers.#running.push(writers.#write(client, orgId, seededRandom(seed + session), pauseMs))
    }
    return writers
  }

  async #write(
    client: pg.Client,
    orgId: string,
    random: () => number,
    pauseMs: number,
  ): Promise<void> {
    try {
      while (!this.#isOver) {
        await client.query('begin')
        do {
          const work = WORK[Math.floor(random() * WORK.length)] ?? ''
          await client.query(work, [orgId, 1 + Math.floor(random() * MAX_ROWS)])
        } while (random() < TOGETHER)
        const isUndone = random() < ROLLED_BACK
        await client.query(isUndone ? 'rollback' : 'commit')
        if (!isUndone) this.committed++
        if (pauseMs > 0) await client.query('select pg_catalog.pg_sleep($1)', [pauseMs / 1000])
      }
    } catch (error) {
      // A server that crashes ends its sessions; nothing else may go wrong with a write.
      const { code } = error as { code?: string }
      const isLost = code === undefined || code.startsWith('57P') || code === 'ECONNRESET'
      if (!isLost) throw error
    }
  }

  /** Ends after the transactions under way. */
  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#running)
    await Promise.all(this.#clients.map((client) => client.end().catch(() => {})))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
