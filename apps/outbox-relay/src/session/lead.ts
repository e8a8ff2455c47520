import { OwnLocks, type Taking } from '@hq-export/runtime/postgres/own-locks.ts'
import type pg from 'pg'
import { SEES_ALL } from './hidden-tables.ts'

/** What one relay, or one process, does at a time, in the hands of hq_export_relay alone. */
export const relayLocks = new OwnLocks('hq_export.advisory_lock', 'hq_export_relay')

/** One relay per database works, others stand by. */
const LEAD = 'lead'

/** What the log says of them; harmless, and still not right. */
export const STRANGERS_NOTICE =
  'sessions that are no relay of ours hold its advisory lock; going on under another key'

/** How often a relay that stands by asks again; which also keeps its session alive. */
export const STANDBY_RETRY_MS = 1_000

/** A leader that has said nothing for this long does not live: stopped, hung, or cut off. */
const LEAD_TIMEOUT_MS = 5_000
const PING_PERIOD_MS = 1_000
// Also proves that no relay has taken the lead under another key, which one does that found ours in
// the hands of a stranger.
const PING = /* sql */ `
select from hq_export.advisory_lock where name = 'lead' and key = coalesce($1, key)`

/**
 * Settings of the session that leads or would like to. The server itself ends it, and with it the
 * lock, when nothing comes from the relay any more: a process that is stopped keeps its socket, and
 * no keepalive of the kernel's notices.
 */
export const LEAD_SESSION: Readonly<Record<string, string>> = {
  ...SEES_ALL,
  idle_session_timeout: `${LEAD_TIMEOUT_MS / 1000}s`,
}

/**
 * Settings of a session that works under the lead. Stopped inside a transaction, say a rotation
 * that has just locked a table, it must not outlive the lead by a minute.
 */
export const LED_SESSION: Readonly<Record<string, string>> = {
  ...SEES_ALL,
  idle_in_transaction_session_timeout: `${LEAD_TIMEOUT_MS / 1000}s`,
}

/**
 * Takes the lead unless a relay has it; held until this session ends. Whoever else holds the lock
 * is passed over.
 */
export function tryLead(client: pg.ClientBase): Promise<Taking> {
  return relayLocks.take(client, LEAD)
}

/**
 * Proves to the server every second that this relay lives, and to the relay that it still leads.
 * @param key under which it leads; none for a relay that works beside the leader.
 * @param onLost called when the lead is lost, or must be taken for lost: by then the server may
 * have given it to another. A process that was stopped finds that out by its clock, whatever has
 * arrived at its socket meanwhile.
 * @returns ends it.
 */
export function keepLead(
  client: pg.ClientBase,
  key: string | undefined,
  onLost: (error: Error) => void,
): () => void {
  // When the last ping was sent that has been answered: the server's time-out runs from there at
  // the earliest.
  let provenAt = performance.now()
  let isAsking = false
  async function ping(): Promise<void> {
    const sentAt = performance.now()
    isAsking = true
    try {
      const { rowCount } = await client.query(PING, [key ?? null])
      if (rowCount === 0) onLost(new Error('another relay leads, under a new key'))
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

/**
 * Condition on `pg_locks l` that is true for the leader's lock. @param key SQL for its key, where
 * the role that asks may not look it up.
 */
export function leaderLockCondition(key?: string): string {
  return relayLocks.heldCondition(LEAD, key)
}

/** The same, looked up. */
export const LEADER_LOCK_CONDITION = leaderLockCondition()

/** Key of the leader's lock. */
export function readLeadKey(client: pg.ClientBase): Promise<string> {
  return relayLocks.readKey(client, LEAD)
}

/** True while a relay leads, whoever asks. */
export function hasLeader(client: pg.ClientBase): Promise<boolean> {
  return relayLocks.isHeld(client, LEAD)
}
