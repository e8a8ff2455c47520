import type pg from 'pg'
import { SCHEMA_OF, type SideName } from '../../actions/action.ts'

/** An action that a refused row went through. */
export interface Attempt {
  readonly id: string
  readonly kind: string
  readonly actor: string
  readonly outcome: 'done' | 'failed'
  readonly reason: string | null
  readonly at: string
}

const SHOWN = 50

/** Actions of the console that a refused row went through, the newest first. */
export async function readHistory(
  client: pg.ClientBase,
  side: SideName,
  id: string,
): Promise<Attempt[]> {
  const schema = SCHEMA_OF[side]
  const prefix = side === 'hq' ? 'quarantine.' : 'dead_letter.'
  const { rows } = await client.query<Attempt>(
    `select a.id::text as id, a.kind, a.actor, i.outcome, i.reason,
       pg_catalog.to_json(a.requested_at) #>> '{}' as at
     from ${schema}.action_item as i join ${schema}.action as a on a.id = i.action
     where i.item = $1::bigint and pg_catalog.starts_with(a.kind, $2)
     order by a.requested_at desc limit ${SHOWN}`,
    [id, prefix],
  )
  return rows
}
