/**
 * A few bytes of WAL that nobody decodes. They make the transaction one that ends, with
 * `synchronous_commit = on`, when they are on disk and on synchronous standbys, and with them every
 * commit that it has seen; an id alone would not. Locks nothing.
 */
export const FLUSH_WAL = `select pg_catalog.pg_logical_emit_message(true, 'hq_ingest', '')`
