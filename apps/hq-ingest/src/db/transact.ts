import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { atCapacity } from '../refusal/at-capacity.ts'
import { DatabaseUnavailableError, isPoolExhausted, isTransient } from './database-failure.ts'

const MAX_ATTEMPTS = 4
const RETRY_BASE_MS = 10
/** A peer that went silent must not hold a request for as long as TCP would. */
const TRANSACTION_TIMEOUT_MS = 120_000

/**
 * What became of a session: a lost one cannot be used again, and its last statement may or may not
 * have run.
 */
export interface Session {
  readonly client: pg.PoolClient
  lost: boolean
}

async function openSession(pool: pg.Pool): Promise<Session> {
  try {
    return { client: await pool.connect(), lost: false }
  } catch (error) {
    if (isPoolExhausted(error)) throw atCapacity('every session with HQ is taken')
    throw new DatabaseUnavailableError(error)
  }
}

async function runOnce<T>(
  session: Session,
  begin: string,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const { client } = session
  await client.query(begin)
  try {
    const result = await work(client)
    const { command } = await client.query('commit')
    // COMMIT of a failed transaction is no error for PostgreSQL: it rolls back and says so.
    if (command !== 'COMMIT') throw new Error(`commit answered ${command}`)
    return result
  } catch (error) {
    // A rollback that fails says that the session is lost; the first error is the one to report.
    await client.query('rollback').catch(() => {
      session.lost = true
    })
    throw error
  }
}

async function runOnSession<T>(pool: pg.Pool, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(pool)
  const { client } = session
  function lose(): void {
    session.lost = true
  }
  client.on('error', lose)
  client.on('end', lose)
  const timer = setTimeout(() => {
    lose()
    // With a query under way this drops the connection, and the query is rejected.
    client.end().catch(() => {})
  }, TRANSACTION_TIMEOUT_MS)
  try {
    return await work(session)
  } catch (error) {
    // PostgreSQL's own errors and lost sessions are the database's fault; the rest is a bug and
    // stays one.
    if (isTransient(error)) throw error
    if (error instanceof pg.DatabaseError || session.lost) throw new DatabaseUnavailableError(error)
    throw error
  } finally {
    clearTimeout(timer)
    client.off('error', lose)
    client.off('end', lose)
    client.release(session.lost)
  }
}

/**
 * Runs `work` on a session that nobody else uses meanwhile. Deadlocks and serialization failures
 * run it again, a few times, so it must not have effects outside the database.
 * @throws {Refusal} `at_capacity` when no session becomes free in time.
 * @throws {DatabaseUnavailableError} when the database is at fault; anything else that `work`
 * throws passes.
 */
export async function onSession<T>(
  pool: pg.Pool,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnSession(pool, work)
    } catch (error) {
      if (!isTransient(error)) throw error
      if (attempt === MAX_ATTEMPTS) throw new DatabaseUnavailableError(error)
      await delay(Math.random() * RETRY_BASE_MS * 2 ** attempt)
    }
  }
}

/**
 * {@link onSession} in one transaction; returns after COMMIT.
 * @param begin begins the transaction; READ COMMITTED without.
 */
export function transact<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  begin = 'begin',
): Promise<T> {
  return onSession(pool, (session) => runOnce(session, begin, work))
}
