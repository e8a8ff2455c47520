import { datasetByName } from '@hq-export/contract'
import type { CapturedDataset } from '../changes/captured-body.ts'
import { chooseTable } from '../projection/choose-table.ts'
import {
  type CaptureOptions,
  captureSelect,
  OUTBOX_COLUMNS,
  outboxSelect,
  rowsOf,
  TRACEPARENT_VARIABLE,
} from './capture-select.ts'
import { withBases } from './version-bases.ts'

/**
 * Insert first, then look whether the relay sleeps; a statement that captured nothing rings nobody.
 */
export const RING = `if found and hq_export.is_relay_asleep() then
  perform hq_export.ring();
end if;`

/**
 * One insert that captures rows of `from` (aliased `r`) as they are, and notes of keys that were
 * deleted that they exist again.
 */
export function insertRows(
  bound: CapturedDataset,
  table: string,
  from: string,
  options: CaptureOptions = {},
): string {
  // Whoever took the bases has revived the keys with them, and must not read here.
  const revives = options.bases === undefined
  const select = captureSelect(bound, 'current', from, { ...options, revives })
  return `insert into ${table} (${OUTBOX_COLUMNS})
${outboxSelect(bound, 'current', rowsOf(select), options.traceparent)}`
}

/** Captures rows of `from` (aliased `r`) as they are, see {@link insertRows}. */
export function captureRows(
  bound: CapturedDataset,
  from: string,
  { where, bases }: Pick<CaptureOptions, 'where' | 'bases'> = {},
): string {
  return chooseTable('outbox', (table) =>
    insertRows(bound, table, from, { where, bases, traceparent: TRACEPARENT_VARIABLE }),
  )
}

/**
 * One insert that captures rows of `from` (aliased `r`) as deleted. Their version stays behind as
 * the base of whoever comes next under the key; never below a base to which the relay has raised it
 * meanwhile.
 */
export function insertDeleted(
  bound: CapturedDataset,
  table: string,
  from: string,
  options: CaptureOptions = {},
): string {
  const { number } = datasetByName(bound.dataset)
  const gone = rowsOf(captureSelect(bound, 'deleted', from, options))
  return `with gone as materialized ${gone}, raised as (
  insert into hq_export.version_base as b (dataset, key, base, deleted_at)
  select ${number}, g.key, g.version, clock_timestamp() from gone g
  on conflict (dataset, key) do update set
    base = greatest(b.base, excluded.base),
    deleted_at = excluded.deleted_at
)
insert into ${table} (${OUTBOX_COLUMNS})
${outboxSelect(bound, 'deleted', 'gone', options.traceparent)}`
}

/** Captures rows of `from` as deleted, see {@link insertDeleted}. */
export function captureDeleted(bound: CapturedDataset, from: string, where?: string): string {
  return withBases(bound, 'deleted', from, { where }, (bases) =>
    chooseTable('outbox', (table) =>
      insertDeleted(bound, table, from, { where, bases, traceparent: TRACEPARENT_VARIABLE }),
    ),
  )
}
