import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { type BoundDataset, SNAPSHOTS_DATASET } from '../binding-schema.ts'
import { QUERY_QUOTE } from '../binding-values.ts'
import { type CapturedDataset, capturedBody } from '../changes/captured-body.ts'
import { changedRow } from '../changes/changed-rows.ts'
import { VERSION } from '../changes/raw-rows.ts'
import { chooseTable } from '../projection/choose-table.ts'
import { indent, lines, whereSql } from '../projection/layout.ts'
import { projectionOf, snapshotIdSql, snapshotProjectionOf } from '../projection/projection.ts'
import { captureFunction, type GeneratedFunction } from './capture-function.ts'
import { lateral, OUTBOX_COLUMNS, TRACEPARENT } from './capture-select.ts'
import { baseSql, exportedSql, using, withBases } from './version-bases.ts'

/*
 * Captures export a row as a statement leaves it. The version that was there before is known
 * already, unless it was there when the dataset was bound: then it is known once a backfill has
 * sent it, and until that is over these two export it, before it is replaced. They and their
 * triggers go when the history is complete (close-histories.ts), and cost nothing from then on
 * (decision 0010).
 */

/** SQL of `exported_version` of the row `r` as it is, with key `k.key`. */
function versionSql(bound: BoundDataset, bases: string | undefined): string {
  const version = `(r.${pg.escapeIdentifier(bound.version ?? '')})::bigint`
  return exportedSql(version, baseSql(bound, bases))
}

/**
 * `select` of what the outbox takes as the snapshot of row `r` of `from`, version `v.version`: that
 * of {@link captureSelect}.
 */
export function snapshotSelect(bound: CapturedDataset, from: string): string {
  const projection = projectionOf(bound, 'v.version')
  const sql = { version: 'v.version', snapshotId: 's.snapshot_id' }
  const snapshot = snapshotProjectionOf(bound, projection, sql) ?? []
  const snapshotId = snapshotIdSql(projection, 'v.version')
  const values = [
    `${datasetByName(SNAPSHOTS_DATASET).number}`,
    'null::bigint',
    'false',
    's.snapshot_id::text',
    TRACEPARENT,
    capturedBody(bound, SNAPSHOTS_DATASET, snapshot),
  ]
  return `select
${lines(values)}
from ${from}
${lateral('s', 'snapshot_id', snapshotId)}${whereSql(projection.filters)}`
}

/**
 * Before a row is updated or deleted: exports the version that it has, once per key. A row trigger,
 * because what a statement's sees may be out of date by then, and before the change, because after
 * it the base of the key may have been raised already: by the same statement, by a foreign key that
 * the same statement empties, by a trigger of the application. The first of them in a transaction
 * sees the row and the base as the transaction found them; the row of captured_from keeps the
 * others away, also those of later transactions, whose version the capture has. The row is locked
 * by now, so two writers of one key never meet there.
 */
export function onReplace(bound: CapturedDataset): GeneratedFunction {
  const { dataset, key, filters } = projectionOf(bound, 'null::bigint')
  const from = changedRow(bound, 'old')
  const noteFirst = (bases: string | undefined): string => `with first as (
  insert into hq_export.captured_from (dataset, key, version)
  select
    ${dataset.number},
    k.key,
${indent(versionSql(bound, bases), 4)}
  from ${from}
${indent(`${lateral('k', 'key', key)}${whereSql(filters)}`)}
  on conflict do nothing
  returning version
)
select version into ${VERSION} from first;`
  return {
    ...captureFunction({
      bound,
      event: 'replaced',
      rows: { kind: 'versions', of: 'old' },
      capture: `${withBases(bound, 'current', from, {}, noteFirst)}
if ${VERSION} is not null then
${indent(
  chooseTable(
    'outbox',
    (table) => `insert into ${table} (${OUTBOX_COLUMNS})
${snapshotSelect(bound, `${from}\n${lateral('v', 'version', VERSION)}`)}`,
  ),
)}
  perform hq_export.ring();
end if;`,
    }),
    untilComplete: bound.dataset,
  }
}

/**
 * Before a TRUNCATE: exports every version that is there. Fires before the trigger that captures
 * the rows as deleted, by its name.
 */
export function onEmpty(bound: CapturedDataset): GeneratedFunction {
  const rows = `only ${QUERY_QUOTE} || tg_relid::regclass::text || ${QUERY_QUOTE} r`
  const { key } = projectionOf(bound, 'null::bigint')
  const quoted = (sql: string): string => `${QUERY_QUOTE}\n${indent(sql)}\n${QUERY_QUOTE}`
  const capture = (bases: string | undefined): string => {
    const from = `${rows}
${lateral('k', 'key', key)}
${lateral('v', 'version', versionSql(bound, bases))}`
    const insertInto = (table: string) =>
      quoted(`insert into ${table} (${OUTBOX_COLUMNS})\n${snapshotSelect(bound, from)}`)
    return chooseTable('outbox', (table) => `execute ${insertInto(table)}${using(bases)}`)
  }
  return {
    ...captureFunction({
      bound,
      event: 'emptied',
      rows: { kind: 'versions', of: 'table' },
      capture: `${withBases(bound, 'current', rows, { dynamic: quoted }, capture)}
perform hq_export.ring();`,
    }),
    untilComplete: bound.dataset,
  }
}
