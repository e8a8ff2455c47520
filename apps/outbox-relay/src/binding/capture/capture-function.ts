import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import { BODY_QUOTE } from '../binding-values.ts'
import { chooseTable } from '../projection/choose-table.ts'
import { readsOtherRows } from '../projection/joins.ts'
import { type BoundedCapture, boundedPath, noteCapture } from './bounded-capture.ts'
import { insertRaw, type RawRows, rawNumber, VERSION } from './raw-rows.ts'
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
  if (event === 'replaced') return `if tg_op = 'DELETE' then return old; end if;\n  return new;`
  return 'return null;'
}

/**
 * The emergency switch, and its audited gap: one per firing, none for a statement that touched no
 * row. Versions go on rising while it is on, so that a backfill closes the gap: of every row that
 * exists, and of every key that is gone.
 * @param whileOff what is done nevertheless; if it fails, the rows are kept raw like those of any
 * failed capture.
 */
function disabledGuard(number: number, event: CaptureEvent, rows: RawRows, whileOff = ''): string {
  if (event === 'bump') return ''
  // The statement trigger of the same change leaves the gap, or that of the insert did.
  if (['leave', 'late', 'gone', 'replaced', 'emptied'].includes(event))
    return `
  if ${IS_SWITCHED_OFF} then
    ${whileOff}${returnSql(event)}
  end if;`
  const condition = rows.kind === 'transition' ? ` where exists (select from ${rows.table})` : ''
  return `
  if ${IS_SWITCHED_OFF} then
    insert into hq_export.capture_gap (dataset, operation) select ${number}, '${event}'${condition};
    ${whileOff}return null;
  end if;`
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
  readonly bound: BoundDataset
  readonly event: CaptureEvent
  readonly rows: RawRows
  readonly capture: string
  /** The same without a transaction id of its own, for the later captures of a transaction. */
  readonly bounded?: BoundedCapture
  /** plpgsql statements for when the emergency switch is on. */
  readonly whileOff?: string
  /** Planner settings beside the ones that every capture has. */
  readonly settings?: readonly string[]
}): GeneratedFunction {
  const { bound, event, rows, capture, bounded } = options
  const dataset = datasetByName(bound.dataset)
  const { name } = dataset
  const noted = bounded === undefined ? '' : noteCapture(bounded)
  const number = rawNumber(dataset, rows)
  const isDeleted = event === 'delete' || event === 'truncate' || event === 'leave'
  // A capture whose plan was made for few rows must not scan version_base, or what it joins, for
  // each of many.
  const settings = [
    ...(bound.version === undefined && !readsOtherRows(bound) ? [] : ['enable_seqscan = off']),
    ...(options.settings ?? []),
  ]
  const variables = [
    'v_sqlstate text',
    ...(bound.version === undefined ? [] : [`${BASES} jsonb`, 'v_overtaken boolean']),
    ...(rows.kind === 'versions' ? [`${VERSION} bigint`] : []),
    ...(bounded?.variables ?? []),
  ]
  return {
    name: functionName(name, event),
    table: bound.table,
    sql: `create or replace function ${functionName(name, event)}() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'${settings.map((setting) => `\n  set ${setting}`).join('')}
as ${BODY_QUOTE}
declare
  ${variables.map((variable) => `${variable};`).join('\n  ')}
begin${bounded === undefined ? '' : boundedPath(bounded, returnSql(event))}
begin${disabledGuard(number, event, rows, options.whileOff)}
${capture}${noted}
  ${returnSql(event)}
exception when others then
  v_sqlstate := sqlstate;
  begin
    ${insertRaw(dataset, isDeleted, rows)}
  exception when others then
    begin
      ${chooseTable('outbox', (table) => `insert into ${table} (dataset, deleted, sqlstate) values (${number}, ${isDeleted}, v_sqlstate)`)}
    exception when others then
      begin
        perform nextval('hq_export.lost');
      exception when others then
        perform set_config('hq_export.lost', 'on', false);
      end;
      raise warning 'hq_export: % of %.% was not captured: SQLSTATE %', tg_op, tg_table_schema, tg_table_name, v_sqlstate;
    end;
  end;
  begin
    perform hq_export.ring();
  exception when others then
    null; -- what was kept waits for the relay's poll
  end;
  ${returnSql(event)}
end;
end ${BODY_QUOTE}`,
  }
}
