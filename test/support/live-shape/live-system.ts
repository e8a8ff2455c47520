import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { TestDatabase } from '../servers/databases.ts'
import {
  insertAttempts,
  insertLiveCompany,
  insertLiveOrg,
  insertLiveRun,
  insertTenantCompany,
  updateLiveEntity,
} from './live-rows.ts'

/** Entities that each tenant company which is going to leave had. */
const ENTITIES_PER_SPARE = 300
/** Entities that the leaving tenant has from before. */
const LEAVER_ENTITIES = 2_000
/** Pace of each loop: operations, and versions of entities. */
const PER_SECOND = 20
const BULK_STATEMENT_ROWS = 500

interface EntityKey {
  readonly orgId: string
  readonly entityId: string
}

/** What of a filled live shape is going to change, chosen before anything of ours is installed. */
export interface LiveCast {
  readonly orgIds: readonly string[]
  /**
   * A tenant of its own that leaves; its runs name no tenant company, or the application could not
   * delete it.
   */
  readonly leaverId: string
  /** Tenant companies that are deleted: their entities stay, without them. */
  readonly spareIds: readonly string[]
  readonly doomed: readonly EntityKey[]
  readonly reborn: readonly EntityKey[]
  readonly updated: readonly EntityKey[]
}

/** Adds to a filled live shape what the system deletes later. */
export async function castLiveShape(client: pg.Client): Promise<LiveCast> {
  const orgs = await client.query<{ id: string }>('select id from ops.orgs order by slug')
  const orgIds = orgs.rows.map(({ id }) => id)
  const [firstOrgId] = orgIds
  if (firstOrgId === undefined) throw new Error('a filled live shape has tenants')
  const spareIds: string[] = []
  for (let n = 0; n < 4; n++) {
    const spareId = await insertTenantCompany(client, firstOrgId)
    await client.query(
      `update entities.company_entities set company_id = $1 where org_id = $2 and entity_id in (
         select entity_id from entities.company_entities
         where org_id = $2 order by entity_id offset $3 limit $4)`,
      [spareId, firstOrgId, n * ENTITIES_PER_SPARE, ENTITIES_PER_SPARE],
    )
    spareIds.push(spareId)
  }
  const leaverId = await insertLiveOrg(client)
  await insertCompanies(client, leaverId, LEAVER_ENTITIES)
  const { rows } = await client.query<{ orgId: string; entityId: string }>(
    `select org_id as "orgId", entity_id as "entityId" from entities.company_entities
     where org_id = any ($1) order by entity_id desc limit 3000`,
    [orgIds],
  )
  return {
    orgIds,
    leaverId,
    spareIds,
    doomed: rows.slice(0, 100),
    reborn: rows.slice(100, 200),
    updated: rows.slice(200),
  }
}

async function insertCompanies(client: pg.Client, orgId: string, rows: number): Promise<void> {
  await client.query(
    `insert into entities.company_entities
       (org_id, entity_id, canonical_name, canonical_domain, source_providers, canonical_payload)
     select $1, gen_random_uuid(), 'Bulk ' || n || ' 🚀',
       'bulk' || n || '.example', array['clay'],
       jsonb_build_object('canonical_name', 'Bulk ' || n,
         'provider_data', jsonb_build_object('key', 'provider-key'))
     from generate_series(1, $2::int) n`,
    [orgId, rows],
  )
}

/** The application, at work in several sessions at once until it is stopped. */
export class LiveSystem implements AsyncDisposable {
  readonly counts = { runs: 0, attempts: 0, updates: 0, bulkRows: 0, setNull: 0, deleted: 0 }
  readonly #cast: LiveCast
  readonly #session: pg.Client
  readonly #running: Promise<unknown>
  #isOver = false

