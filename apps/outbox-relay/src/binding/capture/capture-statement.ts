import { datasetByName } from '@hq-export/contract'
import type { BoundDataset } from '../binding-schema.ts'
import { chooseTable } from '../projection/choose-table.ts'
import {
  type CaptureOptions,
  captureSelect,
  OUTBOX_COLUMNS,
  outboxSelect,
} from './capture-select.ts'
import { withBases } from './version-bases.ts'

/**
 * Insert first, then look whether the relay sleeps; a statement that captured nothing rings nobody.
 */
export const RING =
  'if found and hq_export.is_relay_asleep() then perform hq_export.ring(); end if;'

/**
 * One insert that captures rows of `from` (aliased `r`) as they are, and notes of keys that were
 * deleted that they exist again.
 */
export function insertRows(
  bound: BoundDataset,
  table: string,
  from: string,
  options: CaptureOptions = {},
): string {
  const { number } = datasetByName(bound.dataset)
  const select = captureSelect(bound, 'current', from, options)
  if (bound.version === undefined) {
    return `insert into ${table} (${OUTBOX_COLUMNS})
${outboxSelect(bound, 'current', `(${select})`)}`
  }
  // Whoever took the bases has revived the keys with them, and must not read here.
  if (options.bases !== undefined) {
    return `with present as materialized (
${select}
)
insert into ${table} (${OUTBOX_COLUMNS})
${outboxSelect(bound, 'current', 'present')}`
  }
  // `= any (array(...))` and not a join: index lookups whatever rows the cached plan was made for.
  return `with present as materialized (
${select}
), revived as (
  update hq_export.version_base b set deleted_at = null
  where b.dataset = ${number} and b.deleted_at is not null
    and b.key = any (array(select p.key from present p where p.is_rebased))
)
insert into ${table} (${OUTBOX_COLUMNS})
${outboxSelect(bound, 'current', 'present')}`
}

/** Captures rows of `from` (aliased `r`) as they are, see {@link insertRows}. */
export function captureRows(bound: BoundDataset, from: string, where?: string): string {
  return withBases(bound, 'current', from, { where }, (bases) =>
    chooseTable('outbox', (table) => insertRows(bound, table, from, { where, bases })),
  )
}

/**
 * One insert that captures rows of `from` (aliased `r`) as deleted. Their version stays behind as
 * the base of whoever comes next under the key; never below a base to which the relay has raised it
 * meanwhile.
 */
export function insertDeleted(
  bound: BoundDataset,
  table: string,
  from: string,
  options: CaptureOptions = {},
): string {
  const { number } = datasetByName(bound.dataset)
  return `with gone as materialized (
${captureSelect(bound, 'deleted', from, options)}
), raised as (
  insert into hq_export.version_base as b (dataset, key, base, deleted_at)
  select ${number}, g.key, g.version, clock_timestamp() from gone g
  on conflict (dataset, key) do update set base = greatest(b.base, excluded.base), deleted_at = excluded.deleted_at
)
insert into ${table} (${OUTBOX_COLUMNS})
${outboxSelect(bound, 'deleted', 'gone')}`
}

/** Captures rows of `from` as deleted, see {@link insertDeleted}. */
export function captureDeleted(bound: BoundDataset, from: string, where?: string): string {
  return withBases(bound, 'deleted', from, { where }, (bases) =>
    chooseTable('outbox', (table) => insertDeleted(bound, table, from, { where, bases })),
  )
}
