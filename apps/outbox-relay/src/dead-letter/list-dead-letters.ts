import type pg from 'pg'

/**
 * A dead letter as an operator lists it; the body is left out, it may be large and holds row
 * values.
 */
export interface ListedDeadLetter {
  readonly id: string
  readonly dataset: string
  readonly key: string | null
  readonly reason: string
  readonly detail: string | null
  readonly attempts: number
  readonly first_failed_at: string
  readonly last_failed_at: string
  readonly batch: string | null
  readonly traceparent: string | null
  /** `replayed`, `gone` or `discarded`; null while it is open. */
  readonly resolution: string | null
  readonly resolved_at: string | null
  readonly replay_count: number
  readonly note: string | null
}

const LIST = /* sql */ `
select id::text as id, dataset, key, reason, detail, attempts,
       pg_catalog.to_json(first_failed_at) #>> '{}' as first_failed_at,
       pg_catalog.to_json(last_failed_at) #>> '{}' as last_failed_at,
       batch, traceparent, resolution, pg_catalog.to_json(resolved_at) #>> '{}' as resolved_at,
       replay_count, note
from hq_export.dead_letter d
where ($1::text is null or dataset = $1) and ($2::text is null or reason = $2)
  and ($5::text is null or d.pointer = $5)
  and (d.resolved_at is not null) = $3
order by d.last_failed_at desc, d.id desc
limit $4`

/** Which dead letters to list; newest first. */
export interface DeadLetterFilter {
  readonly dataset?: string | undefined
  readonly reason?: string | undefined
  /** Where in the row; '' for those of which HQ did not say. */
  readonly pointer?: string | undefined
  /** Those that an operator has settled, instead of the open ones. */
  readonly resolved?: boolean | undefined
  readonly limit: number
}

/** Reads dead letters, the last that failed first. */
export async function listDeadLetters(
  client: pg.ClientBase,
  filter: DeadLetterFilter,
): Promise<ListedDeadLetter[]> {
  const values = [
    filter.dataset ?? null,
    filter.reason ?? null,
    filter.resolved ?? false,
    filter.limit,
    filter.pointer ?? null,
  ]
  return (await client.query<ListedDeadLetter>(LIST, values)).rows
}
