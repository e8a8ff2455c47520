import type pg from 'pg'

/** A key of a source, and with which contract it sends. */
export interface Sender {
  readonly source: string
  readonly keyId: string
  /** ISO 8601. */
  readonly lastUsedAt: string
  /** null: it says none. */
  readonly contractLock: string | null
}

const SENDERS = /* sql */ `
select source, key_id as "keyId", pg_catalog.to_json(last_used_at) #>> '{}' as "lastUsedAt",
  contract_lock as "contractLock"
from ingest.key_use order by last_used_at desc limit 50`

/** Reads which contract each source sends with. */
export async function readSenders(client: pg.ClientBase): Promise<Sender[]> {
  return (await client.query<Sender>(SENDERS)).rows
}
