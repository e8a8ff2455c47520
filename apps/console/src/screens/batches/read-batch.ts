import type pg from 'pg'
import { instantSql } from '../../db/instant-sql.ts'
import type { ListedBatch } from './read-batches.ts'

/** A row of an answer that is no plain success; never a value. */
export interface AnsweredRow {
  readonly index: number
  readonly key: string | null
  readonly outcome: string
  readonly code?: string
  readonly pointer?: string
  readonly detail?: string
}

/** A batch as the ledger keeps it. */
export interface LedgerBatch extends ListedBatch {
  readonly schemaVersion: string
  readonly epoch: string | null
  readonly orgId: string | null
  readonly spanId: string | null
  /** SHA-256 of the body, hexadecimal. */
  readonly fingerprint: string
  readonly status: string
  /** The first of them. */
  readonly rows: readonly AnsweredRow[]
  readonly rowCount: number
  /** By outcome: how many rows changed nothing, and stand in the answer by their position alone. */
  readonly unchanged: Readonly<Record<string, readonly (readonly [number, number])[]>> | null
  /** As text, so that no number of it is altered. */
  readonly profile: string | null
  readonly keySource: string | null
  readonly keyLabel: string | null
}

export const MAX_ANSWERED = 100
const MAX_BATCHES = 5

// One probe of an index in every month that is kept.
const BATCH = `
select ${instantSql('b.received_at')} as "receivedAt", b.source, b.batch, b.dataset,
  b.schema_version as "schemaVersion", b.epoch, b.key_id as "keyId", b.org_id::text as "orgId",
  b.trace_id as "traceId", b.span_id as "spanId", b.wire_bytes as "wireBytes",
  b.decoded_bytes as "decodedBytes", pg_catalog.encode(b.fingerprint, 'hex') as fingerprint,
  b.answer ->> 'status' as status, b.answer -> 'counts' as counts,
  b.answer -> 'unchanged' as unchanged, pg_catalog.jsonb_pretty(b.profile) as profile,
  pg_catalog.jsonb_array_length(b.answer -> 'rows') as "rowCount",
  pg_catalog.jsonb_path_query_array(b.answer, '$.rows[0 to ${MAX_ANSWERED - 1}]') as rows,
  k.source as "keySource", k.label as "keyLabel"
from ingest.batch b
left join ingest.key k on k.id = b.key_id
where b.source = $1 and b.batch = $2
order by b.received_at desc limit ${MAX_BATCHES}`

/** Reads what the ledger keeps of a batch id; of an id that was applied more than once, each. */
export async function readBatch(
  client: pg.ClientBase,
  source: string,
  batch: string,
): Promise<LedgerBatch[]> {
  return (await client.query<LedgerBatch>(BATCH, [source, batch])).rows
}
