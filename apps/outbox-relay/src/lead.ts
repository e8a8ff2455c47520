import type pg from 'pg'

/** One relay per database works, others stand by. Any constant will do; this one spells `hqexport`. */
const LEADER_LOCK = '7526753411774280308'

// The form that does not wait: a waiter would hold a snapshot and keep vacuum back.
const TRY_LEAD = /* sql */ `select pg_catalog.pg_try_advisory_lock($1::bigint) as leads`

/** How often a relay that stands by asks again; a dead leader's session ends with its socket. */
export const STANDBY_RETRY_MS = 1_000

/** Takes the lead if it is free; held until this session ends. */
export async function tryLead(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ leads: boolean }>(TRY_LEAD, [LEADER_LOCK])
  return rows[0]?.leads ?? false
}

/** Condition on `pg_locks l` that is true for the leader's lock. */
export const LEADER_LOCK_CONDITION = `l.locktype = 'advisory' and l.granted
  and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
  and ((l.classid::bigint << 32) | l.objid::bigint) = ${LEADER_LOCK} and l.objsubid = 1`
