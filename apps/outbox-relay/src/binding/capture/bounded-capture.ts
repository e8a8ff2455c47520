import { datasetByName } from '@hq-export/contract'
import type { BoundDataset } from '../binding-schema.ts'
import type { CapturedDataset } from '../changes/captured-body.ts'
import { chooseTable } from '../projection/choose-table.ts'
import { delaySql, joinsSql } from '../projection/joins.ts'
import { indent, lines, whereSql } from '../projection/layout.ts'
import { projectionOf } from '../projection/projection.ts'
import {
  type CaptureKind,
  captureSelect,
  OUTBOX_COLUMNS,
  outboxSelect,
  rowsOf,
  TRACEPARENT_VARIABLE,
} from './capture-select.ts'
import { RING } from './capture-statement.ts'

/*
 * The exception block of a capture is a subtransaction, and one that writes takes a transaction id
 * of its own (decision 0004). So that a transaction takes only a few of them, its later captures do
 * in the block what the data can make fail: they compute the rows, and write nothing. What was
 * computed is written after the block, in the writer's own transaction. Only where that cannot fail
 * for a reason that is ours: into a table that this transaction has written to before, in such a
 * block, and whose lock it therefore holds, so that nobody can have changed it since. Everywhere
 * else a capture goes on as the first ones do.
 */

/** A capture in two steps; see above. */
export interface BoundedCapture {
  readonly variables: readonly string[]
  /** SQL of the letter that stands for the tables which it writes now. */
  readonly tables: string
  /**
   * plpgsql that computes the rows, writes nothing, and sets {@link IS_CHECKED} where they can be
   * written.
   */
  readonly check: string
  /** plpgsql that writes what was computed. */
  readonly write: string
}

/**
 * Captures of one transaction that are noted, each with a transaction id. With those before the
 * first note (see {@link noteCapture}) they stay below the 64 that PostgreSQL keeps in shared
 * memory.
 */
const MAX_PROTECTED = 32
/** Rows of one statement that are kept in memory; a larger one takes an id of its own. */
const MAX_ROWS = 100
/**
 * Setting of the transaction: a letter for each capture that wrote, undone with it. What a session
 * writes there decides only how its own captures are made.
 */
const CAPTURES = 'hq_export.captures'
/**
 * Asked where it is needed: an expression of plpgsql costs a microsecond in a new transaction,
 * whatever it does.
 */
const CAPTURED = `coalesce(current_setting('${CAPTURES}', true), '')`
const IS_CHECKED = 'v_is_checked'
/** One more than may be kept tells that there are too many. */
const LIMIT = MAX_ROWS + 1
const HAS_FEW_ROWS = `coalesce(cardinality(v_keys), 0) <= ${MAX_ROWS}`

const VARIABLES = ['v_captures text', `${IS_CHECKED} boolean`, 'v_table bigint']

/**
 * plpgsql that captures outside of any writing subtransaction and returns, where a transaction has
 * made {@link MAX_PROTECTED} captures; else it does nothing.
 *
 * Only in READ COMMITTED: above it a base that another transaction has raised since the snapshot
 * makes the write fail (40001). Not where the emergency switch has any value.
 * @param leave plpgsql that returns from the trigger.
 */
export function boundedPath({ tables, check, write }: BoundedCapture, leave: string): string {
  return `-- Later captures of a long transaction compute their rows in a block that writes nothing,
-- so that it takes no transaction id, and write them after it.
if length(current_setting('${CAPTURES}', true)) >= ${MAX_PROTECTED} then
  begin
    if strpos(
      ${CAPTURED},
      ${tables}
    ) > 0
      and current_setting('transaction_isolation') = 'read committed'
      and coalesce(current_setting('hq_export.disabled', true), '') = ''
    then
${indent(check, 6)}
    end if;
  exception when others then
    ${IS_CHECKED} := false;
  end;
  if ${IS_CHECKED} then
${indent(write, 4)}
    begin
      perform hq_export.ring();
    exception when others then
      null; -- what was written waits for the relay's poll
    end;
    ${leave}
  end if;
end if;`
}

/** plpgsql that notes a capture and the tables that it has written. */
function note({ tables }: BoundedCapture): string {
  return `if length(${CAPTURED}) < ${MAX_PROTECTED}
  or strpos(
    ${CAPTURED},
    ${tables}
  ) = 0
then
  v_captures := set_config(
    '${CAPTURES}',
    ${CAPTURED}
      || ${tables},
    true
  );
end if;`
}

