import { relayLocks } from '@hq-export/outbox-relay/session/lead.ts'
import { type RelaySession, readSessions } from '@hq-export/outbox-relay/status/read-sessions.ts'
import type { Stranger } from '@hq-export/runtime/postgres/own-locks.ts'
import type pg from 'pg'
import { instantSql } from '../../db/instant-sql.ts'

/** Who works at data-engine-x. */
export interface Relays {
  readonly leader: RelaySession | null
  readonly standbys: readonly RelaySession[]
  readonly strangers: readonly Stranger[]
  readonly loopSilentS: number | null
  readonly lastAckAt: string | null
  readonly epoch: string | null
  /** The program that made the newest reconciliation, and when. */
  readonly version: string | null
  readonly versionAt: string | null
  readonly bound: readonly BoundTable[]
}

/** A dataset that is exported. */
export interface BoundTable {
  readonly dataset: string
  readonly binding: string
  readonly table: string
  readonly since: string
}

const FACTS = `
select a.acked_at as "lastAckAt", a.epoch, r.version, r.finished_at as "versionAt"
from (values (1)) one
left join (
  select ${instantSql('acked_at')} as acked_at, epoch from hq_export.ack order by id desc limit 1
) a on true
left join (
  select run ->> 'version' as version, ${instantSql('finished_at')} as finished_at
  from hq_export.reconciliation where run is not null order by number desc limit 1
) r on true`

const BOUND = `
select dataset, name as binding, source_table as "table", ${instantSql('captured_since')} as since
from hq_export.binding order by number`

/** Reads who leads, who stands by, and what is bound. */
export async function readRelays(client: pg.ClientBase): Promise<Relays> {
  const { leader, standbys, loop_silent_s: loopSilentS } = await readSessions(client)
  const strangers = await relayLocks.listStrangers(client)
  const { rows } =
    await client.query<Pick<Relays, 'lastAckAt' | 'epoch' | 'version' | 'versionAt'>>(FACTS)
  const [facts] = rows
  if (facts === undefined) throw new Error('a source has facts, be they empty')
  const { rows: bound } = await client.query<BoundTable>(BOUND)
  return { leader, standbys, strangers, loopSilentS, ...facts, bound }
}
