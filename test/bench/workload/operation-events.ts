import type pg from 'pg'
import type { BenchOptions } from '../scenario.ts'
import { writeInCommits } from './write-in-commits.ts'

/** Events of one run. */
export const EVENTS_PER_RUN = 12

/** Contract columns that {@link EVENTS} yields, which is all but the schema version. */
export const EVENT_COLUMNS = `event_id, run_id, event_type, event_sequence, occurred_at, org_id,
  company_id, entity_type, entity_id, provider, http_status, raw_request_ref, raw_response_ref,
  payload_hash, error_code, error_message, metadata_json`

const RUN_ID = `pg_catalog.md5('run ' || i / ${EVENTS_PER_RUN})::uuid`

/**
 * Ids are hashes: spread over the indexes like random uuids, yet the same rows for ours and anchor.
 * One row in ten failed.
 */
export const EVENTS = /* sql */ `
select pg_catalog.md5('event ' || i)::uuid, ${RUN_ID},
       (array['request_sent', 'response_received', 'state_change', 'retry_scheduled'])[1 + i % 4],
       i % ${EVENTS_PER_RUN},
       timestamptz '2026-01-01 00:00:00Z' + i * interval '37.123456 ms',
       pg_catalog.md5('org ' || i / ${EVENTS_PER_RUN} % 20)::uuid,
       pg_catalog.md5('company ' || i / ${EVENTS_PER_RUN} % 500)::uuid,
       (array['company', 'person'])[1 + i / ${EVENTS_PER_RUN} % 2],
       pg_catalog.md5('entity ' || i / ${EVENTS_PER_RUN} % 50000)::uuid,
       (array['prospeo', 'blitzapi', 'companyenrich', 'leadmagic'])[1 + i / ${EVENTS_PER_RUN} % 4],
       case when i % 10 = 0 then 429 when i % 4 = 1 then 200 end,
       case when i % 4 = 0 then 's3://raw/requests/' || i end,
       case when i % 4 = 1 then 's3://raw/responses/' || i end,
       case when i % 4 = 1 then pg_catalog.md5('payload ' || i) end,
       case when i % 10 = 0 then 'rate_limited' end,
       case when i % 10 = 0 then 'The provider asked us to slow down' end,
       pg_catalog.jsonb_build_object('attempt', 1 + i % 3, 'duration_ms', i % 1700)
from pg_catalog.generate_series($1::int, $2::int) i`

const INSERT_RUNS = /* sql */ `
insert into ops.operation_runs
  (run_id, org_id, entity_id, operation_id, action_id, entity_type, status)
select pg_catalog.md5('run ' || run)::uuid, pg_catalog.md5('org ' || run % 20)::uuid,
       pg_catalog.md5('entity ' || run % 50000)::uuid, 'company.enrich.profile', 'enrich',
       'company', 'succeeded'
from pg_catalog.generate_series(0, $1::int / ${EVENTS_PER_RUN}) run
on conflict do nothing`

const LAST_EVENT_ID = /* sql */ `select pg_catalog.md5('event ' || $1::int)::uuid as id`

/** The runs that `rows` events belong to. */
export async function insertRuns(client: pg.ClientBase, rows: number): Promise<void> {
  await client.query(INSERT_RUNS, [rows])
}

/** Writes events as the application does: the capture triggers fire. */
export async function insertEvents(
  client: pg.ClientBase,
  rows: number,
  options: BenchOptions,
): Promise<void> {
  await insertPlainEvents(client, 'ops.operation_events', rows, options)
}

/**
 * Sets the trace context of each transaction, of whose traces `sampledPercent` were sampled; ids
 * are hashes, so every round has the same.
 */
function setTraceparent(sampledPercent: number): string {
  const hash = "pg_catalog.md5('trace ' || $1::int)"
  const draw = `('x' || pg_catalog.left(${hash}, 6))::bit(24)::int % 100`
  return `perform pg_catalog.set_config('hq_export.traceparent',
    '00-' || ${hash} || '-' || pg_catalog.right(${hash}, 16)
      || case when ${draw} < ${sampledPercent} then '-01' else '-00' end, true)`
}

/** Writes events as an application does that traces its transactions. */
export async function insertTracedEvents(
  client: pg.ClientBase,
  rows: number,
  options: BenchOptions,
  sampledPercent: number,
): Promise<void> {
  const statement = `insert into ops.operation_events (${EVENT_COLUMNS}) ${EVENTS}`
  await writeInCommits(client, `${setTraceparent(sampledPercent)};\n${statement}`, rows, options)
}

/**
 * Writes the same rows, in the same transactions, into a plain table with the contract's columns.
 */
export async function insertPlainEvents(
  client: pg.ClientBase,
  table: string,
  rows: number,
  options: BenchOptions,
): Promise<void> {
  const statement = `insert into ${table} (${EVENT_COLUMNS}) ${EVENTS}`
  await writeInCommits(client, statement, rows, options)
}

/** Id of the event that was written last. */
export async function lastEventId(client: pg.ClientBase, rows: number): Promise<string> {
  const { rows: found } = await client.query<{ id: string }>(LAST_EVENT_ID, [rows])
  return found[0]?.id ?? ''
}
