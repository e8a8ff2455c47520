import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from './binding-schema.ts'
import { captureFunction, type GeneratedFunction } from './capture-function.ts'
import { captureRows, RING } from './capture-statement.ts'
import { delaySql, joinsSql } from './joins.ts'
import { projectionOf } from './projection.ts'
import { tableSql } from './table-sql.ts'

const { escapeIdentifier } = pg

type Settle = NonNullable<BoundDataset['settle']>

/** SQL of a timestamp as the microseconds of hq_export.settle_horizon, exact. */
export function microsecondsSql(timestamp: string): string {
  return `(extract(epoch from ${timestamp}) * 1000000)::bigint`
}

/** Notes rows of `from` (aliased `r`) in the settle list instead of projecting them: what completes them comes later. */
export function noteKeys(bound: BoundDataset, settle: Settle, from: string): string {
  const { dataset, key, filters } = projectionOf(bound, 'null')
  const where = filters.length === 0 ? '' : `\nwhere ${filters.join(' and ')}`
  const due = `greatest(clock_timestamp(), r.${escapeIdentifier(settle.createdAt)}) + ${delaySql(settle)}`
  const branches = [0, 1].map(
    (number) => `when ${number} then
insert into hq_export.settle_${number} (due_at, dataset, key, traceparent)
select ${due}, ${dataset.number}, ${key}, (select hq_export.current_traceparent())
from ${from}${joinsSql({ ...bound, settle: undefined })}${where};`,
  )
  return `case coalesce(pg_sequence_last_value('hq_export.current_settle'), 0)
${branches.join('\n')}
end case;`
}

/**
 * Notes children that come after what they belong to was closed (see hq_export.settle_horizon), so that the view does not count
 * them either. Created after the horizon, a child belongs to a row that is not closed, or counts by its time for none: the first
 * condition ends it for nearly every child. A writer whose snapshot is older than the row it adds to cannot tell, and counts as late.
 */
export function onLateChild(bound: BoundDataset, settle: Settle): GeneratedFunction {
  const { number } = datasetByName(bound.dataset)
  const { children } = settle
  const [key = ''] = bound.key
  const { key: contractKey } = projectionOf(bound, 'null')
  const childCreated = `c.${escapeIdentifier(children.createdAt)}`
  const lastToCount = `r.${escapeIdentifier(settle.createdAt)} + ${delaySql(settle)}`
  return {
    ...captureFunction({
      bound,
      event: 'late',
      rows: { kind: 'none' },
      capture: `  insert into hq_export.late_child (dataset, key)
  select ${number}, c.${escapeIdentifier(children.key)}::text
  from (select * from n, coalesce(pg_sequence_last_value('hq_export.settle_horizon'), 0) as hq_export_horizon) c
  left join ${tableSql(bound.table)} r on r.${escapeIdentifier(key)} = c.${escapeIdentifier(children.parent)}
  where ${microsecondsSql(childCreated)} <= c.hq_export_horizon
    and (${childCreated} <= ${lastToCount}) is not false
    and ${microsecondsSql(`coalesce((
      select max(p.due_at) from hq_export.settle p where p.dataset = ${number} and p.key = ${contractKey}
    ), ${lastToCount}, 'epoch')`)} <= c.hq_export_horizon
  on conflict do nothing;`,
    }),
    table: children.table,
  }
}

/** A row that is deleted before it was exported goes out as it is, with the children that it still has. */
export function onPendingDelete(bound: BoundDataset): GeneratedFunction {
  const { dataset, key } = projectionOf(bound, 'null')
  const isPending = `exists (
  select from hq_export.settle p
  cross join lateral (select m.due_before, m.seen from hq_export.settled m order by m.id desc limit 1) m
  where p.dataset = ${dataset.number} and p.key = ${key}
    and not (p.due_at <= m.due_before and pg_visible_in_snapshot(p.xid, m.seen)))`
  return captureFunction({
    bound,
    event: 'gone',
    rows: { kind: 'record', record: 'old' },
    capture: `${captureRows(bound, '(select old.*) r', isPending)}\n${RING}`,
  })
}
