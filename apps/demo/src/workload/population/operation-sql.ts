import type { Field } from './entity-kind.ts'
import { FAILING_PROVIDER, faultyEvents, faultyRuns } from './faults.ts'
import type { Transaction } from './transact.ts'

const RUN_COLUMNS = {
  run_id: 'uuid',
  org_id: 'uuid',
  company_id: 'uuid',
  pipeline_run_id: 'uuid',
  entity_id: 'uuid',
  started_at: 'timestamptz',
  workflow_id: 'text',
  operation_id: 'text',
  action_id: 'text',
  entity_type: 'text',
  source_provider: 'text',
  status: 'text',
} as const

const END_COLUMNS = {
  run_id: 'uuid',
  ended_at: 'timestamptz',
  attempt_count: 'integer',
  duration_ms: 'integer',
  status: 'text',
  cost_usd: 'numeric',
  error_code: 'text',
  error_message: 'text',
} as const

const EVENT_COLUMNS = {
  event_id: 'uuid',
  run_id: 'uuid',
  org_id: 'uuid',
  company_id: 'uuid',
  entity_id: 'uuid',
  occurred_at: 'timestamptz',
  event_sequence: 'integer',
  http_status: 'integer',
  event_type: 'text',
  entity_type: 'text',
  provider: 'text',
  raw_request_ref: 'text',
  raw_response_ref: 'text',
  payload_hash: 'text',
  error_code: 'text',
  error_message: 'text',
  metadata_json: 'text',
} as const

type Row<Columns> = Readonly<Record<keyof Columns, Field>>

/** A run as it is inserted. */
export type RunRow = Row<typeof RUN_COLUMNS>
/** How a run ended. */
export type RunEnd = Row<typeof END_COLUMNS>
/** An event of a run. */
export type EventRow = Row<typeof EVENT_COLUMNS>

function recordset(columns: Readonly<Record<string, string>>): string {
  const types = Object.entries(columns).map(([name, type]) => `${name} ${type}`)
  return `pg_catalog.json_to_recordset($1::json) as c(${types.join(', ')})`
}

function valueSql(name: string): string {
  return name === 'metadata_json' ? 'c.metadata_json::jsonb' : `c.${name}`
}

function insertSql(table: string, columns: Readonly<Record<string, string>>): string {
  const names = Object.keys(columns)
  return `insert into ${table} (${names.join(', ')})
select ${names.map(valueSql).join(', ')} from ${recordset(columns)}`
}

/** `$2` is the provider whose runs fail, if any. */
function endSql(name: string): string {
  return name === 'status' ? `case when e.fails then 'failed' else e.status end` : `e.${name}`
}

const INSERT_RUNS = insertSql('ops.operation_runs', RUN_COLUMNS)
const INSERT_EVENTS = insertSql('ops.operation_events', EVENT_COLUMNS)
// Sorted, so that two statements that end the same runs wait for each other instead of for ever.
const END_RUNS = `with ends as (
  select c.*, r.source_provider = $2::text as fails from ${recordset(END_COLUMNS)}
  join ops.operation_runs r using (run_id)
  where r.status = 'running'
  order by run_id for no key update of r
)
update ops.operation_runs r
set ${Object.keys(END_COLUMNS)
  .filter((name) => name !== 'run_id')
  .map((name) => `${name} = ${endSql(name)}`)
  .join(', ')}
from ends e where r.run_id = e.run_id`

/** Inserts runs; those that have ended already are exported. */
export async function insertRuns(tx: Transaction, rows: readonly RunRow[]): Promise<void> {
  await tx.client.query({
    name: 'insert-runs',
    text: INSERT_RUNS,
    values: [JSON.stringify(faultyRuns(tx.faults, rows))],
  })
  tx.count('dx_operation_runs_v1', rows.filter(({ status }) => status !== 'running').length)
}

/** Ends runs that are running; a run that has ended is history and stays as it is. */
export async function endRuns(tx: Transaction, rows: readonly RunEnd[]): Promise<void> {
  const { rowCount } = await tx.client.query({
    name: 'end-runs',
    text: END_RUNS,
    values: [JSON.stringify(rows), tx.faults.has('failing-provider') ? FAILING_PROVIDER : null],
  })
  tx.count('dx_operation_runs_v1', rowCount ?? 0)
}

/** Notes another attempt of a run that goes on: nothing of it is exported yet. */
export async function retryRun(tx: Transaction, runId: string): Promise<void> {
  await tx.client.query({
    name: 'retry-run',
    text: `update ops.operation_runs set attempt_count = attempt_count + 1
      where run_id = $1 and status = 'running'`,
    values: [runId],
  })
}

/** Inserts events. */
export async function insertEvents(tx: Transaction, rows: readonly EventRow[]): Promise<void> {
  await tx.client.query({
    name: 'insert-events',
    text: INSERT_EVENTS,
    values: [JSON.stringify(faultyEvents(tx.faults, rows))],
  })
  tx.count('dx_operation_events_v1', rows.length)
}
