import type pg from 'pg'
import { EMPTY_SNAPSHOT } from './snapshot.ts'

/*
 * Epoch = <system_identifier>.<incarnation>. The incarnation stands in an UNLOGGED table, which recovery empties. Recovery is
 * exactly what can undo a row that was visible (synchronous_commit = off) and hand out its xid and seq again, so in
 * a new epoch everything that the outbox retains is sent once more; HQ's keys make that harmless (I3).
 */

const READ_EPOCH = /* sql */ `
select c.system_identifier::text as system_identifier, i.id::text as incarnation
from pg_catalog.pg_control_system() c
left join hq_export.incarnation i on true`

const LAST_ACK_EPOCH = /* sql */ `
select epoch from hq_export.ack order by id desc limit 1`

// A visible row's transaction has ended, so its id lies below the snapshot's xmax; one that does not was given by another server.
// Finds a restore where no relay has acked before.
const HAS_FOREIGN_ROWS = /* sql */ `
select exists (select from hq_export.outbox_0 where xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()))
    or exists (select from hq_export.outbox_1 where xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()))
    or exists (select from hq_export.outbox_2 where xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()))
  as found`

// Rows of a dump carry transaction ids of another server, which mean nothing here and may never become visible. They are
// written anew under this transaction's id. Writers are locked out for the moment: nothing is lost between. They queue behind
// our wait for the lock, so it is short; the relay then tries again. Gathered in one table, then written anew into another: many
// databases revoke the right to make a temporary one.
const REWRITE_RETAINED = /* sql */ `
set local lock_timeout = '1s';
lock table hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2 in access exclusive mode;
insert into hq_export.outbox_0 (seq, captured_at, version, dataset, deleted, sqlstate, key, traceparent, body)
  select seq, captured_at, version, dataset, deleted, sqlstate, key, traceparent, body from hq_export.outbox_1
  union all
  select seq, captured_at, version, dataset, deleted, sqlstate, key, traceparent, body from hq_export.outbox_2;
truncate hq_export.outbox_1, hq_export.outbox_2;
insert into hq_export.outbox_1 (captured_at, version, dataset, deleted, sqlstate, key, traceparent, body)
  select captured_at, version, dataset, deleted, sqlstate, key, traceparent, body from hq_export.outbox_0 order by seq;
truncate hq_export.outbox_0;`

const BEGIN_INCARNATION = /* sql */ `insert into hq_export.incarnation default values returning id::text as incarnation`

const RESET_ACK = /* sql */ `insert into hq_export.ack (epoch, acked) values ($1, $2)`

/** Serialises two relays that find a new epoch at once; any constant will do, this one spells `hqexepoc`. */
const EPOCH_LOCK = '7526753411573313379'

/** What {@link establishEpoch} found. */
export interface EstablishedEpoch {
  readonly epoch: string
  /** True when everything retained is to be sent again. */
  readonly isNew: boolean
}

async function hasForeignRows(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(HAS_FOREIGN_ROWS)
  return rows[0]?.found ?? false
}

/**
 * Names this life of the server, and starts a new one where recovery, promotion or a restore has happened since
 * the last ack: one transaction, before any tick or rotation.
 * @param isNumberedTwice the outbox may hold two rows of one `seq`: they are numbered anew, and everything retained is sent again.
 */
export async function establishEpoch(
  client: pg.ClientBase,
  isNumberedTwice = false,
): Promise<EstablishedEpoch> {
  await client.query('begin')
  try {
    await client.query('select pg_catalog.pg_advisory_xact_lock($1)', [EPOCH_LOCK])
    const found = (
      await client.query<{ system_identifier: string; incarnation: string | null }>(READ_EPOCH)
    ).rows[0]
    if (found === undefined) throw new Error('pg_control_system() returned no row')
    const last = (await client.query<{ epoch: string }>(LAST_ACK_EPOCH)).rows[0]?.epoch

    let { incarnation } = found
    if (incarnation === null) {
      const begun = await client.query<{ incarnation: string }>(BEGIN_INCARNATION)
      incarnation = begun.rows[0]?.incarnation ?? null
    }
    const epoch = `${found.system_identifier}.${incarnation}`
    const isNew = isNumberedTwice || epoch !== last
    if (isNew) {
      const restoredElsewhere =
        isNumberedTwice ||
        (last !== undefined && !last.startsWith(`${found.system_identifier}.`)) ||
        (await hasForeignRows(client))
      if (restoredElsewhere) await client.query(REWRITE_RETAINED)
      await client.query(RESET_ACK, [epoch, EMPTY_SNAPSHOT])
    }
    await client.query('commit')
    return { epoch, isNew }
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}
