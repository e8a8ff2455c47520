import type { Dataset } from '@hq-export/contract'
import { unionOfOutbox } from '@hq-export/outbox-relay/outbox/outbox-tables.ts'
import type pg from 'pg'
import { instantSql } from '../../db/instant-sql.ts'

/** A change of the row that the outbox still holds. */
export interface OutboxEntry {
  readonly xid: string
  readonly seq: string
  readonly capturedAt: string
  readonly version: string | null
  readonly deleted: boolean
  /** Why the capture could not project the row; null where it could. */
  readonly sqlstate: string | null
  readonly traceparent: string | null
  /** Delivered, or put aside. */
  readonly isSettled: boolean
}

/** What the newest rows of the outbox hold of a key. */
export interface OutboxLook {
  readonly entries: readonly OutboxEntry[]
  /** Since when everything that the outbox holds was looked at; null where that is all of it. */
  readonly lookedBackTo: string | null
  /** Whether a row that waits may be older than what was looked at. */
  readonly mayMiss: boolean
}

/**
 * Rows of each of the three tables that are looked at, the newest: the only index of the outbox is
 * by transaction, and it may hold millions.
 */
const LOOKED_AT = 10_000
const MAX_ENTRIES = 50

const ENTRIES = `
with ack as (
  select coalesce((select a.acked from hq_export.ack a order by a.id desc limit 1),
    '1:1:'::pg_snapshot) as acked
), looked as materialized (
  ${unionOfOutbox(
    (table) => `(select '${table}' as name, xid, seq, captured_at, version, dataset, deleted,
    sqlstate, key, traceparent
  from ${table} order by xid desc, seq desc limit ${LOOKED_AT})`,
  )}
), full_tables as (
  select name, min(captured_at) as since,
    pg_catalog.pg_snapshot_xmin((select acked from ack))::text::bigint
      < min(xid::text::bigint) as waits
  from looked group by name having count(*) >= ${LOOKED_AT}
)
select (select ${instantSql('max(f.since)')} from full_tables f) as "lookedBackTo",
  coalesce((select pg_catalog.bool_or(f.waits) from full_tables f), false) as "mayMiss",
  coalesce((
    select pg_catalog.json_agg(e) from (
      select l.xid::text as xid, l.seq::text as seq, ${instantSql('l.captured_at')} as "capturedAt",
        l.version::text as version, l.deleted, l.sqlstate, l.traceparent,
        pg_catalog.pg_visible_in_snapshot(l.xid, a.acked) as "isSettled"
      from looked l cross join ack a
      where l.dataset = $1 and l.key = $2
      order by l.seq desc limit ${MAX_ENTRIES}
    ) e
  ), '[]') as entries`

/** Looks for a key in the newest rows of the outbox. */
export async function readOutboxOf(
  client: pg.ClientBase,
  { number }: Dataset,
  key: string,
): Promise<OutboxLook> {
  const { rows } = await client.query<OutboxLook>(ENTRIES, [number, key])
  const [look] = rows
  if (look === undefined) throw new Error('an outbox can be looked at')
  return look
}
