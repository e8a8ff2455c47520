import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { NotifyListener } from '@hq-export/outbox-relay/doorbell/notify-listener.ts'
import pg from 'pg'
import { vi } from 'vitest'
import { acceptAll, ScriptedGateway } from './network/scripted-gateway.ts'
import { DOORBELL_ONLY, startInProcessRelay } from './programs/in-process-relay.ts'
import { seededRandom } from './random.ts'
import { insertOrg } from './reference-rows.ts'
import type { TestDatabase } from './servers/databases.ts'
import { waitFor } from './wait-for.ts'

const WRITERS = 4
/**
 * A committed row that has not arrived after this long was not rung for: no poll would ever find
 * it.
 */
const BOUND_MS = 15_000
/** Longest time that a writer keeps its transaction open after the write. */
const MAX_HOLD_MS = 5
/**
 * Writers of a round begin at random within this time: about as long as the relay takes to go to
 * sleep, or a little longer.
 */
const MAX_START_MS = [4, 15]

const COMPANIES = 'dx_company_entities_v1'
const INSERT = {
  name: 'insert-company',
  text: 'insert into entities.company_entities (org_id, entity_id) values ($1, $2)',
}

/** Statements of the loop between which its races lie. */
const RACING = new Set(['tick', 'doorbell-arm', 'doorbell-disarm', 'open-writers', 'doorbell-look'])
/** Longest pause before and after one of them, as a slow network would make it. */
const MAX_PAUSE_MS = 4

/** What a run of the stress has seen. */
export interface DoorbellStress {
  readonly rounds: number
  readonly committed: number
  /** How often the relay went to sleep. */
  readonly sleeps: number
  readonly maxLagMs: number
}

/** Arrival of rows by entity id, and a way to wait for it. */
class Arrivals {
  readonly #arrivedAt = new Map<string, number>()
  readonly #waiting = new Map<string, () => void>()