/**
 * plpgsql at the end of a capture in its block: notes the tables that it has written. (Where they
 * turned just now, it takes the lock of the next at its first write.) Not in the first moments of a
 * transaction: most end within them, and none has made many captures by then.
 */
export function noteCapture(bounded: BoundedCapture): string {
  return `if not hq_export.has_just_begun() then
${indent(note(bounded))}
end if;`
}

/**
 * {@link RING} and {@link noteCapture}, at the price of one expression where neither is due. It asks
 * whether the doorbell has a time at all; that this is over is found out where it has.
 */
export function ringAndNote(bounded: BoundedCapture): string {
  return `if pg_sequence_last_value('hq_export.doorbell') > 0
  or current_setting('hq_export.lost', true) = 'on'
  or not hq_export.has_just_begun()
then
${indent(RING)}
${indent(note(bounded))}
end if;`
}

/** SQL of a letter for the table that writers fill now. */
const currentOf = (name: 'outbox' | 'settle', letters: string): string =>
  `substr('${letters}', pg_sequence_last_value('hq_export.current_${name}')::int + 1, 1)`

/**
 * The relay may hold a base for a moment: whose wait can fail does not wait outside of the block.
 */
const MAY_WAIT = `current_setting('lock_timeout') = '0'`

const OUTBOX_VARIABLES = [
  ...VARIABLES,
  'v_datasets smallint[]',
  'v_versions bigint[]',
  'v_deleted boolean[]',
  'v_keys text[]',
  'v_bodies text[]',
]
const ROW_VALUES = ['dataset::smallint', 'version::bigint', 'deleted', 'key', 'body']
const ROW_COLUMNS = 'dataset, version, deleted, key, body'
const OUTBOX_ROWS = `unnest(v_datasets, v_versions, v_deleted, v_keys, v_bodies)
  u (${ROW_COLUMNS})`

/** plpgsql that finds the trace context, once the rows are known to be captured like this. */
const FIND_TRACEPARENT = `if hq_export.has_traceparent() then
  ${TRACEPARENT_VARIABLE} := hq_export.current_traceparent();
end if;`

/** plpgsql that does something where all conditions are true. */
function onlyIf(conditions: readonly string[], work: string): string {
  if (conditions.length === 0) return work
  return `if ${conditions.join(' and ')} then\n${indent(work)}\nend if;`
}

/** What narrows a {@link boundedRows}. */
interface RowsOptions {
  /** plpgsql before the rows are computed. */
  readonly before?: string
  /** SQL of a further condition under which the rows may be written like this. */
  readonly condition?: string
  /** Variables that `before` needs. */
  readonly variables?: readonly string[]
  /** plpgsql after the rows are computed, such as a count. */
  readonly after?: string
}

/** Captures rows of `from` (aliased `r`), as `captureRows` and `captureDeleted` do. */
export function boundedRows(
  bound: CapturedDataset,
  kind: CaptureKind,
  from: string,
  { before = '', condition, variables = [], after = '' }: RowsOptions = {},
): BoundedCapture {
  const { number } = datasetByName(bound.dataset)
  const select = rowsOf(captureSelect(bound, kind, from))
  const rows = rowsOf(`${outboxSelect(bound, kind, select, 'null')}\nlimit ${LIMIT}`)
  const conditions = [
    ...(kind === 'deleted' ? [MAY_WAIT] : []),
    ...(condition === undefined ? [] : [condition]),
  ]
  // A key that is back from a delete is to be revived: that is left to the other way.
  const isRevived =
    bound.version === undefined || kind === 'deleted'
      ? ''
      : `
  and not exists (
    select from hq_export.version_base b
    where b.dataset = ${number} and b.deleted_at is not null and b.key = any (v_keys)
  )`
  const compute = `v_table := pg_sequence_last_value('hq_export.current_outbox');
select
${lines(ROW_VALUES.map((value) => `array_agg(c.${value})`))}
into v_datasets, v_versions, v_deleted, v_keys, v_bodies
from ${rows} c (${OUTBOX_COLUMNS});
${IS_CHECKED} := ${HAS_FEW_ROWS}${isRevived};
${FIND_TRACEPARENT}${after === '' ? '' : `\nif ${IS_CHECKED} then\n${indent(after)}\nend if;`}`
  const raise =
    kind === 'deleted'
      ? `insert into hq_export.version_base as b (dataset, key, base, deleted_at)
select ${number}, u.key, max(u.version), clock_timestamp()
from ${OUTBOX_ROWS}
where u.deleted
group by u.key
on conflict (dataset, key) do update set
  base = greatest(b.base, excluded.base),
  deleted_at = excluded.deleted_at;
`
      : ''
  const insert = chooseTable(
    'outbox',
    (table) => `insert into ${table} (${OUTBOX_COLUMNS})
select u.dataset, u.version, u.deleted, u.key, ${TRACEPARENT_VARIABLE}, u.body
from ${OUTBOX_ROWS}`,
    'v_table',
  )
  return {
    variables: [...OUTBOX_VARIABLES, ...variables],
    tables: currentOf('outbox', kind === 'deleted' ? 'xyz' : '012'),
    check: `${before}${onlyIf(conditions, compute)}`,
    write: `${raise}${insert}`,
  }
}

