import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { BODY_QUOTE } from '../binding-values.ts'
import type { CapturedDataset } from '../changes/captured-body.ts'
import { insertRaw, type RawRows, rawNumber, VERSION } from '../changes/raw-rows.ts'
import { chooseTable } from '../projection/choose-table.ts'
import { readsOtherRows } from '../projection/joins.ts'
import { indent } from '../projection/layout.ts'
import { type BoundedCapture, boundedPath } from './bounded-capture.ts'
import { TRACEPARENT_VARIABLE } from './capture-select.ts'
import { IS_SWITCHED_OFF } from './switched-off.ts'
import { BASES } from './version-bases.ts'

/** What fires a generated function. */
export type CaptureEvent =
  | 'insert'
  | 'update'
  | 'delete'
  | 'truncate'
  | 'leave'
  | 'bump'
  | 'late'
  | 'gone'
  | 'replaced'
  | 'emptied'
  | 'removed'
  | 'withdrawn'
  | 'cleared'

/** A generated trigger function. */
export interface GeneratedFunction {
  readonly name: string
  /** Source table whose owner becomes the owner (security definer) of the function. */
  readonly table: string
  readonly sql: string
  /** Dataset whose history it completes; it is needed no longer once that is complete. */
  readonly untilComplete?: string
}

/** `hq_export.capture_<dataset>_<event>`. */
export function functionName(dataset: string, event: CaptureEvent): string {
  return `hq_export.${pg.escapeIdentifier(`capture_${dataset}_${event}`)}`
}

/**
 * BEFORE ROW triggers give back the row that they were given: without it there would be no change.
 */
function returnSql(event: CaptureEvent): string {
  if (event === 'gone') return 'return old;'
  // Not `coalesce(new, old)`: an expression would fetch every TOASTed value of the row, and write
  // it anew.
  if (event === 'replaced') return `if tg_op = 'DELETE' then\n  return old;\nend if;\nreturn new;`
  return 'return null;'
}

/** Events whose captures take the trace context from a variable. */
const TRACED: readonly CaptureEvent[] = ['insert', 'update', 'delete', 'leave', 'gone']

/** What notes what is known by nothing else, whatever the emergency switch says. */
const NOTES: readonly CaptureEvent[] = ['bump', 'removed', 'withdrawn', 'cleared']

/**
 * The emergency switch, and its audited gap: one per firing, none for a statement that touched no
 * row; where it fires for each row, one per transaction. Versions go on rising while it is on, so
 * that a backfill closes the gap: of every row that exists, and of every key that is gone.
 * @param whileOff what is done nevertheless; if it fails, the rows are kept raw like those of any
 * failed capture.
 */
function disabledGuard(
  { dataset, rowForm }: CapturedDataset,
  event: CaptureEvent,
  rows: RawRows,
  whileOff = '',
): string {
  const number = rawNumber(datasetByName(dataset), rows)
  // The statement trigger of the same change leaves the gap, or that of the insert did.
  const leavesGap = !['leave', 'late', 'gone', 'replaced', 'emptied'].includes(event)
  const condition =
    rows.kind === 'transition'
      ? `\nwhere exists (select from ${rows.table})`
      : rowForm !== undefined && rows.kind === 'record'
        ? `\nwhere not exists (
  select from hq_export.capture_gap g
  where g.xid = pg_current_xact_id() and g.dataset = ${number} and g.operation = '${event}'
)`
        : ''
  const gap = `insert into hq_export.capture_gap (dataset, operation)
select ${number}, '${event}'${condition};
`
  return `if ${IS_SWITCHED_OFF} then
${indent(`${leavesGap ? gap : ''}${whileOff}${returnSql(event)}`)}
end if;`
}

/**
 * plpgsql at the start of a capture in its block. What few firings meet is asked by one expression:
 * each costs a microsecond in a new transaction.
 */
function startSql(event: CaptureEvent, guard: string, unusual: Unusual | undefined): string {
  if (NOTES.includes(event)) return ''
  if (!TRACED.includes(event)) return `${guard}\n`
  const conditions = [
    // NULL is not true; a `coalesce` would be set up for every firing.
    `current_setting('hq_export.disabled', true) <> ''`,
    'hq_export.has_traceparent()',
    ...(unusual?.conditions ?? []),
  ]
  return `-- What few writers meet.
if ${conditions.join('\n  or ')}
then
${indent(guard)}
  ${TRACEPARENT_VARIABLE} := hq_export.current_traceparent();
${unusual === undefined || unusual.work === '' ? '' : `${indent(unusual.work)}\n`}end if;

`
}

