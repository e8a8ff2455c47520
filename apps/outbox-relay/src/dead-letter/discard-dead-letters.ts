import type pg from 'pg'

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
where d.id = c.id`

/**
 * Gives dead letters up: they stay on record, closed. One statement, safe to repeat.
 * @param note why, for whoever reads it later.
 */
export async function discardDeadLetters(
  client: pg.ClientBase,
  ids: readonly string[],
  note: string | undefined,
): Promise<void> {
  await client.query(DISCARD, [ids, note ?? null])
}
