import { DATASETS } from '@hq-export/contract'
import type pg from 'pg'
import { LEADER_LOCK_CONDITION } from './lead.ts'
import { EMPTY_SNAPSHOT } from './outbox/snapshot.ts'

/** One dataset as seen from the source. */
export interface DatasetStatus {
  readonly dataset: string
  /** Rows in the outbox that no ack covers. */
  readonly waiting_rows: number
  /** Age of the oldest of them; null where none waits. */
  readonly oldest_age_s: number | null
  readonly dead_letters: number
}

/** What `relay -- status --json` prints; all from data-engine-x, whether a relay runs or not. */
export interface RelayStatus {
  readonly leader: {
    readonly pid: number
    readonly application: string
    readonly since: string
  } | null
  readonly bound: readonly {
    readonly dataset: string
    readonly binding: string
    readonly source_table: string
  }[]
  readonly datasets: readonly DatasetStatus[]
  readonly last_ack_at: string | null
  readonly outbox_bytes: number
  readonly oldest_writer_s: number | null
  readonly notification_queue_usage: number
}

const LEADER = /* sql */ `
select a.pid, a.application_name as application,
       pg_catalog.to_json(a.backend_start) #>> '{}' as since
from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid)
where ${LEADER_LOCK_CONDITION}`

const BOUND = /* sql */ `
select dataset, name as binding, source_table from hq_export.binding order by number`

const LAST_ACK = /* sql */ `
select acked::text as acked, pg_catalog.to_json(acked_at) #>> '{}' as acked_at
from hq_export.ack order by id desc limit 1`

// Rows below the acked snapshot's xmin are settled, so the index skips what is only retained.
const WAITING = /* sql */ `
select dataset, count(*)::int as rows,
       extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.min(captured_at))::float8 as age
from (
  select dataset, xid, captured_at from hq_export.outbox_0 where xid >= pg_catalog.pg_snapshot_xmin($1::pg_snapshot)
  union all
  select dataset, xid, captured_at from hq_export.outbox_1 where xid >= pg_catalog.pg_snapshot_xmin($1::pg_snapshot)
  union all
  select dataset, xid, captured_at from hq_export.outbox_2 where xid >= pg_catalog.pg_snapshot_xmin($1::pg_snapshot)
) o
where not pg_catalog.pg_visible_in_snapshot(xid, $1::pg_snapshot)
group by dataset`

const DEAD_LETTERS = /* sql */ `
select dataset, count(*)::int as rows from hq_export.dead_letter group by dataset`

const SERVER = /* sql */ `
select (pg_catalog.pg_total_relation_size('hq_export.outbox_0') + pg_catalog.pg_total_relation_size('hq_export.outbox_1')
        + pg_catalog.pg_total_relation_size('hq_export.outbox_2'))::float8 as outbox_bytes,
       pg_catalog.pg_notification_queue_usage() as notification_queue_usage,
       (select extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.min(a.xact_start))::float8
        from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid)
        where l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
          and l.relation in ('hq_export.outbox_0'::regclass, 'hq_export.outbox_1'::regclass, 'hq_export.outbox_2'::regclass)
       ) as oldest_writer_s`

/** Reads the state of the export from the source's side. */
export async function readStatus(client: pg.ClientBase): Promise<RelayStatus> {
  const leader = (await client.query<NonNullable<RelayStatus['leader']>>(LEADER)).rows[0] ?? null
  const bound = (await client.query<RelayStatus['bound'][number]>(BOUND)).rows
  const ack = (await client.query<{ acked: string; acked_at: string }>(LAST_ACK)).rows[0]
  const waiting = (
    await client.query<{ dataset: number; rows: number; age: number }>(WAITING, [
      ack?.acked ?? EMPTY_SNAPSHOT,
    ])
  ).rows
  const deadLetters = (await client.query<{ dataset: string; rows: number }>(DEAD_LETTERS)).rows
  const server = (
    await client.query<
      Pick<RelayStatus, 'outbox_bytes' | 'notification_queue_usage' | 'oldest_writer_s'>
    >(SERVER)
  ).rows[0]
  if (server === undefined) throw new Error('the server has a state')

  const datasets = DATASETS.map(({ name, number }): DatasetStatus => {
    const row = waiting.find(({ dataset }) => dataset === number)
    return {
      dataset: name,
      waiting_rows: row?.rows ?? 0,
      oldest_age_s: row?.age ?? null,
      dead_letters: deadLetters.find(({ dataset }) => dataset === name)?.rows ?? 0,
    }
  })
  return { leader, bound, datasets, last_ack_at: ack?.acked_at ?? null, ...server }
}
