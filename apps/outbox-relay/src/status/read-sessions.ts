import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { OUTBOX_REGCLASSES } from '../outbox/outbox-tables.ts'
import { leaderLockCondition, readLeadKey } from '../session/lead.ts'

/**
 * A relay's leading session, or one that would like to be. Null where the login role may not see
 * it.
 */
export interface RelaySession {
  readonly pid: number
  readonly application: string
  readonly since: string | null
  /** Where it connects from; null for a socket of the server's own machine, too. */
  readonly client_address: string | null
  /** Since it last proved that it lives: about a second at most, see lead.ts. */
  readonly silent_s: number | null
}

/** What the server's sessions say of the export. */
export interface Sessions {
  readonly leader: RelaySession | null
  readonly standbys: readonly RelaySession[]
  /**
   * Since the loop of the working relay last asked the database anything: seconds at most, asleep
   * or not, unless it waits for HQ. Null where none works.
   */
  readonly loop_silent_s: number | null
  /** Age of the oldest transaction that has written to the outbox and not ended. */
  readonly oldest_writer_s: number | null
}

const RELAYS = /* sql */ `
select a.pid, a.application_name as application,
       pg_catalog.to_json(a.backend_start) #>> '{}' as since,
       pg_catalog.host(a.client_addr) as client_address,
       extract(epoch from pg_catalog.clock_timestamp() - coalesce(a.state_change, a.backend_start))::float8 as silent_s,
       exists (select from pg_catalog.pg_locks l
         where l.pid = a.pid and ${leaderLockCondition('$1::bigint')}) as leads
from pg_catalog.pg_stat_activity a
where a.datname = pg_catalog.current_database() and a.application_name = 'outbox-relay lead'
order by a.backend_start, a.pid`

// Only the leader has this session; where two work for a moment, the livelier one counts.
const LOOP = /* sql */ `
select extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.max(a.state_change))::float8
  as silent_s
from pg_catalog.pg_stat_activity a
where a.datname = pg_catalog.current_database() and a.application_name = 'outbox-relay push'`

// A prepared transaction has no session; relay -- doctor looks for these.
const OLDEST_WRITER = /* sql */ `
select extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.min(a.xact_start))::float8
  as age_s
from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid)
where l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
  and l.database = (select oid from pg_catalog.pg_database
    where datname = pg_catalog.current_database())
  and l.relation in (${OUTBOX_REGCLASSES})`

/**
 * Reads what `pg_stat_activity` says of relays and writers: as the login role, because it hides
 * from hq_export_relay, which nobody logs in as, when every other session began.
 */
export async function readSessions(client: pg.ClientBase): Promise<Sessions> {
  const key = await readLeadKey(client)
  const read = async (): Promise<Sessions> => {
    await client.query('set local role none')
    const relays = (await client.query<RelaySession & { leads: boolean }>(RELAYS, [key])).rows
    const loop = (await client.query<{ silent_s: number | null }>(LOOP)).rows[0]
    const writer = (await client.query<{ age_s: number | null }>(OLDEST_WRITER)).rows[0]
    const session = ({ leads: _, ...relay }: RelaySession & { leads: boolean }): RelaySession =>
      relay
    const leader = relays.find(({ leads }) => leads)
    return {
      leader: leader === undefined ? null : session(leader),
      standbys: relays.filter(({ leads }) => !leads).map(session),
      loop_silent_s: loop?.silent_s ?? null,
      oldest_writer_s: writer?.age_s ?? null,
    }
  }
  return transact(client, read, { mode: 'read only' })
}
