/**
 * One captured change, where it is needed by itself: a failed capture, or a row that HQ refused.
 * Nothing in it was rounded.
 */
export interface OutboxRow {
  /** Number of the dataset in the contract. */
  readonly dataset: number
  /** Values of the contract key, joined by `/`; null where there is none. */
  readonly key: string | null
  readonly xid: string
  /** Place in the outbox; null for a row that was read back from a batch. */
  readonly seq: string | null
  /** ISO 8601, UTC, microseconds. */
  readonly capturedAt: string
  readonly deleted: boolean
  readonly traceparent: string | null
  /** Why the capture failed; null for a good row. */
  readonly sqlstate: string | null
  /**
   * JSON text of the row: contract columns, or the raw row of a failed capture, or null for a bare
   * gap.
   */
  readonly body: string | null
}

/**
 * SQL: a row as it goes on the wire, an element of the envelope's `rows` (PROTOCOL). One text for
 * pages and for what is tried again, because the id of a batch follows from it: a row that is sent
 * alone once more has the id it had, and HQ may know it.
 * @param row alias of something with the columns of an outbox table, whose `body` is not null.
 */
export function wireRowSql(row: string): string {
  // What stands behind the body is put together first, so that the body is copied twice and not
  // once for each part of it.
  return `'{"row":' || ${row}.body || (',"xid":"' || ${row}.xid::text || '","captured_at":'
         || pg_catalog.to_json(${row}.captured_at)::text
         || case when ${row}.traceparent is null then ''
           else ',"traceparent":"' || ${row}.traceparent || '"' end
         || case when ${row}.deleted then ',"deleted":true}' else '}' end)`
}
