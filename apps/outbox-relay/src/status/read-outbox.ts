import type pg from 'pg'

/** The outbox, and what may hinder it. */
export interface OutboxStatus {
  readonly outbox_bytes: number
  readonly outbox_tables: readonly {
    readonly table: string
    /** With its index and its TOAST table. */
    readonly bytes: number
    /** True for the one that writers fill now. */
    readonly current: boolean
  }[]
  readonly doorbell: {
    /** True while a relay sleeps and writers wake it by NOTIFY. */
    readonly armed: boolean
    /** False where two-phase commit is on: triggers never ring, the relay polls. */
    readonly can_ring: boolean
  }
  readonly notification_queue_usage: number
  /**
   * Statements and changes of the source since whose effect no whole backfill was asked for and
   * completed.
   */
  readonly capture_gaps: number
}

const TABLES = /* sql */ `
select 'outbox_' || n::text as table,
       pg_catalog.pg_total_relation_size(('hq_export.outbox_' || n::text)::regclass)::float8
         as bytes,
       n = pg_catalog.pg_sequence_last_value('hq_export.current_outbox') as current
from pg_catalog.generate_series(0, 2) n
order by n`

const SERVER = /* sql */ `
select pg_catalog.pg_sequence_last_value('hq_export.doorbell')
  > extract(epoch from pg_catalog.clock_timestamp()) * 1000 as armed,
       pg_catalog.current_setting('max_prepared_transactions') = '0' as can_ring,
       pg_catalog.pg_notification_queue_usage() as notification_queue_usage,
       (select count(*)::int from hq_export.capture_gap where closed_at is null) as capture_gaps`

/** Reads the state of the outbox from catalogs and sequences: no row of it is touched. */
export async function readOutbox(client: pg.ClientBase): Promise<OutboxStatus> {
  const tables = (await client.query<OutboxStatus['outbox_tables'][number]>(TABLES)).rows
  const server = (
    await client.query<{
      armed: boolean
      can_ring: boolean
      notification_queue_usage: number
      capture_gaps: number
    }>(SERVER)
  ).rows[0]
  if (server === undefined) throw new Error('the server has a state')
  const { armed, can_ring, ...rest } = server
  return {
    outbox_bytes: tables.reduce((sum, { bytes }) => sum + bytes, 0),
    outbox_tables: tables,
    doorbell: { armed, can_ring },
    ...rest,
  }
}
