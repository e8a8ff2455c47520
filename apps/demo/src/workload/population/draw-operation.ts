import { metadata } from '../random/json-texts.ts'
import { decimal, endMoment, moment, startMoment } from '../random/numbers.ts'
import type { Random } from '../random/random.ts'
import { ERROR_MESSAGES } from '../random/texts.ts'
import type { EventRow, RunEnd, RunRow } from './operation-sql.ts'
import type { EntityType, Tenant } from './population.ts'

const PROVIDERS = ['prospeo', 'apollo', 'leadmagic', 'clearbit', 'プロバイダー'] as const
const OPERATIONS: Readonly<Record<EntityType, readonly string[]>> = {
  company: ['company.enrich.profile', 'company.research.icp', 'company.derive.size'],
  person: ['person.enrich.contact', 'person.verify.email', 'person.search.title'],
}
const WORKFLOWS = ['outbound-v3', 'nightly-refresh', 'crm-sync'] as const
const STORAGE = 's3://raw-payloads'

/** Event types of the contract, and one that it does not name: the set is open. */
export type EventType =
  | 'state_change'
  | 'request_sent'
  | 'response_received'
  | 'retry_scheduled'
  | 'error'
  | 'cache_hit'

/** Ways for a run to end. */
export type EndStatus = 'succeeded' | 'failed' | 'skipped' | 'canceled'

/** A run of an operation that works on one entity. */
export function drawRun(
  random: Random,
  tenant: Tenant,
  type: EntityType,
  entityId: string,
  pipelineRunId: string | null,
  status: 'running' | 'skipped' = 'running',
): RunRow {
  const operation = random.pick(OPERATIONS[type])
  const provider = random.chance(0.9) ? random.pick(PROVIDERS) : null
  return {
    run_id: random.uuid(),
    org_id: tenant.orgId,
    company_id:
      tenant.companyIds.length > 0 && random.chance(0.8) ? random.pick(tenant.companyIds) : null,
    pipeline_run_id: pipelineRunId,
    entity_id: entityId,
    started_at: startMoment(random),
    workflow_id: pipelineRunId === null ? null : random.pick(WORKFLOWS),
    operation_id: operation,
    action_id: `${operation}.${provider ?? 'internal'}.v${random.integer(1, 3)}`,
    entity_type: type,
    source_provider: provider,
    status,
  }
}

/** An event of a run, with what its type brings along. */
export function drawEvent(
  random: Random,
  run: RunRow,
  sequence: number,
  type: EventType,
): EventRow {
  const isResponse = type === 'response_received'
  const isError = type === 'error'
  const ref = `${STORAGE}/${run.org_id}/${run.run_id}/${sequence}`
  return {
    event_id: random.uuid(),
    run_id: run.run_id,
    org_id: run.org_id,
    company_id: run.company_id,
    entity_id: run.entity_id,
    occurred_at: moment(random),
    event_sequence: sequence,
    http_status: isResponse ? 200 : isError ? random.pick([408, 429, 500, 503]) : null,
    event_type: type,
    entity_type: run.entity_type,
    provider: run.source_provider,
    raw_request_ref: type === 'request_sent' ? `${ref}/request.json` : null,
    raw_response_ref: isResponse ? `${ref}/response.json` : null,
    payload_hash: isResponse ? `sha256:${random.hex(64)}` : null,
    error_code: isError ? 'provider_unavailable' : null,
    error_message: isError ? random.pick(ERROR_MESSAGES) : null,
    metadata_json: metadata(random),
  }
}

/** How a run ends: what it cost, how long it took, what went wrong. */
export function drawEnd(
  random: Random,
  runId: RunRow['run_id'],
  status: EndStatus,
  attempts: number,
): RunEnd {
  const isFailure = status === 'failed'
  return {
    run_id: runId,
    ended_at: random.chance(0.97) ? endMoment(random) : null,
    attempt_count: attempts,
    duration_ms: random.chance(0.97) ? random.integer(0, 120_000) : null,
    status,
    cost_usd: status === 'canceled' ? null : decimal(random),
    error_code: isFailure ? random.pick(['provider_unavailable', 'quota_exceeded', '']) : null,
    error_message: isFailure ? random.pick(ERROR_MESSAGES) : null,
  }
}
