import type pg from 'pg'
import { recordAudit } from '../db/record-audit.ts'
import { transact } from '../db/transact.ts'
import { conditionOf, type Selection } from './selection.ts'

/** Who resolves entries, and which. */
export interface Resolving {
  readonly selection: Selection
  /** Undefined for the login role. */
  readonly by: string | undefined
  /** Action of the console that it belongs to. */
  readonly operation?: string | undefined
}

/** {@link discardSelected} in a transaction of its own. */
export function discardEntries(
  pool: pg.Pool,
  resolving: Resolving,
  note: string,
): Promise<string[]> {
  return transact(pool, (client) => discardSelected(client, resolving, note))
}

/**
 * Closes the selected open entries for good, in the open transaction; the rows stay where they are.
 *
 * Locks: the entries, in the order of their ids.
 * @returns ids that were discarded.
 */
export async function discardSelected(
  client: pg.ClientBase,
  { selection, by, operation }: Resolving,
  note: string,
): Promise<string[]> {
  const { text, values } = conditionOf(selection)
  const { rows } = await client.query<{ id: string }>(
    `with chosen as (
         select q.id from ingest.quarantine as q where ${text} and q.resolved_at is null
         order by q.id for update
       )
       update ingest.quarantine as q
       set resolved_at = pg_catalog.clock_timestamp(), resolution = 'discarded',
         resolved_by = coalesce($${values.push(by ?? null)}, session_user),
         resolution_note = $${values.push(note)}
       from chosen where q.id = chosen.id
       returning q.id::text as id`,
    values,
  )
  const ids = rows.map(({ id }) => id)
  if (ids.length > 0) {
    const detail = { selection, note, ids, operation }
    await recordAudit(client, {
      actor: by,
      action: 'quarantine.discard',
      subject: 'ingest.quarantine',
      detail,
    })
  }
  return ids
}
