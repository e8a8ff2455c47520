import { type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { type BoundDataset, QUERY_QUOTE } from './binding-schema.ts'
import { captureFunction, type GeneratedFunction, insertIntoCurrent } from './capture-function.ts'
import { captureSelect, OUTBOX_COLUMNS, outboxSelect } from './capture-select.ts'
import { projectionOf, terminalSql } from './projection.ts'

const { escapeIdentifier } = pg
const RING = 'if found then perform hq_export.ring(); end if;'

/** Captures rows of `from` as they are. */
function captureCurrent(bound: BoundDataset, from: string): string {
  const select = captureSelect(bound, 'current', from)
  return insertIntoCurrent(
    (table) => `insert into ${table} (${OUTBOX_COLUMNS})
${outboxSelect(bound, 'current', `(${select})`)}`,
  )
}

/** Captures rows that are back after a delete and notes that their keys exist again. */
function captureInserted(bound: BoundDataset, from: string): string {
  const { number } = datasetByName(bound.dataset)
  const select = captureSelect(bound, 'current', from)
  // `= any (array(...))` and not a join: index lookups whatever rows the cached plan was made for.
  return insertIntoCurrent(
    (table) => `with inserted as materialized (
${select}
), revived as (
  update hq_export.version_base b set deleted_at = null
  where b.dataset = ${number} and b.deleted_at is not null
    and b.key = any (array(select i.key from inserted i where i.is_rebased))
)
insert into ${table} (${OUTBOX_COLUMNS})
${outboxSelect(bound, 'current', 'inserted')}`,
  )
}

/** Captures rows of `from` as deleted; their version stays behind as the base of whoever comes next under the key. */
function deletedInsert(bound: BoundDataset, from: string, table: string): string {
  const { number } = datasetByName(bound.dataset)
  return `with gone as materialized (
${captureSelect(bound, 'deleted', from)}
), raised as (
  insert into hq_export.version_base as b (dataset, key, base, deleted_at)
  select ${number}, g.key, g.version, clock_timestamp() from gone g
  on conflict (dataset, key) do update set base = excluded.base, deleted_at = excluded.deleted_at
)
insert into ${table} (${OUTBOX_COLUMNS})
${outboxSelect(bound, 'deleted', 'gone')}`
}

function onInsert(bound: BoundDataset): GeneratedFunction {
  const capture = bound.version === undefined ? captureCurrent : captureInserted
  return captureFunction({
    bound,
    event: 'insert',
    rows: { kind: 'transition', table: 'n' },
    capture: `${capture(bound, 'n r')}\n${RING}`,
  })
}

/** The old rows are not read: a join of old and new is planned once, for the few rows of its first firing. */
function onUpdate(bound: BoundDataset): GeneratedFunction {
  return captureFunction({
    bound,
    event: 'update',
    rows: { kind: 'transition', table: 'n' },
    capture: `${captureCurrent(bound, 'n r')}\n${RING}`,
  })
}

/** Rows that have ended now and had not before. */
function onEnd(bound: BoundDataset): GeneratedFunction {
  return captureFunction({
    bound,
    event: 'update',
    rows: { kind: 'record', record: 'new' },
    capture: `${captureCurrent(bound, '(select new.*) r')}\n${RING}`,
  })
}

function onDelete(bound: BoundDataset): GeneratedFunction {
  return captureFunction({
    bound,
    event: 'delete',
    rows: { kind: 'transition', table: 'o' },
    capture: `${insertIntoCurrent((table) => deletedInsert(bound, 'o r', table))}\n${RING}`,
  })
}

/** A row left the dataset by an update: its key changed, or the filter no longer holds. For HQ it is deleted. */
function onLeave(bound: BoundDataset): GeneratedFunction {
  return captureFunction({
    bound,
    event: 'leave',
    rows: { kind: 'record', record: 'old' },
    capture: `${leaveGuard(bound)}${insertIntoCurrent((table) =>
      deletedInsert(bound, '(select old.*) r', table),
    )}\n${RING}`,
  })
}

/** A filter is SQL over `r` and cannot stand in WHEN, so with one the function itself looks whether the row left. */
function leaveGuard(bound: BoundDataset): string {
  if (bound.filter === undefined) return ''
  return `  if not (${keyChanged(bound)}) and (select ${bound.filter} from (select new.*) r) then
    return null;
  end if;
`
}

/**
 * TRUNCATE has no transition table, and it reaches partitions one by one: each captures its own rows. The rows are read under the
 * transaction's snapshot; above READ COMMITTED it may be older than rows that TRUNCATE removes, which is a gap.
 */
function onTruncate(bound: BoundDataset): GeneratedFunction {
  const { number } = datasetByName(bound.dataset)
  const insert = (table: string): string => {
    const relation = `${QUERY_QUOTE} || tg_relid::regclass::text || ${QUERY_QUOTE}`
    return `execute ${QUERY_QUOTE}${deletedInsert(bound, `only ${relation} r`, table)}${QUERY_QUOTE}`
  }
  return captureFunction({
    bound,
    event: 'truncate',
    rows: { kind: 'table' },
    capture: `  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    insert into hq_export.capture_gap (dataset, operation) values (${number}, 'truncate');
  end if;
${insertIntoCurrent(insert)}
perform hq_export.ring();`,
  })
}

/**
 * Raises the base of a key whose row changed while its record_version did not rise, so that the exported version does. A row
 * trigger, because only it sees old and new together; it runs before the statement's capture, which then reads the base.
 */
function onBump(bound: BoundDataset): GeneratedFunction {
  const { number } = datasetByName(bound.dataset)
  const version = escapeIdentifier(bound.version ?? '')
  const { key } = projectionOf(bound, 'null')
  // numeric: the difference of two int8 need not be one.
  const missing = `least(old.${version}::numeric - new.${version} + 1, 9223372036854775807)::bigint`
  return captureFunction({
    bound,
    event: 'bump',
    rows: { kind: 'record', record: 'new' },
    capture: `  insert into hq_export.version_base as b (dataset, key, base)
  select ${number}, ${key}, ${missing} from (select new.*) r
  on conflict (dataset, key) do update set base = hq_export.exported_version(b.base, excluded.base);`,
  })
}

/** SQL over `old` and `new`: the update gave the row another key. */
export function keyChanged({ key }: BoundDataset): string {
  const list = (row: string): string =>
    key.map((column) => `${row}.${escapeIdentifier(column)}`).join(', ')
  return `(${list('new')}) is distinct from (${list('old')})`
}

/** SQL over `old` and `new`: the row has ended now and had not before. */
export function hasJustEnded(bound: BoundDataset): string {
  return `${terminalSql(bound, 'new')} and (${terminalSql(bound, 'old')}) is not true`
}

/** The trigger functions of one dataset. Rows of append datasets are exported when they appear (or end), and never again. */
export function captureFunctions(bound: BoundDataset): GeneratedFunction[] {
  const { semantics }: Dataset = datasetByName(bound.dataset)
  if (semantics === 'append') {
    return bound.terminal === undefined ? [onInsert(bound)] : [onInsert(bound), onEnd(bound)]
  }
  return [
    onInsert(bound),
    onUpdate(bound),
    onDelete(bound),
    onTruncate(bound),
    onLeave(bound),
    onBump(bound),
  ]
}
