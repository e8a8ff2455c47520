/**
 * SQL: a key of the settle list is settled when a mark saw it and counted that far. Without a mark
 * of this server, every key is pending.
 * @param mark alias of a row of `hq_export.settled`.
 */
export function isSettledSql(mark: string): string {
  return `(p.number <= ${mark}.number and pg_catalog.pg_visible_in_snapshot(p.xid, ${mark}.seen))`
}
