import type pg from 'pg'
import { type Applied, nothingApplied, type Origin, unchanged } from './applied.ts'
import type { AcceptedRow } from './batch-row.ts'
import { isolate } from './isolate.ts'

interface Beat {
  readonly position: number
  readonly inserted: boolean | null
}

/*
 * One row per source: the newest heartbeat. Only the newest of the batch is offered, so the
 * statement touches one row and cannot deadlock. The newer of two in one epoch is the one of the
 * later transaction, whatever the source's clock said: that can be set back. Between epochs there
 * is no order, and what arrives last counts. `inserted` is null where the stored one is not older.
 */
const BEAT = `
  with newest as (
    select b.source_ts, b.xid, (b.n - 1)::int4 as position
    from rows from (pg_catalog.unnest($1::timestamptz[]), pg_catalog.unnest($5::xid8[]))
      with ordinality as b(source_ts, xid, n)
    order by b.xid desc, b.source_ts desc, b.n
    limit 1
  ), written as (
    insert into ingest.heartbeat as h (source_ts, source, batch, epoch, xid)
    select source_ts, $2, $3, $4, xid from newest
    on conflict (source) do update
      set source_ts = excluded.source_ts, received_at = excluded.received_at,
        batch = excluded.batch, epoch = excluded.epoch, xid = excluded.xid
      where h.xid is null or h.epoch is distinct from excluded.epoch
        or h.xid < excluded.xid or (h.xid = excluded.xid and h.source_ts < excluded.source_ts)
    returning h.xmax = 0 as inserted
  )
  select position, (select inserted from written) as inserted from newest`

async function beat(
  client: pg.PoolClient,
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Applied> {
  const { rows: answers } = await client.query<Beat>(BEAT, [
    rows.map(({ row }) => row.source_ts),
    origin.source,
    origin.batch,
    origin.epoch ?? null,
    rows.map(({ xid }) => xid),
  ])
  const [newest] = answers
  if (newest === undefined) throw new Error('the heartbeat answered nothing')
  const applied = nothingApplied()
  if (newest.inserted === true) applied.inserted = 1
  if (newest.inserted === false) applied.updated = 1
  for (const [position, row] of rows.entries()) {
    if (position !== newest.position) applied.unchanged.push(unchanged(row, 'superseded'))
    else if (newest.inserted === null) applied.unchanged.push(unchanged(row, 'stale'))
  }
  return applied
}

/** Records the newest heartbeat of a source. */
export function applyHeartbeat(
  client: pg.PoolClient,
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Applied> {
  return isolate(client, rows, (part) => beat(client, part, origin))
}
