import pg from 'pg'
import { QUERY_QUOTE } from '../binding-values.ts'
import type { CapturedDataset } from '../changes/captured-body.ts'
import { changedRows, type Side } from '../changes/changed-rows.ts'
import { findMoved, IS_MOVED, insertedRows } from '../changes/moved-rows.ts'
import { indent, whereSql } from '../projection/layout.ts'
import { projectionOf } from '../projection/projection.ts'
import { findNumbering } from '../projection/sequence-sql.ts'
import { tableSql } from '../source-table.ts'
import { type BoundedCapture, boundedRows } from './bounded-capture.ts'
import { captureRows, insertRows } from './capture-statement.ts'
import { BASES, IS_SERIALIZABLE, takeBases, using, withBases } from './version-bases.ts'

/*
 * A statement's transition table may hold rows that are out of date when its triggers fire: a
 * trigger of the application wrote the row again, in a statement of its own that was captured
 * first, or foreign keys with ON DELETE did, in the same statement. Captured as they are, two
 * contents would leave under one version, or the older one under the greater, or a deleted row as
 * one that exists. Such rows are captured as the table has them now instead. Reading the table
 * costs, and leaves predicate locks in a serializable transaction, so it happens only where it may
 * matter; this setting of the transaction remembers that it may.
 */
const SETTING = 'hq_export.overtaken'

/** What has happened in the transaction, each including the ones before: comparable as text. */
const LEVELS = { nothing: '0', bumped: '1', deleted: '2', nested: '3' } as const

const level = `coalesce(current_setting('${SETTING}', true), '${LEVELS.nothing}')`

/** plpgsql that remembers for the rest of the transaction what has happened. */
export function remember(what: 'bumped' | 'deleted'): string {
  return `if ${level} < '${LEVELS[what]}' then
  perform set_config('${SETTING}', '${LEVELS[what]}', true);
end if;
`
}

/**
 * plpgsql that remembers that a statement inside a trigger of the application writes bound rows;
 * one look where none does.
 */
export const REMEMBER_NESTED = `if pg_trigger_depth() > 1 then
  perform set_config('${SETTING}', '${LEVELS.nested}', true);
end if;
`

/** Variable of a capture function: some row of its transition table may be out of date. */
const OVERTAKEN = 'v_overtaken'

/**
 * plpgsql that finds out {@link OVERTAKEN}. Conditions without a subquery cost nearly nothing, so
 * one with stands by itself.
 */
function findOvertaken(bound: CapturedDataset, event: 'insert' | 'update' | 'delete'): string {
  if (event !== 'update') return `${OVERTAKEN} := ${level} >= '${LEVELS.nested}';\n`
  // Fired for each row, it sees every version of a row, each with the base that was its own.
  if (bound.rowForm !== undefined) return `${OVERTAKEN} := ${level} >= '${LEVELS.deleted}';\n`
  const { key } = projectionOf(bound, 'null::bigint')
  // Foreign keys that set NULL write one row twice and raise its base twice; no other single
  // statement writes a row twice.
  return `${OVERTAKEN} := ${level} >= '${LEVELS.deleted}';
if ${level} = '${LEVELS.bumped}' then
  ${OVERTAKEN} := exists (
    select from n r
    group by ${key}
    having count(*) > 1
  );
end if;
`
}

/** plpgsql that captures the row that the source has now under the key of `new` or `old`. */
export function captureRowNow(bound: CapturedDataset, side: Side): string {
  const matches = bound.key.map((column) => {
    const name = pg.escapeIdentifier(column)
    return `s.${name} = ${side}.${name}`
  })
  const row = `(
  select s.*
  from ${tableSql(bound.table)} s${indent(whereSql(matches))}
) r`
  const capture = (bases: string | undefined): string => captureRows(bound, row, { bases })
  return `${withBases(bound, 'current', row, {}, capture)}
perform hq_export.ring();`
}

/**
 * plpgsql that captures, of the keys of the changed rows, the rows that the source has now.
 * Dynamic, because it is rare, and so that it is planned for the rows at hand; not where each is
 * alone.
 */
