import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import type { CapturedDataset } from '../changes/captured-body.ts'
import { changedRow, namesTable } from '../changes/changed-rows.ts'
import { noteMoved } from '../changes/moved-rows.ts'
import { chooseTable } from '../projection/choose-table.ts'
import { delaySql, joinsSql } from '../projection/joins.ts'
import { whereSql } from '../projection/layout.ts'
import { projectionOf } from '../projection/projection.ts'
import { tableSql } from '../source-table.ts'
import { captureFunction, type GeneratedFunction } from './capture-function.ts'
import { TRACEPARENT_VARIABLE } from './capture-select.ts'
import { captureRows, RING } from './capture-statement.ts'

const { escapeIdentifier } = pg

/** Setting of the transaction: key of a child that was deleted just now, and may be moved. */
const MOVED_CHILD = 'hq_export.moved_child'

type Settle = NonNullable<BoundDataset['settle']>

/**
 * Notes rows of `from` (aliased `r`) in the settle list instead of projecting them: what completes
 * them comes later. What the rows say of their time has no part in it, and `due_at` is for who
 * looks: see hq_export.settle_number.
 */
export function noteKeys(bound: BoundDataset, settle: Settle, from: string): string {
  const { dataset, key, filters } = projectionOf(bound, 'null')
  const due = `clock_timestamp() + ${delaySql(settle)}`
  return chooseTable(
    'settle',
    (table) => `insert into ${table} (due_at, dataset, key, traceparent)
select ${due}, ${dataset.number}, ${key}, ${TRACEPARENT_VARIABLE}
from ${from}${joinsSql({ ...bound, settle: undefined })}${whereSql(filters)}`,
  )
}

/**
 * Notes children that come after what they belong to was closed (see hq_export.settle_horizon), so
 * that the view does not count them either. What is on no list is closed: it was exported, or was
 * there before the capture. Not late are children of rows that nobody could close: those of their
 * own transaction, and those that are not committed, which READ COMMITTED does not see. Another
 * writer whose snapshot is older than the row it adds to cannot tell, and counts as late. While
 * `bind` is still putting the rows of the last moments on the list, nobody is late: nothing of the
 * dataset was exported before.
 * @param bound its `rowForm` is that of the children's table.
 */
export function onLateChild(bound: CapturedDataset, settle: Settle): GeneratedFunction {
  const { rowForm } = bound
  const childKey = escapeIdentifier(settle.children.key)
  const isNew = `c.${childKey}::text is distinct from current_setting('${MOVED_CHILD}', true)`
  const { number } = datasetByName(bound.dataset)
  const { children } = settle
  const movedKey = `case when ${namesTable(children.table)} then old.${childKey}::text end`
  const [key = ''] = bound.key
  const { key: contractKey, filters } = projectionOf(bound, 'null')
  const joins = joinsSql({ ...bound, settle: undefined })
  const isExported = [...filters, 'not hq_export.written_here(r.xmin)'].join(' and ')
  return {
    ...captureFunction({
      bound,
      event: 'late',
      rows: { kind: 'none', operation: 'late' },
      ...(rowForm === 'partitioned' ? { first: noteMoved(MOVED_CHILD, movedKey) } : {}),
      capture: `insert into hq_export.late_child (dataset, key)
select ${number}, c.${childKey}::text
from (
  select r.*, coalesce(pg_sequence_last_value('hq_export.settle_horizon'), 0) as hq_export_horizon
  from ${rowForm === undefined ? 'n r' : changedRow(children, 'new')}
) c
left join ${tableSql(bound.table)} r
  on r.${escapeIdentifier(key)} = c.${escapeIdentifier(children.parent)}${joins}
where coalesce((
    select max(p.number) from hq_export.settle p
    where p.dataset = ${number} and p.key = ${contractKey}
  ), 0) <= c.hq_export_horizon
  and not (select exists (
    select from hq_export.binding b where b.number = ${number} and b.noting_since is not null
  ))
  and case
    when r.${escapeIdentifier(key)} is null
    then current_setting('transaction_isolation') <> 'read committed'
    else ${isExported}
  end${rowForm === 'partitioned' ? `\n  and ${isNew}` : ''}
on conflict do nothing;`,
    }),
    table: children.table,
  }
}

/**
 * A row that is deleted before it was exported goes out as it is, with the children that it still
 * has.
 */
export function onPendingDelete(bound: CapturedDataset): GeneratedFunction {
  const { dataset, key } = projectionOf(bound, 'null')
  const isPending = `exists (
  select
  from hq_export.settle p
  cross join lateral (
    select m.number, m.seen from hq_export.settled m order by m.id desc limit 1
  ) m
  where p.dataset = ${dataset.number}
    and p.key = ${key}
    and not (p.number <= m.number and pg_visible_in_snapshot(p.xid, m.seen))
)`
  return captureFunction({
    bound,
    event: 'gone',
    rows: { kind: 'record', record: 'old' },
    capture: `${captureRows(bound, changedRow(bound, 'old'), { where: isPending })}\n${RING}`,
  })
}
