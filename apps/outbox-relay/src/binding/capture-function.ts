import { type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { type BoundDataset, SNAPSHOTS_DATASET } from './binding-schema.ts'
import { BODY_QUOTE } from './binding-values.ts'
import { readsOtherRows } from './joins.ts'
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

/** Where the rows of a firing come from when they have to be kept raw. */
export type RawRows =
  | { readonly kind: 'transition'; readonly table: 'n' | 'o' }
  | { readonly kind: 'record'; readonly record: 'new' | 'old' }
  | { readonly kind: 'table' }
  /** Versions of the past; the raw row says of which dataset, and as which exported version. */
  | { readonly kind: 'versions'; readonly of: 'old' | 'table' }
  | { readonly kind: 'none' }

const OUTBOX_TABLES = [0, 1, 2]
const SNAPSHOTS = datasetByName(SNAPSHOTS_DATASET).number
/** Variable of a capture function: exported version of a row that is replaced. */
export const VERSION = 'v_version'

/** `hq_export.capture_<dataset>_<event>`. */
export function functionName(dataset: string, event: CaptureEvent): string {
  return `hq_export.${pg.escapeIdentifier(`capture_${dataset}_${event}`)}`
}

/** The same insert for each outbox table, static, and the one that is current chosen at run time. */
export function insertIntoCurrent(insert: (table: string) => string): string {
  const branches = OUTBOX_TABLES.map(
    (number) => `when ${number} then\n${insert(`hq_export.outbox_${number}`)};`,
  )
  return `case pg_sequence_last_value('hq_export.current_outbox')
${branches.join('\n')}
end case;`
}

/** JSON text of a version that could not be projected: its dataset, its exported version (null where that is not known), its row. */
function rawVersion(dataset: string, version: string, row: string): string {
  return `json_build_object('dataset', '${dataset}', 'version', ${version}, 'row', row_to_json(${row}))::text`
}

/** Dynamic on purpose: it runs only after the static insert has failed, and keeps every function a third shorter. */
function insertRaw({ name, number }: Dataset, isDeleted: boolean, rows: RawRows): string {
  const insert = `insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)`
  const values = `${number}, ${isDeleted}, $1, hq_export.current_traceparent()`
  const current = `pg_sequence_last_value('hq_export.current_outbox')`
  switch (rows.kind) {
    case 'transition':
      return `execute format('${insert} select ${values}, row_to_json(r)::text from ${rows.table} r',
        ${current}) using v_sqlstate;`
    case 'record':
      return `execute format('${insert} values (${values}, $2)',
        ${current}) using v_sqlstate, row_to_json(${rows.record})::text;`
    case 'table':
      return `execute format('${insert} select ${values}, row_to_json(r)::text from only %s r',
        ${current}, tg_relid::regclass) using v_sqlstate;`
    case 'versions':
      return rows.of === 'old'
        ? `execute format('${insert} values (${SNAPSHOTS}, false, $1, hq_export.current_traceparent(), $2)',
        ${current}) using v_sqlstate, ${rawVersion(name, `${VERSION}::text`, 'old')};`
        : `execute format($raw$${insert} select ${SNAPSHOTS}, false, $1, hq_export.current_traceparent(), ${rawVersion(name, 'null', 'r')} from only %s r$raw$,
        ${current}, tg_relid::regclass) using v_sqlstate;`
    case 'none':
      return `insert into hq_export.capture_gap (dataset, operation) values (${number}, 'late');`
  }
}

/** BEFORE ROW triggers give back the row that they were given: without it there would be no change. */
function returnSql(event: CaptureEvent): string {
  if (event === 'gone') return 'return old;'
  // Not `coalesce(new, old)`: an expression would fetch every TOASTed value of the row, and write it anew.
  if (event === 'replaced') return `if tg_op = 'DELETE' then return old; end if;\n  return new;`
  return 'return null;'
}

/**
 * The emergency switch, and its audited gap: one per firing, none for a statement that touched no row. Versions go on rising
 * while it is on, so that a backfill closes the gap of every row that exists; deletes are left to reconciliation.
 */
function disabledGuard(number: number, event: CaptureEvent, rows: RawRows): string {
  if (event === 'bump') return ''
  // The statement trigger of the same change leaves the gap, or that of the insert did.
  if (['leave', 'late', 'gone', 'replaced', 'emptied'].includes(event))
    return `
  if current_setting('hq_export.disabled', true) = 'on' then
    ${returnSql(event)}
  end if;`
  const condition = rows.kind === 'transition' ? ` where exists (select from ${rows.table})` : ''
  return `
  if current_setting('hq_export.disabled', true) = 'on' then
    insert into hq_export.capture_gap (dataset, operation) select ${number}, '${event}'${condition};
    return null;
  end if;`
}

/**
 * A trigger function around `capture`, a plpgsql statement list.
 *
 * A capture never fails the write: on any error the raw rows go to the outbox with the SQLSTATE, and if that
 * fails too a bare marker that rows are missing. Only when not even the outbox can be written is there
 * nothing left but a warning in the server's log.
 *
 * Order inside: insert first, then ring (see hq_export.ring). A failed capture rings like any other; a doorbell that fails costs
 * no row.
 */
export function captureFunction(options: {
  readonly bound: BoundDataset
  readonly event: CaptureEvent
  readonly rows: RawRows
  readonly capture: string
  /** Planner settings beside the ones that every capture has. */
  readonly settings?: readonly string[]
}): GeneratedFunction {
  const { bound, event, rows, capture } = options
  const dataset = datasetByName(bound.dataset)
  const { name } = dataset
  const number = rows.kind === 'versions' ? SNAPSHOTS : dataset.number
  const isDeleted = event === 'delete' || event === 'truncate' || event === 'leave'
  // A capture whose plan was made for few rows must not scan version_base, or what it joins, for each of many.
  const settings = [
    ...(bound.version === undefined && !readsOtherRows(bound) ? [] : ['enable_seqscan = off']),
    ...(options.settings ?? []),
  ]
  const variables = [
    'v_sqlstate text',
    ...(bound.version === undefined ? [] : [`${BASES} jsonb`, 'v_overtaken boolean']),
    ...(rows.kind === 'versions' ? [`${VERSION} bigint`] : []),
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
begin${disabledGuard(number, event, rows)}
${capture}
  ${returnSql(event)}
exception when others then
  v_sqlstate := sqlstate;
  begin
    ${insertRaw(dataset, isDeleted, rows)}
  exception when others then
    begin
      insert into hq_export.outbox_0 (dataset, deleted, sqlstate) values (${number}, ${isDeleted}, v_sqlstate);
    exception when others then
      raise warning 'hq_export: % of % was not captured: % (%)', tg_op, tg_relid::regclass, sqlerrm, sqlstate;
    end;
  end;
  begin
    perform hq_export.ring();
  exception when others then
    null; -- what was kept waits for the relay's poll
  end;
  ${returnSql(event)}
end ${BODY_QUOTE}`,
  }
}
