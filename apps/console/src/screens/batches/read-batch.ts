import { parseRecord } from '@hq-export/runtime/parse-record.ts'
import type pg from 'pg'
import { z } from 'zod'
import { instantSql } from '../../db/instant-sql.ts'
import { answerOf, countsSchema, type ListedBatch } from './read-batches.ts'

const textSchema = z.string().optional()

/** What is shown of an answer; an outcome or code of tomorrow is shown as it is. */
const answerSchema = z.object({
  status: z.string(),
  counts: countsSchema,
  /** Those that are no plain success; never a value. */
  rows: z.array(
    z.object({
      index: z.int(),
      key: z.string().nullable(),
      outcome: z.string(),
      ...{ code: textSchema, pointer: textSchema, detail: textSchema },
    }),
  ),
  /** By outcome: how many rows changed nothing, and stand here by their position alone. */
  unchanged: z.record(z.string(), z.array(z.tuple([z.int(), z.int()]))).optional(),
})

/** A batch as the ledger keeps it. */
export interface LedgerBatch extends Omit<ListedBatch, 'counts'> {
  readonly schemaVersion: string
  readonly epoch: string | null
  readonly orgId: string | null
  readonly spanId: string | null
  /** SHA-256 of the body, hexadecimal. */
  readonly fingerprint: string
  /** With the first of its rows. */
  readonly answer: z.infer<typeof answerSchema>
  readonly rowCount: number
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
  pg_catalog.jsonb_pretty(b.profile) as profile,
  pg_catalog.jsonb_array_length(b.answer -> 'rows') as "rowCount",
  (b.answer - 'rows') || pg_catalog.jsonb_build_object('rows',
    pg_catalog.jsonb_path_query_array(b.answer, '$.rows[0 to ${MAX_ANSWERED - 1}]')) as answer,
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
  const { rows } = await client.query<LedgerBatch>(BATCH, [source, batch])
  return rows.map((row) => {
    return { ...row, answer: parseRecord(answerSchema, row.answer, answerOf(row)) }
  })
}
