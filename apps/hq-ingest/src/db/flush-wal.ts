/**
 * Makes a transaction one that has WAL of its own and so ends, with `synchronous_commit = on`, when
 * that is on disk, and with it every commit that it has seen. Locks nothing.
 */
export const FLUSH_WAL = `select pg_catalog.pg_logical_emit_message(true, 'hq_ingest', '')`
