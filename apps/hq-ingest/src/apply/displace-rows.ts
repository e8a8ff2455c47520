import { type Column, datasetByName, snapshotIdOf } from '@hq-export/contract'
import type pg from 'pg'
import type { AcceptedRow } from './batch-row.ts'

const SNAPSHOTS = datasetByName('dx_entity_snapshots_v1')

/** As the value travels (PROTOCOL, Values). */
function wireSql({ name, type }: Column): string {
  const isExact = type === 'uuid' || type === 'int8' || type === 'numeric' || type === 'jsonb'
  return `'${name}', ${isExact ? `g.${name}::text` : `g.${name}`}`
}

/*
 * A snapshot_id follows from tenant, entity and version, so everybody can compute those of another
 * tenant, and the primary key holds one row of each. A row that stands under the id of another
 * tenant's version is none of its own tenant's: it gives way, and is kept in quarantine, where it
 * is seen. So what HQ ends with does not depend on who came first.
 *
 * Locks: the rows that are deleted, in the transaction that writes their successors. Whoever does
 * the same meanwhile waits, and finds none.
 */
const DISPLACE = `
  with gone as (
    delete from hq.${SNAPSHOTS.name} as s
    using rows from (pg_catalog.unnest($1::uuid[]), pg_catalog.unnest($2::uuid[]))
      as i (snapshot_id, org_id)
    where s.snapshot_id = i.snapshot_id and s.org_id <> i.org_id
    returning s.*
  )
  insert into ingest.quarantine
    (source, dataset, schema_version, batch, row_index, key, org_id, org_allowed, code, pointer,
     detail, row_text, row_sha256, deleted, xid, captured_at)
  select g._dx_source, '${SNAPSHOTS.name}', g.export_schema_version, g._dx_batch, 0,
    g.snapshot_id::text, g.org_id, true,
    'append_only_violation', null, 'gave way to the row of another org, whose snapshot_id it had',
    t.row_text, pg_catalog.sha256(pg_catalog.convert_to(t.row_text, 'UTF8')), false, g._dx_xid,
    g._dx_ingested_at
  from gone as g
  cross join lateral (
    select (pg_catalog.jsonb_build_object(${SNAPSHOTS.columns.map(wireSql).join(', ')})
    || coalesce(g._dx_extra, '{}'))::text as row_text) as t
  on conflict (source, dataset, row_sha256, deleted) where resolved_at is null do nothing`

/**
 * True for a row whose key follows from its content, while the row that holds it is another org's.
 */
export function mayDisplace(datasetName: string, { key, row }: AcceptedRow): boolean {
  return datasetName === SNAPSHOTS.name && key === snapshotIdOf(row)
}

/** Moves the rows of other orgs that stand under the keys of `rows` to quarantine. */
export async function displaceRows(
  client: pg.PoolClient,
  rows: readonly AcceptedRow[],
): Promise<void> {
  await client.query(DISPLACE, [rows.map(({ key }) => key), rows.map(({ row }) => row.org_id)])
}