function captureNow(bound: CapturedDataset, side: Side): string {
  if (bound.rowForm !== undefined) return captureRowNow(bound, side)
  const keys = bound.key.map((column) => pg.escapeIdentifier(column))
  const matches = keys.map((column) => `s.${column} = d.${column}`)
  // The lateral subquery stays one index look-up per key.
  const rows = `(
  select c.*
  from (select distinct ${keys.join(', ')} from ${side === 'new' ? 'n' : 'o'}) d
  cross join lateral (
    select s.*
    from ${tableSql(bound.table)} s${indent(whereSql(matches), 4)}
    offset 0
  ) c
) r`
  const quoted = (sql: string): string => `${QUERY_QUOTE}\n${indent(sql)}\n${QUERY_QUOTE}`
  const current = `hq_export.outbox_${QUERY_QUOTE}
  || coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
  || ${QUERY_QUOTE}`
  const capture = (bases: string | undefined): string =>
    `execute ${quoted(insertRows(bound, current, rows, { bases }))}${using(bases)};`
  return `${withBases(bound, 'current', rows, { dynamic: quoted }, capture)}
perform hq_export.ring();`
}

/** The capture of changed rows as they are. */
interface WrittenCapture {
  /** SQL conditions of which one is true where they may not simply be captured; most often none. */
  readonly conditions: readonly string[]
  /**
   * plpgsql for where one is true: captures and returns where a row may be out of date, or the
   * transaction is serializable.
   */
  readonly unusual: string
  /** plpgsql that captures them as they are. */
  readonly usual: string
}

/**
 * Captures the changed rows, or what the source has now where one of them may be out of date.
 * @param end plpgsql after a capture; it looks at FOUND of the statement before.
 * @param endReread plpgsql after rows were read again, which has rung.
 */
export function captureWritten(
  bound: CapturedDataset,
  event: 'insert' | 'update',
  end: string,
  endReread: string,
): WrittenCapture {
  const rows = event === 'insert' ? insertedRows(bound) : changedRows(bound, 'new')
  const usual = `${captureRows(bound, rows)}\n${end}`
  if (bound.version === undefined) return { conditions: [], unusual: '', usual }
  return {
    conditions: [
      'pg_trigger_depth() > 1',
      `current_setting('${SETTING}', true) > '${LEVELS.nothing}'`,
      IS_SERIALIZABLE,
    ],
    unusual: `-- Rows that were written again since are captured as they are now.
${REMEMBER_NESTED}${findOvertaken(bound, event)}if ${OVERTAKEN} then
${indent(captureNow(bound, 'new'))}
${indent(`${endReread}return null;`)}
end if;
if ${IS_SERIALIZABLE} then
${indent(takeBases(bound, 'current', rows))}
${indent(captureRows(bound, rows, { bases: BASES }))}
${indent(`${end}\nreturn null;`)}
end if;`,
    usual,
  }
}

/**
 * Captures rows that were deleted, and that a trigger of the application has inserted again
 * meanwhile: they exist, above their delete.
 */
export function captureReinserted(bound: CapturedDataset): string {
  return `${findOvertaken(bound, 'delete')}if ${OVERTAKEN} then
${indent(captureNow(bound, 'old'))}
end if;`
}

/**
 * {@link captureWritten} of few rows, none of which may be out of date, or is to be numbered: for
 * the later captures of a transaction.
 */
export function boundedWritten(
  bound: CapturedDataset,
  event: 'insert' | 'update',
  after = '',
): BoundedCapture {
  const rows = event === 'insert' ? insertedRows(bound) : changedRows(bound, 'new')
  if (bound.version === undefined) {
    const numbering = event === 'insert' ? findNumbering(bound, rows) : undefined
    return boundedRows(bound, 'current', rows, { after, ...numbering })
  }
  return boundedRows(bound, 'current', rows, {
    before: `${REMEMBER_NESTED}${findOvertaken(bound, event)}`,
    condition: `not ${OVERTAKEN}`,
    after,
  })
}

/** plpgsql that finds out whether a deleted row was moved; not where triggers write, too. */
export const findMovedRow = (bound: CapturedDataset): string =>
  findMoved(bound, `${level} < '${LEVELS.nested}'`)

/** Captures few deleted rows, none of which was inserted again. */
export function boundedDeleted(bound: CapturedDataset): BoundedCapture {
  const isMovable = bound.rowForm === 'partitioned'
  const before =
    `${REMEMBER_NESTED}${isMovable ? findMovedRow(bound) : ''}` +
    `${remember('deleted')}${findOvertaken(bound, 'delete')}`
  return boundedRows(bound, 'deleted', changedRows(bound, 'old'), {
    before,
    condition: `not ${OVERTAKEN}${isMovable ? ` and not ${IS_MOVED}` : ''}`,
    variables: isMovable ? [`${IS_MOVED} boolean`] : [],
  })
}