  private constructor(cast: LiveCast, session: pg.Client, loops: readonly [pg.Client, pg.Client]) {
    this.#cast = cast
    this.#session = session
    this.#running = Promise.all([
      this.#paced((n) => this.#operate(loops[0], n)),
      this.#paced((n) => this.#update(loops[1], n)),
    ])
  }

  static async start(database: TestDatabase, cast: LiveCast): Promise<LiveSystem> {
    const [session, operating, updating] = [
      await database.connect(),
      await database.connect(),
      await database.connect(),
    ]
    return new LiveSystem(cast, session, [operating, updating])
  }

  async #paced(work: (n: number) => Promise<void>): Promise<void> {
    const beganAt = performance.now()
    for (let n = 0; !this.#isOver; n++) {
      await delay(Math.max(0, beganAt + (n * 1000) / PER_SECOND - performance.now()))
      await work(n)
    }
  }

  /**
   * One operation call: the run, then its attempts in a second transaction, which now and then
   * never comes.
   */
  async #operate(client: pg.Client, n: number): Promise<void> {
    const { orgIds } = this.#cast
    const orgId = orgIds[n % orgIds.length] ?? ''
    const runId = await insertLiveRun(client, orgId, {
      status: ['found', 'not_found', 'failed', 'verified'][n % 4],
      entity_type: n % 10 === 9 ? 'job' : n % 2 === 0 ? 'company' : 'person',
      input_payload:
        n % 5 === 4 ? '{"query":"x"}' : `{"domain":"l${n}.example","email":"l${n}@x.example"}`,
    })
    this.counts.runs++
    if (n % 7 === 6) return
    const ids = await insertAttempts(client, runId, [
      { status: 'skipped', skip_reason: 'missing_api_key', duration_ms: null, raw_response: null },
      {
        status: n % 4 === 2 ? 'failed' : 'found',
        provider_status: n % 4 === 2 ? 'http_error' : null,
      },
    ])
    this.counts.attempts += ids.length
  }

  /** The next version of an entity, if nobody else made it first. */
  async #update(client: pg.Client, n: number): Promise<void> {
    const key = this.#cast.updated[(n * 7) % this.#cast.updated.length]
    if (key === undefined) throw new Error('entities to update')
    await updateLiveEntity(client, 'company', key, { employee_count: n, industry: `updated ${n}` })
    this.counts.updates++
  }

  /** What a bulk import writes: statements of hundreds of new entities. */
  async bulkIngest(rows: number): Promise<void> {
    const { orgIds } = this.#cast
    for (let n = 0; n < rows / BULK_STATEMENT_ROWS; n++) {
      await insertCompanies(this.#session, orgIds[n % orgIds.length] ?? '', BULK_STATEMENT_ROWS)
      this.counts.bulkRows += BULK_STATEMENT_ROWS
    }
  }

  /**
   * Entities are deleted, some of them come back at version 1, and tenant companies leave their
   * entities behind.
   */
  async deleteSome(): Promise<void> {
    const { doomed, reborn, spareIds } = this.#cast
    for (const [keys, comesBack] of [
      [doomed, false],
      [reborn, true],
    ] as const) {
      for (const { orgId, entityId } of keys) {
        const { rowCount } = await this.#session.query(
          'delete from entities.company_entities where org_id = $1 and entity_id = $2',
          [orgId, entityId],
        )
        this.counts.deleted += rowCount ?? 0
        if (comesBack) {
          await insertLiveCompany(this.#session, orgId, {
            entity_id: entityId,
            canonical_name: 'Again',
          })
        }
      }
    }
    for (const id of spareIds) {
      const { rows } = await this.#session.query<{ count: number }>(
        `with affected as (select count(*)::int as count from entities.company_entities
           where company_id = $1),
              gone as (delete from ops.companies where id = $1)
         select count from affected`,
        [id],
      )
      this.counts.setNull += rows[0]?.count ?? 0
    }
  }

  /**
   * The leaving tenant works for a moment, then it is deleted with everything; its runs may not be
   * due yet. @returns its runs.
   */
  async deleteLeaver(): Promise<number> {
    const { leaverId } = this.#cast
    const runs = 50
    for (let n = 0; n < runs; n++) {
      const runId = await insertLiveRun(this.#session, leaverId)
      await insertAttempts(this.#session, runId, [{}])
    }
    await this.#session.query('delete from ops.orgs where id = $1', [leaverId])
    this.counts.deleted += LEAVER_ENTITIES
    return runs
  }

  /** Ends after the writes under way. */
  async stop(): Promise<void> {
    this.#isOver = true
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
