import type pg from 'pg'
import { recordAudit } from '../audit/record-audit.ts'

// Locked in the order in which the relay's own insert locks them.
const DISCARD = /* sql */ `
with chosen as materialized (
  select d.id
  from hq_export.dead_letter d
  where d.id = any ($1::bigint[]) and d.resolution is distinct from 'discarded'
  order by d.dataset, d.fingerprint
  for update
)
update hq_export.dead_letter d
set resolved_at = pg_catalog.clock_timestamp(), resolution = 'discarded',
    note = coalesce($2::text, d.note),
    resolved_xid = pg_catalog.pg_current_xact_id(),
    resolved_system = (pg_catalog.pg_control_system()).system_identifier
from chosen c
where d.id = c.id
returning d.id::text as id`

/** Who gives letters up, and why. */
export interface Discarding {
  /** Undefined for the login role. */
  readonly by?: string | undefined
  /** For whoever reads it later. */
  readonly note: string | undefined
  /** Action of the console that it belongs to. */
  readonly operation?: string | undefined
}

/**
 * Gives dead letters up, in the open transaction: they stay on record, closed. Safe to repeat.
 * @returns ids that were given up, which stand in the audit.
 */
export async function discardDeadLetters(
  client: pg.ClientBase,
  ids: readonly string[],
  { by, note, operation }: Discarding,
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(DISCARD, [ids, note ?? null])
  const discarded = rows.map(({ id }) => id)
  if (discarded.length > 0) {
    await recordAudit(client, {
      actor: by,
      action: 'dead_letter.discard',
      subject: 'hq_export.dead_letter',
      detail: { note, ids: discarded, operation },
    })
  }
  return discarded
}
