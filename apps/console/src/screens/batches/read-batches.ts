import { batchResultSchema } from '@hq-export/contract'
import { parseRecord } from '@hq-export/runtime/parse-record.ts'
import type pg from 'pg'
import type { z } from 'zod'
import { instantSql } from '../../db/instant-sql.ts'
import type { BatchPlace } from './cursor.ts'

/** Which batches are shown. */
export interface BatchFilter {
  readonly source?: string | undefined
  readonly dataset?: string | undefined
  /** An outcome that some of its rows had. */
  readonly outcome?: string | undefined
  /** Older than this one. */
  readonly before?: BatchPlace | undefined
}

/** An older release told fewer outcomes apart. */
export const countsSchema = batchResultSchema.shape.counts.partial()

/** A batch without its answer's rows. */
export interface ListedBatch extends BatchPlace {
  readonly dataset: string
  readonly keyId: string
  readonly wireBytes: number
  readonly decodedBytes: number
  readonly traceId: string | null
  /** Rows by outcome, and `received`; counted by us, so that a number holds them. */
  readonly counts: z.infer<typeof countsSchema>
}

/** A page of batches. */
export interface BatchPage {
  readonly batches: readonly ListedBatch[]
  /** Where the next page begins; undefined on the last. */
  readonly next: BatchPlace | undefined
  /** The last one that was looked at, where that was not enough for a page. */
  readonly lookedBackTo: BatchPlace | undefined
}

export const PAGE_ROWS = 50
/**
 * Batches that are looked at for one page where only some are wanted: what is rare is looked for
 * page by page, and never through everything that is kept.
 */
const LOOKED_AT = 2_000

/*
 * The newest batches of each source are read by the index (source, received_at) of every month,
 * the newest month first, and put in one order; so no month is read that the page does not need,
 * and no index by time alone has to be kept for each batch that is written.
 */
const BATCHES = `
with recursive sources as (
  (select b.source from ingest.batch b order by b.source limit 1)
  union all
  select (select b.source from ingest.batch b where b.source > s.source order by b.source limit 1)
  from sources s where s.source is not null
), looked as materialized (
  select n.*
  from sources s
  cross join lateral (
    select b.received_at, b.source, b.batch, b.dataset, b.key_id, b.wire_bytes, b.decoded_bytes,
      b.trace_id, b.answer -> 'counts' as counts
    from ingest.batch b
    where b.source = s.source and ($4::timestamptz is null or (
      b.received_at <= $4 and (
        b.received_at < $4 or (b.source, b.batch) < ($5::text, $6::text)
      )
    ))
    order by b.received_at desc, b.batch desc limit $7
  ) n
  where s.source is not null and ($1::text is null or s.source = $1)
  order by n.received_at desc, n.source desc, n.batch desc limit $7
), wanted as (
  select * from looked
  where ($2::text is null or dataset = $2)
    and ($3::text is null or (counts ->> $3)::bigint > 0)
  order by received_at desc, source desc, batch desc limit $8
), row_of as (
  select pg_catalog.row_number() over (order by received_at desc, source desc, batch desc)
    as position, w.*, false as is_last from wanted w
  union all
  select null, l.*, true from (
    select * from looked order by received_at, source, batch limit 1
  ) l where (select count(*) from looked) >= $7
)
select is_last as "isLast", source, batch, dataset, key_id as "keyId", wire_bytes as "wireBytes",
  decoded_bytes as "decodedBytes", trace_id as "traceId", counts,
  ${instantSql('received_at')} as "receivedAt"
from row_of order by position nulls last`

type Row = ListedBatch & { readonly isLast: boolean }

/** Where the answer to a batch is kept. */
export function answerOf({ source, batch }: Pick<ListedBatch, 'source' | 'batch'>) {
  const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`
  return {
    ...{ name: `the answer to batch ${batch}`, table: 'ingest.batch', column: 'answer' },
    where: `source = ${quoted(source)} and batch = ${quoted(batch)}`,
  }
}

/** Reads the newest batches, or those below a place; bounded, however many there are. */
export async function readBatches(client: pg.ClientBase, filter: BatchFilter): Promise<BatchPage> {
  const { source, dataset, outcome, before } = filter
  const isNarrow = dataset !== undefined || outcome !== undefined
  const limit = isNarrow ? LOOKED_AT : PAGE_ROWS + 1
  const { rows } = await client.query<Row>(BATCHES, [
    ...[source ?? null, dataset ?? null, outcome ?? null],
    ...[before?.receivedAt ?? null, before?.source ?? null, before?.batch ?? null],
    ...[limit, PAGE_ROWS + 1],
  ])
  const found = rows.filter(({ isLast }) => !isLast)
  const batches = found.slice(0, PAGE_ROWS).map((row) => {
    return {
      ...row,
      counts: parseRecord(countsSchema, row.counts, answerOf(row)),
    }
  })
  if (found.length > PAGE_ROWS) return { batches, next: batches.at(-1), lookedBackTo: undefined }
  const last = isNarrow ? rows.find(({ isLast }) => isLast) : undefined
  return { batches, next: last, lookedBackTo: last }
}
