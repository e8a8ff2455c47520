import type pg from 'pg'

/** The evidence that somebody asks for a year later. */
const KEEP_DAYS = 400
/** One pass ends after this many, however long the gateway was away. */
const MAX_RUNS = 10_000

/*
 * Locks: the rows that it deletes, and those of their findings, which nobody writes any more.
 */
const EXPIRE = `
  delete from ingest.reconciliation as r using (
    select source, id from ingest.reconciliation
    where received_at < pg_catalog.to_timestamp($1::float8 / 1000)
      - pg_catalog.make_interval(days => $2)
    order by received_at limit $3
  ) as old
  where r.source = old.source and r.id = old.id`

/**
 * Deletes the reconciliations, findings included, that are older than 400 days.
 * @param now milliseconds since the epoch.
 * @returns how many.
 */
export async function expireReconciliations(client: pg.ClientBase, now: number): Promise<number> {
  const { rowCount } = await client.query(EXPIRE, [now, KEEP_DAYS, MAX_RUNS])
  return rowCount ?? 0
}
