import { COMPANY_KIND } from './company-kind.ts'
import { type EntityKind, type EntityRow, STATE_COLUMNS } from './entity-kind.ts'
import { faultyEntities } from './faults.ts'
import { PERSON_KIND } from './person-kind.ts'
import type { EntityType } from './population.ts'
import type { Transaction } from './transact.ts'

/** Both kinds, by type. */
export const KINDS: Readonly<Record<EntityType, EntityKind>> = {
  company: COMPANY_KIND,
  person: PERSON_KIND,
}

// Every row of a statement in one parameter, so one prepared statement serves one row and hundreds.
function recordset({ columns }: EntityKind): string {
  const types = Object.entries({ ...STATE_COLUMNS, ...columns })
  return `pg_catalog.json_to_recordset($1::json)
    as c(${types.map(([name, type]) => `${name} ${type}`).join(', ')})`
}

function valueSql(name: string): string {
  return name === 'canonical_payload' ? 'c.canonical_payload::jsonb' : `c.${name}`
}

function upsertSql(kind: EntityKind): string {
  const names = [...Object.keys(STATE_COLUMNS), ...Object.keys(kind.columns)]
  const assigned = ['company_id', 'last_run_id', ...Object.keys(kind.columns)]
  return `insert into ${kind.table} as e (${names.join(', ')})
select ${names.map(valueSql).join(', ')} from ${recordset(kind)}
order by c.org_id, c.entity_id
on conflict (org_id, entity_id) do update
set ${assigned.map((name) => `${name} = excluded.${name}`).join(', ')},
    record_version = e.record_version + 1
returning e.entity_id`
}

function enrichSql(kind: EntityKind): string {
  const assigned = ['company_id', 'last_run_id', ...Object.keys(kind.columns)]
  return `update ${kind.table} e
set ${assigned.map((name) => `${name} = ${valueSql(name)}`).join(', ')},
    record_version = c.record_version + 1
from ${recordset(kind)}
where e.org_id = c.org_id and e.entity_id = c.entity_id and e.record_version = c.record_version`
}

// SKIP LOCKED: maintenance yields to whoever is working on an entity.
function changeSilentlySql({ table, silentChange }: EntityKind): string {
  return `with chosen as (
  select org_id, entity_id from ${table}
  where org_id = $1 and entity_id >= $2
  order by org_id, entity_id limit $3
  for no key update skip locked
)
update ${table} e set ${silentChange}
from chosen c where e.org_id = c.org_id and e.entity_id = c.entity_id`
}

/** How both kinds of rows are counted: every change of an entity is a row of it and a snapshot. */
export function countEntities(tx: Transaction, kind: EntityKind, rows: number): void {
  tx.count(kind.dataset, rows)
  tx.count('dx_entity_snapshots_v1', rows)
}

/** Inserts entities, or enriches those that exist; each at most once. */
export async function upsertEntities(
  tx: Transaction,
  kind: EntityKind,
  rows: readonly EntityRow[],
): Promise<void> {
  const { rowCount } = await tx.client.query({
    name: `upsert-${kind.type}`,
    text: upsertSql(kind),
    values: [JSON.stringify(faultyEntities(tx.faults, rows))],
  })
  countEntities(tx, kind, rowCount ?? 0)
}

/** Versions of these entities now, as text; those that do not exist are not in it. */
export async function readVersions(
  tx: Transaction,
  kind: EntityKind,
  orgId: string,
  entityIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await tx.client.query<{ entity_id: string; version: string }>({
    name: `read-versions-${kind.type}`,
    text: `select entity_id, record_version::text as version from ${kind.table}
where org_id = $1 and entity_id = any ($2::uuid[])`,
    values: [orgId, entityIds],
  })
  return new Map(rows.map(({ entity_id, version }) => [entity_id, version]))
}

/**
 * The same, locking the rows in the order of the import, so that two bulk changes wait for each
 * other and not for ever.
 */
export async function lockVersions(
  tx: Transaction,
  kind: EntityKind,
  orgId: string,
  entityIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await tx.client.query<{ entity_id: string; version: string }>({
    name: `lock-versions-${kind.type}`,
    text: `select entity_id, record_version::text as version from ${kind.table}
where org_id = $1 and entity_id = any ($2::uuid[])
order by entity_id for no key update`,
    values: [orgId, entityIds],
  })
  return new Map(rows.map(({ entity_id, version }) => [entity_id, version]))
}

/**
 * Enriches entities whose version is still the one that was read (`record_version` of the row), as
 * data-engine-x does.
 * @returns how many were; fewer than given where another writer was faster.
 */
export async function enrichEntities(
  tx: Transaction,
  kind: EntityKind,
  rows: readonly EntityRow[],
): Promise<number> {
  const { rowCount } = await tx.client.query({
    name: `enrich-${kind.type}`,
    text: enrichSql(kind),
    values: [JSON.stringify(faultyEntities(tx.faults, rows))],
  })
  countEntities(tx, kind, rowCount ?? 0)
  return rowCount ?? 0
}

/** Changes up to `limit` entities from `fromId` on without raising their versions. */
export async function changeSilently(
  tx: Transaction,
  kind: EntityKind,
  orgId: string,
  fromId: string,
  limit: number,
): Promise<void> {
  const { rowCount } = await tx.client.query({
    name: `change-silently-${kind.type}`,
    text: changeSilentlySql(kind),
    values: [orgId, fromId, limit],
  })
  countEntities(tx, kind, rowCount ?? 0)
}

/** Deletes entities; returns those that existed. */
export async function deleteEntities(
  tx: Transaction,
  kind: EntityKind,
  orgId: string,
  entityIds: readonly string[],
): Promise<string[]> {
  const { rows } = await tx.client.query<{ entity_id: string }>({
    name: `delete-${kind.type}`,
    text: `delete from ${kind.table} where org_id = $1 and entity_id = any ($2::uuid[])
      returning entity_id`,
    values: [orgId, entityIds],
  })
  countEntities(tx, kind, rows.length)
  return rows.map(({ entity_id }) => entity_id)
}
