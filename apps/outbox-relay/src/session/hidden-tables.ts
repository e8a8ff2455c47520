import { HiddenRowsError } from '@hq-export/runtime/postgres/hidden-rows-error.ts'
import type pg from 'pg'

/**
 * Settings of a session that works: a row that row level security hides from it is an error.
 * Silently left out, it would be taken for settled, and truncated. Holds for SELECT, INSERT, UPDATE
 * and DELETE on a table that has it, and for whatever else reads rows.
 */
export const SEES_ALL: Readonly<Record<string, string>> = { row_security: 'off' }

/** What the relay reads; a sequence that it may not read says NULL. */
const READ = [
  ...['outbox_0', 'outbox_1', 'outbox_2', 'settle_0', 'settle_1', 'settled', 'ack', 'incarnation'],
  ...['binding', 'version_base', 'dead_letter', 'late_child', 'assigned_sequence', 'backfill'],
  ...['capture_gap', 'migration', 'advisory_lock', 'reexport', 'reconciliation'],
  ...['audit', 'action', 'action_item'],
  ...['reconciliation_range', 'follow', 'removal', 'truncation', 'balance', 'balance_mark'],
  ...['current_outbox', 'doorbell', 'current_settle', 'settle_horizon'],
]

// Whoever may pass by row level security, captures run as the owners of the bound tables: it is off
// on every table of ours, or rows are lost.
const HIDDEN = /* sql */ `
select c.relname as name, c.relrowsecurity as is_policed
from pg_catalog.pg_class c
where c.relnamespace = 'hq_export'::pg_catalog.regnamespace and (
  c.relkind in ('r', 'p') and c.relrowsecurity
  or c.relname = any ($1::text[]) and not pg_catalog.has_table_privilege(c.oid, 'select'))
order by c.relname`

/** A table of ours that is not seen as a whole. */
export interface HiddenTable {
  readonly found: string
  readonly todo: string
}

/**
 * Tables of ours whose rows are hidden, now or from the captures. Asks catalogs only. @param client
 * session of hq_export_relay.
 */
export async function findHiddenTables(client: pg.ClientBase): Promise<HiddenTable[]> {
  const { rows } = await client.query<{ name: string; is_policed: boolean }>(HIDDEN, [READ])
  return rows.map(({ name, is_policed }) =>
    is_policed
      ? {
          found:
            `row level security of hq_export.${name} hides rows from the relay, ` +
            'and refuses those of captures',
          todo:
            `alter table hq_export.${name} disable row level security, ` +
            'or npm run relay -- migrate',
        }
      : {
          found: `hq_export_relay may not read hq_export.${name}`,
          todo: `grant select on hq_export.${name} to hq_export_relay`,
        },
  )
}

/** @throws {HiddenRowsError} naming each table that is not seen as a whole, and what to do. */
export async function assertSeesAll(client: pg.ClientBase): Promise<void> {
  const hidden = await findHiddenTables(client)
  if (hidden.length > 0) {
    throw new HiddenRowsError(hidden.map(({ found, todo }) => `${found}: ${todo}`))
  }
}
