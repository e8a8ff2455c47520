import { DATASETS } from '@hq-export/contract'
import { HiddenRowsError } from '@hq-export/runtime/postgres/hidden-rows-error.ts'
import type pg from 'pg'

const TABLES = [
  ...DATASETS.map(({ name }) => `hq.${name}`),
  ...[
    'batch',
    'quarantine',
    'heartbeat',
    'key',
    'key_use',
    'audit',
    'advisory_lock',
    'reader_org',
    'reconciliation',
    'reconciliation_finding',
    'minute',
    'roll_up',
    'freshness',
    'freshness_epoch',
    'quality_hour',
    'quality_progress',
    'incident',
    'quality_report',
    'quality_tolerance',
    'quality_digest',
    'balance',
    'read_mark',
    'reading',
    'action',
    'action_item',
  ].map((name) => `ingest.${name}`),
]

// Their owner is no subject of row level security, unless it is forced or the table has another
// owner.
const HIDDEN = /* sql */ `
select t.name from pg_catalog.unnest($1::text[]) t (name)
where pg_catalog.row_security_active(pg_catalog.to_regclass(t.name)::oid)`

/** A table whose rows the role of this session does not all see. */
interface HiddenTable {
  readonly found: string
  readonly todo: string
}

/** Finds tables of ours that hide rows from the role of this session. */
export async function findHiddenTables(client: pg.ClientBase | pg.Pool): Promise<HiddenTable[]> {
  const { rows } = await client.query<{ name: string }>(HIDDEN, [TABLES])
  return rows.map(({ name }) => ({
    found: `row level security of ${name} hides rows from the gateway`,
    todo:
      `npm run ingest -- migrate, or alter table ${name} no force row level security, ` +
      'owner to hq_ingest_writer',
  }))
}

/**
 * Proves that the role of this session sees every row of our tables: a key that is hidden would be
 * an unknown one, a batch a new one.
 * @throws {HiddenRowsError} naming each table, and what to do.
 */
export async function assertSeesAll(client: pg.ClientBase | pg.Pool): Promise<void> {
  const hidden = await findHiddenTables(client)
  if (hidden.length > 0) {
    throw new HiddenRowsError(hidden.map(({ found, todo }) => `${found}: ${todo}`))
  }
}
