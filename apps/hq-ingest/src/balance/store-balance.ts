import type { BalanceRow } from '@hq-export/contract'
import type pg from 'pg'

// Sorted, so that two posts of one source take the row locks in the same order.
const STORE = `
  insert into ingest.balance as b
    (source, day, dataset, captured, inserted, updated, superseded, duplicate, stale, refused,
     filtered, waiting)
  select $1, n.day, n.dataset, n.captured, n.inserted, n.updated, n.superseded, n.duplicate,
    n.stale, n.refused, n.filtered, n.waiting
  from pg_catalog.json_to_recordset($2::json) as n (day date, dataset text, captured bigint,
    inserted bigint, updated bigint, superseded bigint, duplicate bigint, stale bigint,
    refused bigint, filtered bigint, waiting bigint)
  order by n.day, n.dataset
  on conflict (source, day, dataset) do update
  set received_at = pg_catalog.clock_timestamp(), captured = excluded.captured,
    inserted = excluded.inserted, updated = excluded.updated, superseded = excluded.superseded,
    duplicate = excluded.duplicate, stale = excluded.stale, refused = excluded.refused,
    filtered = excluded.filtered, waiting = excluded.waiting
  where (b.captured, b.inserted, b.updated, b.superseded, b.duplicate, b.stale, b.refused,
      b.filtered, b.waiting)
    is distinct from (excluded.captured, excluded.inserted, excluded.updated, excluded.superseded,
      excluded.duplicate, excluded.stale, excluded.refused, excluded.filtered, excluded.waiting)`

const FORGET = `
  delete from ingest.balance
  where source = $1 and day < (pg_catalog.clock_timestamp() at time zone 'UTC')::date - 400`

/**
 * Keeps what a source says of its days; each day as it said last. What says the same again writes
 * nothing.
 * @param rows each day and dataset once.
 */
export async function storeBalance(
  client: pg.ClientBase,
  source: string,
  rows: readonly BalanceRow[],
): Promise<void> {
  await client.query(STORE, [source, JSON.stringify(rows)])
  await client.query(FORGET, [source])
}
