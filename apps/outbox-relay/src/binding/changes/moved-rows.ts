import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { joinsSql } from '../projection/joins.ts'
import { indent, whereSql } from '../projection/layout.ts'
import { projectionOf, terminalSql } from '../projection/projection.ts'
import { tableSql } from '../source-table.ts'
import type { CapturedDataset } from './captured-body.ts'
import { changedRows } from './changed-rows.ts'

/*
 * An update that moves a row to another partition is a DELETE and an INSERT to row triggers, which
 * fire for the one and at once for the other. To the dataset it is an update.
 */

/** Setting of the transaction: key of a row that was deleted just now, and may have been moved. */
const MOVED = 'hq_export.moved'

/**
 * plpgsql at the start of a function that fires for inserted rows, and for deleted ones where they
 * may have been moved.
 * @param key SQL over `old` of what tells the row, a text.
 */
export function noteMoved(setting: string, key: string): string {
  return `-- The delete of a row that moves to another partition; its insert comes next.
if tg_op = 'DELETE' then
  begin
    perform set_config('${setting}', coalesce(${key}, ''), true);
  exception when others then
    null; -- the insert finds no key either, and is kept raw
  end;
  return null;
end if;`
}

/** {@link noteMoved} for a row of an append dataset that was exported. */
export function noteMovedRow(bound: CapturedDataset): string {
  const { key } = projectionOf(bound, 'null')
  const joins = joinsSql({ ...bound, settle: undefined })
  const row = `(
  select ${key}
  from ${changedRows(bound, 'old')}${joins}${whereSql([terminalSql(bound, 'r')])}
)`
  return noteMoved(MOVED, row)
}

/** SQL of the rows of a firing for inserts, as `r`: none where the row was only moved. */
export function insertedRows(bound: CapturedDataset): string {
  const rows = changedRows(bound, 'new')
  if (bound.rowForm !== 'partitioned' || bound.version !== undefined) return rows
  const { key } = projectionOf(bound, 'null')
  const isNew = `(${key}) is distinct from current_setting('${MOVED}', true)`
  return `(
  select r.*
  from ${rows}${joinsSql({ ...bound, settle: undefined })}${whereSql([isNew])}
) r`
}

/** Variable of a capture function: the deleted row is in another partition now. */
export const IS_MOVED = 'v_is_moved'

/** Rows under contract that have the contract's key of `old`; the source's may be longer. */
function sameKey(bound: CapturedDataset): string {
  const { dataset, columns, filters } = projectionOf(bound, 'null::bigint')
  const parts = columns.filter(({ name }) => dataset.primaryKey.includes(name))
  const keys = parts.map(({ name, sql }) => `${sql} as ${pg.escapeIdentifier(name)}`)
  const matches = parts.map(({ name, sql }) => `${sql} = k.${pg.escapeIdentifier(name)}`)
  return `(
  select m.*
  from (select ${keys.join(', ')} from ${changedRows(bound, 'old')}) k
  cross join lateral (
    select r.*
    from ${tableSql(bound.table)} r${indent(whereSql([...matches, ...filters]), 4)}
    offset 0
  ) m
) r`
}

/**
 * plpgsql that finds out {@link IS_MOVED}.
 * @param isUsual SQL that is true where no row of the key can have come in another way.
 */
export function findMoved(bound: CapturedDataset, isUsual: string): string {
  return `${IS_MOVED} := ${isUsual} and exists (
  select from ${sameKey(bound)}
);
`
}

/**
 * plpgsql that raises the base of a key whose row was moved while its record_version did not rise,
 * as the trigger for silent updates does; the insert is captured next. Compared as text by name:
 * columns of partitions may stand in another order.
 */
export function bumpMoved(bound: CapturedDataset): string {
  const { number } = datasetByName(bound.dataset)
  const { key } = projectionOf(bound, 'null::bigint')
  const version = pg.escapeIdentifier(bound.version ?? '')
  return `insert into hq_export.version_base as b (dataset, key, base)
select
  ${number},
  ${key},
  least(max(old.${version}::numeric - r.${version} + 1), 9223372036854775807)::bigint
from ${sameKey(bound)}
where r.${version} <= old.${version} and to_jsonb(r)::text <> to_jsonb(old)::text
group by 2
on conflict (dataset, key) do update set
  base = hq_export.exported_version(b.base, excluded.base);`
}