  add(entityId: string, atMs: number): void {
    if (this.#arrivedAt.has(entityId)) return
    this.#arrivedAt.set(entityId, atMs)
    this.#waiting.get(entityId)?.()
  }

  /** Milliseconds from `committedAtMs` to the arrival; undefined after the bound. */
  async lagOf(entityId: string, committedAtMs: number): Promise<number | undefined> {
    const deadline = new AbortController()
    if (!this.#arrivedAt.has(entityId)) {
      const arrived = new Promise<void>((resolve) => this.#waiting.set(entityId, resolve))
      const bound = delay(BOUND_MS, undefined, { signal: deadline.signal }).catch(() => {})
      await Promise.race([arrived, bound])
      deadline.abort()
      this.#waiting.delete(entityId)
    }
    const arrivedAt = this.#arrivedAt.get(entityId)
    return arrivedAt === undefined ? undefined : Math.max(0, arrivedAt - committedAtMs)
  }

  has(entityId: string): boolean {
    return this.#arrivedAt.has(entityId)
  }
}

interface Commit {
  readonly entityId: string
  readonly atMs: number
}

/**
 * Widens the windows in which a ring could be missed: now and then a statement of the relay is
 * late, or its result is.
 * @returns undoes it.
 */
function slowDownRelay(random: () => number): () => void {
  const query = pg.Client.prototype.query as (...args: unknown[]) => unknown
  async function pause(): Promise<void> {
    if (random() < 0.4) await delay(random() * MAX_PAUSE_MS)
  }
  const spy = vi.spyOn(pg.Client.prototype, 'query') as unknown as {
    mockImplementation(run: (this: pg.Client, ...args: unknown[]) => unknown): void
    mockRestore(): void
  }
  spy.mockImplementation(function (...args) {
    const [config] = args as [{ name?: string } | undefined]
    if (!RACING.has(config?.name ?? '')) return query.apply(this, args)
    return (async () => {
      await pause()
      const result = await query.apply(this, args)
      await pause()
      return result
    })()
  })
  return () => spy.mockRestore()
}

/** Knows when the relay has gone to sleep until the doorbell rings. */
class SleepWatch {
  sleeps = 0
  #isAsleep = false
  readonly #restore: () => void

  constructor(pollMs: number) {
    const { wait } = NotifyListener.prototype
    const watch = this
    const spy = vi.spyOn(NotifyListener.prototype, 'wait').mockImplementation(async function (
      this: NotifyListener,
      timeoutMs,
    ) {
      const isAsleep = timeoutMs === pollMs
      // It looks again and again; what ends the sleep is the ring.
      if (isAsleep && !watch.#isAsleep) watch.sleeps++
      watch.#isAsleep = isAsleep
      await wait.call(this, timeoutMs)
      if (this.hasRung) watch.#isAsleep = false
    })
    this.#restore = () => spy.mockRestore()
  }

  async untilAsleep(): Promise<void> {
    await waitFor('the relay to sleep', () => this.#isAsleep)
  }

  stop(): void {
    this.#restore()
  }
}

/** One transaction of a kind that the random numbers choose; returns what it committed. */
async function write(
  client: pg.Client,
  orgId: string,
  random: () => number,
): Promise<{ committed: string[]; undone: string[] }> {
  const kind = Math.floor(random() * 6)
  const hold = () => delay(random() * MAX_HOLD_MS)
  const insert = async (): Promise<string> => {
    const entityId = randomUUID()
    await client.query({ ...INSERT, values: [orgId, entityId] })
    return entityId
  }
  if (kind === 0) return { committed: [await insert()], undone: [] }
  await client.query('begin')
  const committed: string[] = []
  const undone: string[] = []
  switch (kind) {
    case 1: // slow to commit
      committed.push(await insert())
      await hold()
      break
    case 2: // slow to write
      await hold()
      committed.push(await insert())
      break
    case 3: // two captures, between which the relay may go to sleep
      committed.push(await insert())
      await hold()
      committed.push(await insert())
      break
    case 4: // a ring that is rolled back with its savepoint, after a capture that may not have rung
      committed.push(await insert())
      await hold()
      await client.query('savepoint s')
      undone.push(await insert())
      await client.query('rollback to savepoint s')
      break
    default:
      undone.push(await insert())
      await hold()
      await client.query('rollback')
      return { committed: [], undone }
  }
  await client.query('commit')
  return { committed, undone }
}

/**
 * Transactions that have nothing to do with the outbox: readers with a snapshot, and writers of
 * other tables.
 */
async function disturb(
  client: pg.Client,
  random: () => number,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    if (random() < 0.5) {
      await client.query('begin isolation level repeatable read read only')
      await client.query('select count(*) from ops.orgs')
    } else {
      await client.query('begin')
      await client.query("insert into ops.orgs (name) values ('unrelated')")
    }
    await delay(random() * 50)
    await client.query(random() < 0.8 ? 'commit' : 'rollback')
  }
}

/**
 * Rounds of a few concurrent writers around the moments in which the relay goes to sleep, each
 * followed by silence until all that was committed has arrived. No poll helps: a missed ring leaves
 * its row waiting, and is thrown with seed and round.
 */
export async function stressDoorbell(
  database: TestDatabase,
  seed: number,
  durationMs: number,
): Promise<DoorbellStress> {
  const random = seededRandom(seed)
  const arrivals = new Arrivals()
  await using gateway = await ScriptedGateway.start()
  gateway.answer((batch) => {
    if (batch.envelope.dataset === COMPANIES) {
      for (const { row } of batch.envelope.rows) arrivals.add(String(row.entity_id), batch.atMs)
    }
    gateway.received.length = 0
    return acceptAll(batch)
  })
  const clients = await Promise.all(Array.from({ length: WRITERS }, () => database.connect()))
  const [strangers, application] = await Promise.all([
    Promise.all([database.connect(), database.connect()]),
    database.connect(),
  ])
  const orgId = await insertOrg(application)
  const restoreSpeed = slowDownRelay(random)
  const watch = new SleepWatch(DOORBELL_ONLY.restingSequencePollMs)
  await using _relay = await startInProcessRelay({
    databaseUrl: database.url,
    ingestUrl: gateway.url,
    timing: DOORBELL_ONLY,
  })

  let isOver = false
  const disturbances = strangers.map((client) => disturb(client, random, () => isOver))
  const undone: string[] = []
  let rounds = 0
  let committed = 0
  let maxLagMs = 0
  const endsAt = performance.now() + durationMs

  async function runWriter(client: pg.Client): Promise<Commit[]> {
    const maxStartMs = MAX_START_MS[rounds % MAX_START_MS.length] ?? 0
    await delay(random() * maxStartMs)
    const written = await write(client, orgId, random)
    const atMs = performance.now()
    undone.push(...written.undone)
    return written.committed.map((entityId) => ({ entityId, atMs }))
  }

  try {
    for (; performance.now() < endsAt; rounds++) {
      // Some rounds find the relay asleep, the others somewhere on its way to sleep.
      if (rounds % 3 === 0) await watch.untilAsleep()
      // Often one writer alone: of several, a later one may ring for the one that was missed.
      const active = clients.slice(0, random() < 0.6 ? 1 : WRITERS)
      const commits = (await Promise.all(active.map(runWriter))).flat()
      for (const { entityId, atMs } of commits) {
        const lagMs = await arrivals.lagOf(entityId, atMs)
        if (lagMs === undefined || lagMs > BOUND_MS) {
          throw new Error(
            `seed ${seed}, round ${rounds}: a row did not arrive within ${BOUND_MS} ms of its commit`,
          )
        }
        maxLagMs = Math.max(maxLagMs, lagMs)
      }
      committed += commits.length
    }
  } finally {
    isOver = true
    await Promise.all(disturbances)
    restoreSpeed()
    watch.stop()
  }
  const leaked = undone.filter((entityId) => arrivals.has(entityId))
  if (leaked.length > 0) throw new Error(`seed ${seed}: ${leaked.length} undone rows were sent`)
  return { rounds, committed, sleeps: watch.sleeps, maxLagMs }
}