/**
 * Notes keys of `from` (aliased `r`) in the settle list, as `noteKeys` does. @param after plpgsql
 * after the keys are computed.
 */
export function boundedKeys(
  bound: BoundDataset,
  settle: NonNullable<BoundDataset['settle']>,
  from: string,
  after: string,
): BoundedCapture {
  const { dataset, key, filters } = projectionOf(bound, 'null')
  const due = `clock_timestamp() + ${delaySql(settle)}`
  const keys = rowsOf(`select ${due}, ${key}
from ${from}${joinsSql({ ...bound, settle: undefined })}${whereSql(filters)}
limit ${LIMIT}`)
  return {
    tables: currentOf('settle', 'ab'),
    variables: [...VARIABLES, 'v_due timestamptz[]', 'v_keys text[]'],
    check: `v_table := pg_sequence_last_value('hq_export.current_settle');
select array_agg(c.due_at), array_agg(c.key)
into v_due, v_keys
from ${keys} c (due_at, key);
${IS_CHECKED} := ${HAS_FEW_ROWS};
${FIND_TRACEPARENT}${after === '' ? '' : `\nif ${IS_CHECKED} then\n${indent(after)}\nend if;`}`,
    write: chooseTable(
      'settle',
      (table) => `insert into ${table} (due_at, dataset, key, traceparent)
select u.due_at, ${dataset.number}, u.key, ${TRACEPARENT_VARIABLE}
from unnest(v_due, v_keys) u (due_at, key)`,
      'v_table',
    ),
  }
}

/**
 * Raises the base of a key, as the trigger for silent updates does: once per row, so that a
 * statement over many rows would take as many ids.
 * @param key SQL over `r` of the key.
 * @param missing SQL over `old` and `new` of what to add.
 * @param from SQL of the row.
 */
export function boundedBump(
  number: number,
  before: string,
  key: string,
  missing: string,
  from: string,
): BoundedCapture {
  return {
    variables: [...VARIABLES, 'v_key text', 'v_missing bigint'],
    tables: `'v'`,
    check: `${before}select
  ${key},
  ${missing}
into v_key, v_missing
from ${from};
${IS_CHECKED} := ${MAY_WAIT};`,
    write: `insert into hq_export.version_base as b (dataset, key, base)
values (${number}, v_key, v_missing)
on conflict (dataset, key) do update set
  base = hq_export.exported_version(b.base, excluded.base);`,
  }
}

/**
 * Keeps keys, for who does something with them.
 * @param keys `select` of them, as `key`.
 * @param write plpgsql that is given them by {@link KEPT_KEYS}, and may wait for the relay.
 */
export function boundedNotes(keys: string, write: string): BoundedCapture {
  return {
    variables: [...VARIABLES, 'v_keys text[]'],
    tables: `'r'`,
    check: `select array_agg(k.key) into v_keys
from ${rowsOf(`${keys}\nlimit ${LIMIT}`)} k;
${IS_CHECKED} := ${MAY_WAIT}
  and ${HAS_FEW_ROWS};`,
    write,
  }
}

/** `select` of the keys that {@link boundedNotes} keeps. */
export const KEPT_KEYS = 'select u.key from unnest(v_keys) u (key)'
