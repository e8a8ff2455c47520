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
  ].map((name) => `ingest.${name}`),
]

// Their owner is no subject of row level security, unless it is forced or the table has another
// owner.
const HIDDEN = /* sql */ `
select t.name from pg_catalog.unnest($1::text[]) t (name)
where pg_catalog.row_security_active(pg_catalog.to_regclass(t.name)::oid)`

/**
 * Proves that the role of this session sees every row of our tables: a key that is hidden would be
 * an unknown one, a batch a new one.
 * @throws {HiddenRowsError} naming each table, and what to do.
 */
export async function assertSeesAll(client: pg.ClientBase | pg.Pool): Promise<void> {
  const { rows } = await client.query<{ name: string }>(HIDDEN, [TABLES])
  if (rows.length > 0) {
    throw new HiddenRowsError(
      rows.map(
        ({ name }) =>
          `row level security of ${name} hides rows from the gateway: ` +
          `npm run ingest -- migrate, or alter table ${name} no force row level security, ` +
          'owner to hq_ingest_writer',
      ),
    )
  }
}
