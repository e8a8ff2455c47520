/**
 * SQL: a row as it goes on the wire, an element of the envelope's `rows` (PROTOCOL). One text for
 * pages and for what is tried again, because the id of a batch follows from it: a row that is sent
 * alone once more has the id it had, and HQ may know it.
 * @param row alias of something with the columns of an outbox table, whose `body` is not null.
 */
export function wireRowSql(row: string): string {
  return `'{"row":' || ${row}.body || ',"xid":"' || ${row}.xid::text || '","captured_at":' || pg_catalog.to_json(${row}.captured_at)::text
         || case when ${row}.traceparent is null then '' else ',"traceparent":"' || ${row}.traceparent || '"' end
         || case when ${row}.deleted then ',"deleted":true}' else '}' end`
}
