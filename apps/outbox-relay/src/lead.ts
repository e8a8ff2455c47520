import type pg from 'pg'

/** One relay per database works, others stand by. Any constant will do; this one spells `hqexport`. */
const LEADER_LOCK = '7526753411774280308'

// The form that does not wait: a waiter would hold a snapshot and keep vacuum back.
const TRY_LEAD = /* sql */ `select pg_catalog.pg_try_advisory_lock($1::bigint) as leads`

/** How often a relay that stands by asks again; which also keeps its session alive. */
export const STANDBY_RETRY_MS = 1_000

/** A leader that has said nothing for this long does not live: stopped, hung, or cut off. */
const LEAD_TIMEOUT_MS = 5_000
const PING_PERIOD_MS = 1_000
const PING = /* sql */ `select`

/**
 * Settings of the session that leads or would like to. The server itself ends it, and with it the lock, when nothing comes from the
 * relay any more: a process that is stopped keeps its socket, and no keepalive of the kernel's notices.
 */
export const LEAD_SESSION: Readonly<Record<string, string>> = {
  idle_session_timeout: `${LEAD_TIMEOUT_MS / 1000}s`,
}

/**
 * Settings of a session that works under the lead. Stopped inside a transaction, say a rotation that has just locked a table, it must
 * not outlive the lead by a minute.
 */
export const LED_SESSION: Readonly<Record<string, string>> = {
  idle_in_transaction_session_timeout: `${LEAD_TIMEOUT_MS / 1000}s`,
}

/** Takes the lead if it is free; held until this session ends. */
export async function tryLead(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ leads: boolean }>(TRY_LEAD, [LEADER_LOCK])
  return rows[0]?.leads ?? false
}

/**
 * Proves to the server every second that this relay lives, and to the relay that it still leads.
 * @param onLost called when the lead is lost, or must be taken for lost: by then the server may have given it to another. A process that
 * was stopped finds that out by its clock, whatever has arrived at its socket meanwhile.
 * @returns ends it.
 */
export function keepLead(client: pg.ClientBase, onLost: (error: Error) => void): () => void {
  // When the last ping was sent that has been answered: the server's time-out runs from there at the earliest.
  let provenAt = performance.now()
  let isAsking = false
  async function ping(): Promise<void> {
    const sentAt = performance.now()
    isAsking = true
    try {
      await client.query(PING)
      provenAt = sentAt
    } catch (error) {
      onLost(error as Error)
    } finally {
      isAsking = false
    }
  }
  const timer = setInterval(() => {
    const silentMs = Math.round(performance.now() - provenAt)
    if (silentMs > LEAD_TIMEOUT_MS) onLost(new Error(`the lead was not proven for ${silentMs} ms`))
    else if (!isAsking) void ping()
  }, PING_PERIOD_MS)
  return () => clearInterval(timer)
}

const lockCondition = (key: string): string => `l.locktype = 'advisory' and l.granted
  and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
  and ((l.classid::bigint << 32) | l.objid::bigint) = ${key} and l.objsubid = 1`

/** Condition on `pg_locks l` that is true for the leader's lock. */
export const LEADER_LOCK_CONDITION = lockCondition(LEADER_LOCK)

/** True while a session holds the advisory lock, whoever asks. */
export async function isAdvisoryLocked(client: pg.ClientBase, key: string): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    `select exists (select from pg_catalog.pg_locks l where ${lockCondition(key)}) as found`,
  )
  return rows[0]?.found ?? false
}

/** True while a relay leads, whoever asks. */
export function hasLeader(client: pg.ClientBase): Promise<boolean> {
  return isAdvisoryLocked(client, LEADER_LOCK)
}
