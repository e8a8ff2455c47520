import { randomUUID } from 'node:crypto'
import type { BatchResult, Envelope } from '@hq-export/contract'
import type pg from 'pg'
import { expect } from 'vitest'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  problemOf,
  send,
} from '../support/programs/ingest-client.ts'
import { spawnGateway } from '../support/programs/ingest-process.ts'
import { createHqDatabase } from '../support/servers/databases.ts'
import { startHaproxy } from './haproxy.ts'

const COMPANIES = 'dx_company_entities_v1'
const EVENTS = 'dx_operation_events_v1'
const SENDERS = 8
const KEYS = 120
const ROWS = 60

/** Enough that some are new to the end. */
const EVENTS_PER_SECOND = 330

/** What the gateways answered, added up. */
interface Said {
  batches: number
  replayed: number
  inFlight: number
  companiesInserted: number
  eventsInserted: number
}

function pick<T>(from: readonly T[], count: number): T[] {
  const start = Math.floor(Math.random() * (from.length - count))
  return from.slice(start, start + count)
}

/** Batches that overlap with what the other senders send. */
class Batches {
  /** Version that HQ must end with, by entity. */
  readonly newest = new Map<string, number>()
  readonly #orgId = randomUUID()
  readonly #entityIds = Array.from({ length: KEYS }, () => randomUUID()).sort()
  readonly #events: readonly ReturnType<typeof buildRow>[]
  /** Rising over all senders, so that the last one of a key is the newest. */
  #version = 0

  constructor(events: number) {
    this.#events = Array.from({ length: events }, () => buildRow(EVENTS))
  }

  /** @param isReversed the keys go the other way round. */
  companies(isReversed: boolean): Envelope {
    const ids = pick(this.#entityIds, ROWS)
    const rows = (isReversed ? ids.reverse() : ids).map((entityId) => {
      this.#version++
      this.newest.set(entityId, this.#version)
      const version = String(this.#version)
      const values = { entity_id: entityId, org_id: this.#orgId, record_version: version }
      return buildRow(COMPANIES, values)
    })
    return buildEnvelope(COMPANIES, rows)
  }

  events(isReversed: boolean): Envelope {
    const rows = pick(this.#events, ROWS)
    return buildEnvelope(EVENTS, isReversed ? rows.reverse() : rows)
  }
}

function note(said: Said, batch: Envelope, { counts }: BatchResult, isReplay: boolean): void {
  const { received, quarantined, ...rest } = counts
  expect(received).toBe(batch.rows.length)
  expect(quarantined).toBe(0)
  expect(Object.values(rest).reduce((sum, count) => sum + count, 0)).toBe(received)
  if (isReplay) {
    said.replayed++
    return
  }
  said.batches++
  if (batch.dataset === COMPANIES) said.companiesInserted += counts.inserted
  else said.eventsInserted += counts.inserted
}

async function post(url: string, batch: Envelope, id: string, said: Said): Promise<void> {
  const response = await send(url, batch, { id })
  if (response.status === 409) {
    expect(await problemOf(response)).toMatchObject({ code: 'in_flight' })
    said.inFlight++
    return
  }
  const isReplay = response.headers.get('idempotent-replayed') === 'true'
  note(said, batch, await answerOf(response), isReplay)
}

async function sendUntil(
  deadline: number,
  url: string,
  batches: Batches,
  index: number,
  said: Said,
): Promise<void> {
  const isReversed = index % 2 === 1
  for (let number = 0; performance.now() < deadline; number++) {
    const batch = number % 2 === 0 ? batches.companies(isReversed) : batches.events(isReversed)
    const id = randomUUID()
    // Now and then the same delivery comes twice at once, which the proxy hands to both gateways.
    const times = number % 5 === 0 ? 2 : 1
    await Promise.all(Array.from({ length: times }, () => post(url, batch, id, said)))
  }
}

async function only<Row extends pg.QueryResultRow>(client: pg.Client, sql: string): Promise<Row> {
  const { rows } = await client.query<Row>(sql)
  const [row] = rows
  if (row === undefined) throw new Error('no row')
  return row
}

/**
 * Sends to two gateways behind HAProxy, on one HQ, from eight senders whose keys overlap, half of
 * them the other way round; afterwards no deadlock was seen, no batch had two effects, and HQ has
 * what the answers said.
 * @returns what was answered.
 */
export async function loadTwoGateways(seconds: number): Promise<Said> {
  await using hq = await createHqDatabase()
  // Its line per batch shows that it took part.
  const spawn = () => spawnGateway(hq.url, { LOG_LEVEL: 'debug' })
  const gateways = await Promise.all([spawn(), spawn()])
  await using proxy = await startHaproxy(gateways.map(({ url }) => url))
  const said: Said = {
    batches: 0,
    replayed: 0,
    inFlight: 0,
    companiesInserted: 0,
    eventsInserted: 0,
  }
  const batches = new Batches(seconds * EVENTS_PER_SECOND)
  const deadline = performance.now() + seconds * 1000
  await Promise.all(
    Array.from({ length: SENDERS }, (_, index) =>
      sendUntil(deadline, proxy.url, batches, index, said),
    ),
  )

  expect(said.batches).toBeGreaterThan(50)
  expect(said.replayed + said.inFlight).toBeGreaterThan(0)
  for (const { log } of gateways) expect(log()).toContain('"msg":"batch"')

  const client = await hq.connect()
  const { deadlocks } = await only<{ deadlocks: string }>(
    client,
    'select deadlocks::text from pg_stat_database where datname = current_database()',
  )
  expect(deadlocks).toBe('0')
  for (const { log } of gateways) expect(log()).not.toMatch(/40P01|"level":50/)

  const stored = await client.query<{ entity_id: string; record_version: string }>(
    `select entity_id, record_version::text from hq.${COMPANIES}`,
  )
  expect(said.companiesInserted).toBe(stored.rows.length)
  const versions = stored.rows.map(({ entity_id, record_version }) => [entity_id, +record_version])
  expect(new Map(versions as [string, number][])).toEqual(batches.newest)

  const { rows, distinct, recorded, quarantined } = await only<Record<string, number>>(
    client,
    `select (select count(*)::int4 from hq.${EVENTS}) as rows,
       (select count(distinct event_id)::int4 from hq.${EVENTS}) as distinct,
       (select count(*)::int4 from ingest.batch) as recorded,
       (select count(*)::int4 from ingest.quarantine) as quarantined`,
  )
  expect(rows).toBe(said.eventsInserted)
  expect(distinct).toBe(rows)
  expect(recorded).toBe(said.batches)
  expect(quarantined).toBe(0)
  return said
}
