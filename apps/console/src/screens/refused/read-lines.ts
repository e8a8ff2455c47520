import { CAUSE_POINTER } from '@hq-export/hq-ingest/quarantine/selection.ts'
import type pg from 'pg'
import type { Cause } from './cause.ts'
import type { Counterpart, Trait } from './match-sides.ts'

/** A refused row as one side has it. */
export interface Line extends Trait {
  readonly side: 'hq' | 'dx'
  readonly source: string | null
  readonly org: string | null
  readonly detail: string | null
  readonly firstSeen: string
  readonly lastSeen: string
  /** How often it was refused. */
  readonly attempts: number
  /** How often it was sent again by hand. */
  readonly replayCount: number
  /** The same row on the other side. */
  readonly other?: Counterpart | undefined
}

/** Where a page begins on one side: below this row. */
export interface LineCursor {
  readonly at: string
  readonly id: string
}

const iso = (expression: string): string => `pg_catalog.to_json(${expression}) #>> '{}'`

function below(last: string, id: string, cursor: LineCursor | undefined, parameters: number) {
  if (cursor === undefined) return ''
  return `and (${last}, ${id}) < ($${parameters + 1}::timestamptz, $${parameters + 2}::bigint)`
}

/** Open entries of a cause, those that were refused last first. */
export async function readEntryLines(
  client: pg.ClientBase,
  { dataset, code, pointer }: Cause,
  limit: number,
  before: LineCursor | undefined,
): Promise<Line[]> {
  const { rows } = await client.query<Line>(
    `select 'hq' as side, q.id::text as id, q.source, q.dataset, q.key, q.batch, q.detail,
       q.org_id::text as org, pg_catalog.encode(q.row_sha256, 'hex') as sha256,
       ${iso('q.first_seen_at')} as "firstSeen", ${iso('q.last_seen_at')} as "lastSeen",
       q.seen_count as attempts, 0 as "replayCount"
     from ingest.quarantine as q
     where q.resolved_at is null and q.dataset = $1 and q.code = $2 and ${CAUSE_POINTER} = $3
       ${below('q.last_seen_at', 'q.id', before, 4)}
     order by q.last_seen_at desc, q.id desc limit $4`,
    [dataset, code, pointer, limit, ...(before === undefined ? [] : [before.at, before.id])],
  )
  return rows
}

/** Open letters of a cause, those that failed last first. */
export async function readLetterLines(
  client: pg.ClientBase,
  { dataset, code, pointer }: Cause,
  limit: number,
  before: LineCursor | undefined,
): Promise<Line[]> {
  const { rows } = await client.query<Line>(
    `select 'dx' as side, d.id::text as id, null as source, d.dataset, d.key, d.batch, d.detail,
       null as org,
       pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(d.body, 'UTF8')), 'hex') as sha256,
       ${iso('d.first_failed_at')} as "firstSeen", ${iso('d.last_failed_at')} as "lastSeen",
       d.attempts, d.replay_count as "replayCount"
     from hq_export.dead_letter as d
     where d.resolved_at is null and d.dataset = $1 and d.reason = $2
       and d.pointer = $3 ${below('d.last_failed_at', 'd.id', before, 4)}
     order by d.last_failed_at desc, d.id desc limit $4`,
    [dataset, code, pointer, limit, ...(before === undefined ? [] : [before.at, before.id])],
  )
  return rows
}
