import { type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import { QUERY_QUOTE } from '../binding-values.ts'
import type { CapturedDataset } from '../changes/captured-body.ts'
import { changedRow, changedRows, rawRows } from '../changes/changed-rows.ts'
import { keyChanged } from '../changes/key-changed.ts'
import { bumpMoved, IS_MOVED, insertedRows, noteMovedRow } from '../changes/moved-rows.ts'
import { chooseTable } from '../projection/choose-table.ts'
import { joinsSql } from '../projection/joins.ts'
import { indent } from '../projection/layout.ts'
import { projectionOf, terminalSql } from '../projection/projection.ts'
import { assignSequences } from '../projection/sequence-sql.ts'
import { isPartitioned, rowFormOf, type SourceTable } from '../source-table.ts'
import {
  boundedBump,
  boundedKeys,
  boundedRows,
  noteCapture,
  ringAndNote,
} from './bounded-capture.ts'
import { captureFunction, type GeneratedFunction } from './capture-function.ts'
import { captureDeleted, captureRows, insertDeleted, RING } from './capture-statement.ts'
import { setsTimeZone, valueSettings } from './function-settings.ts'
import { onPartitionedEnd, onPartitionedUpdate } from './partitioned-events.ts'
import { onEmpty, onReplace } from './prior-versions.ts'
import { removalFunctions } from './removals.ts'
import {
  boundedDeleted,
  boundedWritten,
  captureReinserted,
  captureRowNow,
  captureWritten,
  findMovedRow,
  REMEMBER_NESTED,
  remember,
} from './reread-rows.ts'
import { noteKeys, onPendingDelete } from './settle-capture.ts'
import { noteDeleted } from './switched-off.ts'
import { using, withBases } from './version-bases.ts'

const { escapeIdentifier } = pg

function onInsert(bound: CapturedDataset): GeneratedFunction {
  const { settle } = bound
  const rows = insertedRows(bound)
  const after = countFiltered(bound, rows)
  const bounded =
    settle === undefined
      ? boundedWritten(bound, 'insert', after)
      : boundedKeys(bound, settle, rows, after)
  const counted = after === '' ? '' : `${after}\n`
  // The bell follows its insert: FOUND is of the statement before it.
  const ended = `${ringAndNote(bounded)}\n${counted}`.trimEnd()
  const insert = {
    bound,
    event: 'insert',
    rows: rawRows(bound, 'new'),
    bounded,
    ...(bound.rowForm === 'partitioned' && bound.version === undefined
      ? { first: noteMovedRow(bound) }
      : {}),
  } as const
  if (settle !== undefined)
    return captureFunction({ ...insert, capture: `${noteKeys(bound, settle, rows)}\n${ended}` })
  const endedReread = `${noteCapture(bounded)}\n${counted}`
  const { conditions, unusual, usual } = captureWritten(bound, 'insert', ended, endedReread)
  return captureFunction({
    ...insert,
    unusual: { conditions, work: unusual },
    capture: `${assignSequences(bound, rows)}${usual}`,
  })
}

/** Counts inserted rows that the filter leaves out; nothing else is heard of them. */
function countFiltered(bound: BoundDataset, rows: string): string {
  if (bound.filter === undefined) return ''
  const { number } = datasetByName(bound.dataset)
  return `perform nextval('hq_export.filtered_${number}')
from ${rows}${joinsSql(bound)}
where (${bound.filter}) is not true;`
}

/**
 * The old rows are not read: a join of old and new is planned once, for the few rows of its first
 * firing.
 */
function onUpdate(bound: CapturedDataset): GeneratedFunction {
  const bounded = boundedWritten(bound, 'update')
  const { conditions, unusual, usual } = captureWritten(
    bound,
    'update',
    ringAndNote(bounded),
    `${noteCapture(bounded)}\n`,
  )
  return captureFunction({
    bound,
    event: 'update',
    rows: rawRows(bound, 'new'),
    unusual: { conditions, work: unusual },
    capture: usual,
    bounded,
  })
}

/** Rows that have ended now and had not before. */
function onEnd(bound: CapturedDataset): GeneratedFunction {
  const bounded = boundedRows(bound, 'current', changedRow(bound, 'new'))
  return captureFunction({
    bound,
    event: 'update',
    rows: { kind: 'record', record: 'new' },
    capture: `${captureRows(bound, changedRow(bound, 'new'))}\n${ringAndNote(bounded)}`,
    bounded,
  })
}

function onDelete(bound: CapturedDataset): GeneratedFunction {
  const bounded = boundedDeleted(bound)
  const rows = changedRows(bound, 'old')
  const moved = bound.rowForm === 'partitioned' ? leaveMoved(bound) : ''
  return captureFunction({
    bound,
    event: 'delete',
    rows: rawRows(bound, 'old'),
    whileOff: `${moved}${noteDeleted(bound, rows)};\n`,
    capture: `${REMEMBER_NESTED}${moved}${remember('deleted')}${captureDeleted(bound, rows)}
${RING}
${captureReinserted(bound)}
${noteCapture(bounded)}`,
    bounded,
  })
}

/** plpgsql that returns where an update moved the row to another partition. */
function leaveMoved(bound: CapturedDataset): string {
  return `${findMovedRow(bound)}if ${IS_MOVED} then
${indent(bumpMoved(bound))}
  if found then
${indent(remember('bumped'), 4)}  end if;
  return null;
end if;
`
}

/**
 * A row left the dataset by an update: its key changed, or the filter no longer holds. For HQ it is
 * deleted. Where updates are captured row by row, the row that has the key now may have been
 * captured before.
 */
function onLeave(bound: CapturedDataset): GeneratedFunction {
  const now = bound.rowForm === undefined ? '' : `\n${captureRowNow(bound, 'old')}`
  return captureFunction({
    bound,
    event: 'leave',
    rows: { kind: 'record', record: 'old' },
    whileOff: `${leaveGuard(bound)}${noteDeleted(bound, changedRow(bound, 'old'))};\n`,
    capture:
      `${leaveGuard(bound)}${REMEMBER_NESTED}` +
      `${captureDeleted(bound, changedRow(bound, 'old'))}\n${RING}${now}`,
  })
}

/**
 * A filter is SQL over `r` and cannot stand in WHEN, so with one the function itself looks whether
 * the row left.
 */
function leaveGuard(bound: CapturedDataset): string {
  if (bound.filter === undefined) return ''
  return `if not (${keyChanged(bound)})
  and (select ${bound.filter} from ${changedRow(bound, 'new')})
then
  return null;
end if;
`
}

/**
 * TRUNCATE has no transition table, and it reaches partitions one by one: each captures its own
 * rows. The rows are read under the transaction's snapshot; above READ COMMITTED it may be older
 * than rows that TRUNCATE removes, which is a gap.
 */
function onTruncate(bound: CapturedDataset): GeneratedFunction {
  const { number } = datasetByName(bound.dataset)
  const rows = `only ${QUERY_QUOTE} || tg_relid::regclass::text || ${QUERY_QUOTE} r`
  const quoted = (sql: string): string => `${QUERY_QUOTE}\n${indent(sql)}\n${QUERY_QUOTE}`
  const capture = (bases: string | undefined): string =>
    chooseTable(
      'outbox',
      (table) => `execute ${quoted(insertDeleted(bound, table, rows, { bases }))}${using(bases)}`,
    )
  return captureFunction({
    bound,
    event: 'truncate',
    rows: { kind: 'table' },
    whileOff: `execute ${quoted(noteDeleted(bound, rows))};\n`,
    capture: `if current_setting('transaction_isolation')
  not in ('read committed', 'read uncommitted')
then
  insert into hq_export.capture_gap (dataset, operation) values (${number}, 'truncate');
end if;
${withBases(bound, 'deleted', rows, { dynamic: quoted }, capture)}
perform hq_export.ring();`,
  })
}

/**
 * Raises the base of a key whose row changed while its record_version did not rise, so that the
 * exported version does. A row trigger, because only it sees old and new together; it runs before
 * the statement's capture, which then reads the base.
 */
function onBump(bound: CapturedDataset): GeneratedFunction {
  const { number } = datasetByName(bound.dataset)
  const version = escapeIdentifier(bound.version ?? '')
  const { key } = projectionOf(bound, 'null')
  // numeric: the difference of two int8 need not be one.
  const missing = `least(old.${version}::numeric - new.${version} + 1, 9223372036854775807)::bigint`
  const remembered = `${REMEMBER_NESTED}${remember('bumped')}`
  const from = changedRow(bound, 'new')
  const raised = boundedBump(number, remembered, key, missing, from)
  const isMoved = keyChanged(bound)
  const bounded = {
    ...raised,
    check: `if not (${isMoved}) then\n${indent(raised.check)}\nend if;`,
  }
  return captureFunction({
    bound,
    event: 'bump',
    rows: { kind: 'record', record: 'new' },
    capture: `-- A row that got another key has left, and its new key is captured as it is.
if ${isMoved} then
  return null;
end if;
${remembered}insert into hq_export.version_base as b (dataset, key, base)
select
  ${number},
  ${key},
  ${missing}
from ${from}
on conflict (dataset, key) do update set
  base = hq_export.exported_version(b.base, excluded.base);
${noteCapture(bounded)}`,
    bounded,
  })
}

/** SQL over `old` and `new`: the row has ended now and had not before. */
export function hasJustEnded(bound: BoundDataset): string {
  return `${terminalSql(bound, 'new')} and (${terminalSql(bound, 'old')}) is not true`
}

/** The trigger functions of one dataset. @param isByRow true where they fire for each row. */
export function captureFunctions(
  bound: BoundDataset,
  source: SourceTable,
  isByRow: boolean,
): GeneratedFunction[] {
  const settings = valueSettings(bound, source)
  const captured = {
    ...bound,
    setsTimeZone: setsTimeZone(bound, source),
    ...(isByRow ? { rowForm: rowFormOf(source) } : {}),
  }
  return eventFunctions(captured, source).map((generated) => ({
    ...generated,
    sql: [
      generated.sql,
      ...settings.map((setting) => `alter function ${generated.name}() set ${setting}`),
    ].join(';\n'),
  }))
}

/**
 * Rows of append datasets are exported when they appear (or end), and never again; that they are
 * removed is noted.
 */
function eventFunctions(bound: CapturedDataset, source: SourceTable): GeneratedFunction[] {
  const { semantics }: Dataset = datasetByName(bound.dataset)
  // Whether the statement's triggers do what row triggers cannot.
  const isMovable = bound.rowForm === undefined && isPartitioned(source)
  if (semantics === 'append') {
    const removals = removalFunctions(bound, source)
    if (bound.settle !== undefined) return [onInsert(bound), onPendingDelete(bound), ...removals]
    if (bound.terminal === undefined) return [onInsert(bound), ...removals]
    return [onInsert(bound), isMovable ? onPartitionedEnd(bound) : onEnd(bound), ...removals]
  }
  return [
    onInsert(bound),
    ...(isMovable
      ? [onPartitionedUpdate(bound)]
      : [onUpdate(bound), onLeave(bound), onBump(bound)]),
    onDelete(bound),
    onTruncate(bound),
    ...(bound.snapshot === undefined ? [] : [onReplace(bound), onEmpty(bound)]),
  ]
}
