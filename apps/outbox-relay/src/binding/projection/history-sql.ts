import { type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { type BoundDataset, SNAPSHOTS_DATASET } from '../binding-schema.ts'
import { tableSql } from '../source-table.ts'
import { indent, lines } from './layout.ts'
import { entityTypeOf, payloadSql, projectionOf, snapshotIdSql } from './projection.ts'

const { escapeIdentifier, escapeLiteral } = pg

/**
 * Exported version of the entity row `r` from which on the capture has every one: that of its first
 * change, else the current one.
 */
function capturedFrom(bound: BoundDataset, key: string): string {
  const { number } = datasetByName(bound.dataset)
  const version = `(r.${escapeIdentifier(bound.version ?? '')})::bigint`
  return `coalesce(
  (
    select c.version from hq_export.captured_from c
    where c.dataset = ${number} and c.key = ${key}
  ),
  hq_export.exported_version(${version}, (
    select b.base from hq_export.version_base b
    where b.dataset = ${number} and b.key = ${key}
  ))
)`
}

/**
 * Rows of `dx_entity_snapshots_v1` that a history table of the source supplies: versions from
 * before the capture began, of the present life of an entity that still exists, below the first
 * version that the capture has. `bind` sees to it that what is captured lies above all of them (see
 * {@link raiseAboveHistory}), so a version is either history's or the capture's, never both.
 */
export function historySelect(bound: BoundDataset): string | undefined {
  const history = bound.snapshot?.history
  if (history === undefined) return undefined
  const projection = projectionOf(bound, 'null')
  const { number } = projection.dataset
  const entity = (name: string): string =>
    projection.columns.find((column) => column.name === name)?.sql ?? 'null'
  const version = `(${history.version})::bigint`
  const expressions: Readonly<Record<string, string>> = {
    export_schema_version: entity('export_schema_version'),
    snapshot_id: snapshotIdSql(projection, version),
    org_id: entity('org_id'),
    entity_type: `${escapeLiteral(entityTypeOf(projection.dataset))}::text`,
    entity_id: entity('entity_id'),
    record_version: version,
    canonical_payload_json: payloadSql(bound, history.payload),
    captured_at: `(${history.capturedAt})::timestamptz`,
    source_run_id: `(${history.sourceRunId})::uuid`,
  }
  const dataset: Dataset = datasetByName(SNAPSHOTS_DATASET)
  const list = dataset.columns.map(
    ({ name, type }) => `${expressions[name] ?? `null::${type}`} as ${escapeIdentifier(name)}`,
  )
  const filter = bound.filter === undefined ? '' : `\n  and (${bound.filter})`
  return `select
${lines(list)}
from ${tableSql(history.table)} h
join ${tableSql(bound.table)} r on ${history.match}
where (${history.capturedAt}) < (
    select b.captured_since from hq_export.binding b where b.number = ${number}
  )
  and (${history.entityCreatedAt}) <= (${history.capturedAt})
  and ${version} < ${indent(capturedFrom(bound, projection.key)).trimStart()}${filter}`
}

/**
 * Raises the base of every entity whose history holds its version or a higher one (the version went
 * back before we came), so that no exported version is one of history's.
 */
export function raiseAboveHistory(bound: BoundDataset): string | undefined {
  const history = bound.snapshot?.history
  if (history === undefined) return undefined
  const { dataset, key } = projectionOf(bound, 'null')
  const version = `(r.${escapeIdentifier(bound.version ?? '')})::bigint`
  const raise = `max((${history.version})::numeric) + 1 - min(${version})`
  return `insert into hq_export.version_base (dataset, key, base)
select
  ${dataset.number},
  ${key},
  least(${raise}, 9223372036854775807)::bigint
from ${tableSql(history.table)} h
join ${tableSql(bound.table)} r on ${history.match}
where (${history.entityCreatedAt}) <= (${history.capturedAt})
  and (${history.version})::bigint >= ${version}
group by 2
on conflict (dataset, key) do nothing`
}
