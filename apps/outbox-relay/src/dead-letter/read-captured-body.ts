import type pg from 'pg'
import { unionOfOutbox } from '../outbox/outbox-tables.ts'
import { MAX_BODY_BYTES } from '../outbox/row-size.ts'

// By the index of each table, whose first column is xid.
const READ = /* sql */ `
select o.body
from (
  ${unionOfOutbox((table) => `select xid, seq, dataset, key, body from ${table}`)}
) o
where o.xid = coalesce($1::xid8, pg_catalog.pg_current_xact_id()) and o.dataset = $2 and o.key = $3
  and pg_catalog.octet_length(o.body) <= ${MAX_BODY_BYTES}
order by o.seq desc limit 1`

/**
 * The last row that a transaction captured of a key, while the outbox retains it, and that HQ would
 * take.
 * @param row.xid the open transaction, where it is not said.
 */
export async function readCapturedBody(
  client: pg.ClientBase,
  row: { readonly xid?: string; readonly dataset: number; readonly key: string },
): Promise<string | undefined> {
  const { rows } = await client.query<{ body: string }>(READ, [
    row.xid ?? null,
    row.dataset,
    row.key,
  ])
  return rows[0]?.body
}