/** What of a capture only some firings need. */
export interface Unusual {
  /** SQL conditions of which one is true then. */
  readonly conditions: readonly string[]
  /** plpgsql that is run then. */
  readonly work: string
}

/**
 * A trigger function around `capture`, a plpgsql statement list.
 *
 * A capture never fails the write: on any error the raw rows go to the outbox with the SQLSTATE,
 * and if that fails too a bare marker that rows are missing. Where not even that can be written,
 * the server's locks or memory have run out, or the outbox is gone: what is left may need neither a
 * transaction id nor a catalog. It counts a sequence, which the relay turns into a gap; if that
 * fails, the session remembers it in a setting, until its next capture (see hq_export.ring). The
 * warning in the server's log names no value.
 *
 * Order inside: insert first, then ring (see hq_export.ring). A failed capture rings like any
 * other; a doorbell that fails costs no row.
 */
export function captureFunction(options: {
  readonly bound: CapturedDataset
  readonly event: CaptureEvent
  readonly rows: RawRows
  readonly capture: string
  /** plpgsql at the very start, which cannot fail. */
  readonly first?: string
  /** What is done before, where it must be. */
  readonly unusual?: Unusual
  /** The same without a transaction id of its own, for the later captures of a transaction. */
  readonly bounded?: BoundedCapture
  /** plpgsql statements for when the emergency switch is on. */
  readonly whileOff?: string
  /** Planner settings beside the ones that every capture has. */
  readonly settings?: readonly string[]
}): GeneratedFunction {
  const { bound, event, rows, capture, unusual, bounded } = options
  const dataset = datasetByName(bound.dataset)
  const { name } = dataset
  const number = rawNumber(dataset, rows)
  const isDeleted = event === 'delete' || event === 'truncate' || event === 'leave'
  const leave = returnSql(event)
  // A capture whose plan was made for few rows must not scan version_base, or what it joins, for
  // each of many.
  const ways = [
    ...(bound.version === undefined && !readsOtherRows(bound) ? [] : ['enable_seqscan = off']),
    ...(options.settings ?? []),
  ]
  const settings = [
    'search_path = pg_catalog, pg_temp',
    ...(bound.setsTimeZone ? [`timezone = 'UTC'`] : []),
    ...ways,
    // Where there is no other way, PostgreSQL before 18 takes it for so dear that it compiles the
    // statement, which costs a writer hundreds of milliseconds.
    ...(ways.length === 0 ? [] : ['jit = off']),
  ]
  const variables = [
    'v_sqlstate text',
    ...(TRACED.includes(event) ? [`${TRACEPARENT_VARIABLE} text`] : []),
    ...(bound.version === undefined ? [] : [`${BASES} jsonb`, 'v_overtaken boolean']),
    ...(rows.kind === 'versions' ? [`${VERSION} bigint`] : []),
    ...(bounded?.variables ?? []),
  ]
  const marker = chooseTable(
    'outbox',
    (table) => `insert into ${table} (dataset, deleted, sqlstate)
values (${number}, ${isDeleted}, v_sqlstate)`,
  )
  const first = options.first === undefined ? '' : `${indent(options.first)}\n\n`
  const start = startSql(event, disabledGuard(bound, event, rows, options.whileOff), unusual)
  return {
    name: functionName(name, event),
    table: bound.table,
    sql: `create or replace function ${functionName(name, event)}() returns trigger
  language plpgsql volatile security definer
${settings.map((setting) => `  set ${setting}`).join('\n')}
as ${BODY_QUOTE}
declare
${variables.map((variable) => `  ${variable};`).join('\n')}
begin
${first}${bounded === undefined ? '' : `${indent(boundedPath(bounded, leave))}\n\n`}  begin
${indent(`${start}${capture}\n${leave}`, 4)}
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
${indent(insertRaw(dataset, isDeleted, rows), 6)}
    exception when others then
      -- Or that there were rows.
      begin
${indent(marker, 8)}
      exception when others then
        -- Or that a statement was lost; the warning in the server's log names no value.
        begin
          perform nextval('hq_export.lost');
        exception when others then
          perform set_config('hq_export.lost', 'on', false);
        end;
        raise warning 'hq_export: % of %.% was not captured: SQLSTATE %',
          tg_op, tg_table_schema, tg_table_name, v_sqlstate;
      end;
    end;
    begin
      perform hq_export.ring();
    exception when others then
      null; -- what was kept waits for the relay's poll
    end;
${indent(leave, 4)}
  end;
end ${BODY_QUOTE}`,
  }
}
