import { SHOWN_CHARS } from '@hq-export/runtime/shown-text.ts'
import type pg from 'pg'

/** Everything that is kept of one dead letter. */
export interface ShownDeadLetter {
  readonly id: string
  readonly dataset: string
  readonly key: string | null
  readonly reason: string
  readonly detail: string | null
  readonly pointer: string
  readonly attempts: number
  readonly deleted: boolean
  readonly first_failed_at: string
  readonly last_failed_at: string
  readonly captured_at: string
  readonly xid: string
  readonly batch: string | null
  readonly traceparent: string | null
  readonly resolution: string | null
  readonly resolved_at: string | null
  readonly replay_count: number
  readonly note: string | null
  /** Size of the body; null where none was kept. */
  readonly body_bytes: number | null
  /**
   * The row as it was refused, at most the first {@link SHOWN_CHARS} of it; only there if it was
   * asked for.
   */
  readonly body?: string | null
}

const SHOW = /* sql */ `
select id::text as id, dataset, key, reason, detail, pointer, attempts, deleted,
       pg_catalog.to_json(first_failed_at) #>> '{}' as first_failed_at,
       pg_catalog.to_json(last_failed_at) #>> '{}' as last_failed_at,
       pg_catalog.to_json(captured_at) #>> '{}' as captured_at,
       xid::text as xid, batch, traceparent, resolution,
       pg_catalog.to_json(resolved_at) #>> '{}' as resolved_at, replay_count, note,
       pg_catalog.octet_length(body) as body_bytes,
       case when $2 then pg_catalog."left"(body, ${SHOWN_CHARS}) end as body
from hq_export.dead_letter d
where d.id = $1::bigint`

/**
 * Reads one dead letter.
 * @param withValues whether to read the row's values too; without, they do not leave the database.
 * @returns undefined where there is none of this id.
 */
export async function showDeadLetter(
  client: pg.ClientBase,
  id: string,
  withValues: boolean,
): Promise<ShownDeadLetter | undefined> {
  const { rows } = await client.query<ShownDeadLetter>(SHOW, [id, withValues])
  const [letter] = rows
  if (letter === undefined || withValues) return letter
  const { body: _hidden, ...shown } = letter
  return shown
}
