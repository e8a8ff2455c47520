import { isNull, sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  customType,
  date,
  doublePrecision,
  index,
  integer,
  numeric,
  pgSchema,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'

/*
 * The tables of migrations/hq as types, and for simple reads. What writes rows is SQL by hand, in
 * apply/ and batch/. test/sql/hq/schema.test.ts holds this file against the database and against
 * the contract, column by column. No value becomes a JavaScript number or Date that would lose a
 * digit of it.
 */

const instant = customType<{ data: string }>({ dataType: () => 'timestamp with time zone' })
const exactJson = customType<{ data: string }>({ dataType: () => 'jsonb' })
const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' })
const regrole = customType<{ data: string }>({ dataType: () => 'regrole' })
const pgSnapshot = customType<{ data: string }>({ dataType: () => 'pg_snapshot' })
const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

const hq = pgSchema('hq')
const ingest = pgSchema('ingest')

/** Our own columns at the end of every dataset. */
function housekeeping() {
  return {
    dxXid: xid8('_dx_xid').notNull(),
    dxBatch: text('_dx_batch').notNull(),
    dxSource: text('_dx_source').notNull(),
    dxIngestedAt: instant('_dx_ingested_at').notNull(),
    dxDeletedAt: instant('_dx_deleted_at'),
    dxExtra: exactJson('_dx_extra'),
  }
}

/** One row per operation invocation, exported once, when the run has ended. */
export const operationRuns = hq.table(
  'dx_operation_runs_v1',
  {
    exportSchemaVersion: text('export_schema_version').notNull(),
    runId: uuid('run_id').notNull(),
    pipelineRunId: uuid('pipeline_run_id'),
    workflowId: text('workflow_id'),
    operationId: text('operation_id').notNull(),
    actionId: text('action_id').notNull(),
    entityType: text('entity_type').notNull(),
    entityId: uuid('entity_id').notNull(),
    orgId: uuid('org_id').notNull(),
    companyId: uuid('company_id'),
    sourceProvider: text('source_provider'),
    status: text().notNull(),
    attemptCount: integer('attempt_count').notNull(),
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at'),
    durationMs: integer('duration_ms'),
    costUsd: numeric('cost_usd'),
    errorCode: text('error_code'),
    errorMessage: text('error_message'),
    createdAt: instant('created_at').notNull(),
    ...housekeeping(),
    outcome: text(),
  },
  (t) => [
    primaryKey({ name: 'dx_operation_runs_v1_pkey', columns: [t.runId] }),
    index('dx_operation_runs_v1_time_idx').using('brin', t.createdAt),
    index('dx_operation_runs_v1_org_time_idx').on(t.orgId, t.createdAt),
  ],
)

/** What happened during a run: requests, responses, retries, state changes, errors. */
export const operationEvents = hq.table(
  'dx_operation_events_v1',
  {
    exportSchemaVersion: text('export_schema_version').notNull(),
    eventId: uuid('event_id').notNull(),
    runId: uuid('run_id').notNull(),
    eventType: text('event_type').notNull(),
    eventSequence: integer('event_sequence').notNull(),
    occurredAt: instant('occurred_at').notNull(),
    orgId: uuid('org_id').notNull(),
    companyId: uuid('company_id'),
    entityType: text('entity_type').notNull(),
    entityId: uuid('entity_id').notNull(),
    provider: text(),
    httpStatus: integer('http_status'),
    rawRequestRef: text('raw_request_ref'),
    rawResponseRef: text('raw_response_ref'),
    payloadHash: text('payload_hash'),
    errorCode: text('error_code'),
    errorMessage: text('error_message'),
    metadataJson: exactJson('metadata_json'),
    ...housekeeping(),
  },
  (t) => [
    primaryKey({ name: 'dx_operation_events_v1_pkey', columns: [t.eventId] }),
    unique('dx_operation_events_v1_guard').on(t.runId, t.eventSequence),
    index('dx_operation_events_v1_time_idx').using('brin', t.occurredAt),
    index('dx_operation_events_v1_org_time_idx').on(t.orgId, t.occurredAt),
  ],
)

/** The current canonical state of every company. */
export const companyEntities = hq.table(
  'dx_company_entities_v1',
  {
    exportSchemaVersion: text('export_schema_version').notNull(),
    orgId: uuid('org_id').notNull(),
    companyId: uuid('company_id').notNull(),
    entityId: uuid('entity_id').notNull(),
    canonicalName: text('canonical_name'),
    canonicalDomain: text('canonical_domain'),
    linkedinUrl: text('linkedin_url'),
    linkedinPageId: text('linkedin_page_id'),
    industry: text(),
    employeeCount: integer('employee_count'),
    revenueBand: text('revenue_band'),
    hqCountry: text('hq_country'),
    enrichmentConfidence: numeric('enrichment_confidence'),
    lastEnrichedAt: instant('last_enriched_at'),
    lastOperationId: text('last_operation_id'),
    lastRunId: uuid('last_run_id'),
    sourcePriority: text('source_priority'),
    recordVersion: bigint('record_version', { mode: 'bigint' }).notNull(),
    updatedAt: instant('updated_at').notNull(),
    ...housekeeping(),
  },
  (t) => [
    primaryKey({ name: 'dx_company_entities_v1_pkey', columns: [t.orgId, t.entityId] }),
    index('dx_company_entities_v1_time_idx').using('brin', t.updatedAt),
    index('dx_company_entities_v1_org_time_idx').on(t.orgId, t.updatedAt),
  ],
)

/** The current canonical state of every person. */
export const personEntities = hq.table(
  'dx_person_entities_v1',
  {
    exportSchemaVersion: text('export_schema_version').notNull(),
    orgId: uuid('org_id').notNull(),
    companyId: uuid('company_id'),
    entityId: uuid('entity_id').notNull(),
    fullName: text('full_name'),
    firstName: text('first_name'),
    lastName: text('last_name'),
    linkedinUrl: text('linkedin_url'),
    title: text(),
    seniority: text(),
    department: text(),
    workEmail: text('work_email'),
    emailStatus: text('email_status'),
    phoneE164: text('phone_e164'),
    contactConfidence: numeric('contact_confidence'),
    lastEnrichedAt: instant('last_enriched_at'),
    lastOperationId: text('last_operation_id'),
    lastRunId: uuid('last_run_id'),
    recordVersion: bigint('record_version', { mode: 'bigint' }).notNull(),
    updatedAt: instant('updated_at').notNull(),
    ...housekeeping(),
  },
  (t) => [
    primaryKey({ name: 'dx_person_entities_v1_pkey', columns: [t.orgId, t.entityId] }),
    index('dx_person_entities_v1_time_idx').using('brin', t.updatedAt),
    index('dx_person_entities_v1_org_time_idx').on(t.orgId, t.updatedAt),
  ],
)

/** Every exported version of every entity, kept for ever. */
export const entitySnapshots = hq.table(
  'dx_entity_snapshots_v1',
  {
    exportSchemaVersion: text('export_schema_version').notNull(),
    snapshotId: uuid('snapshot_id').notNull(),
    orgId: uuid('org_id').notNull(),
    entityType: text('entity_type').notNull(),
    entityId: uuid('entity_id').notNull(),
    recordVersion: bigint('record_version', { mode: 'bigint' }).notNull(),
    canonicalPayloadJson: exactJson('canonical_payload_json').notNull(),
    capturedAt: instant('captured_at').notNull(),
    sourceRunId: uuid('source_run_id'),
    ...housekeeping(),
  },
  (t) => [
    primaryKey({ name: 'dx_entity_snapshots_v1_pkey', columns: [t.snapshotId] }),
    unique('dx_entity_snapshots_v1_guard').on(t.orgId, t.entityType, t.entityId, t.recordVersion),
    index('dx_entity_snapshots_v1_time_idx').using('brin', t.capturedAt),
    index('dx_entity_snapshots_v1_org_time_idx').on(t.orgId, t.capturedAt),
  ],
)

/** Ledger of applied batches, partitioned by the month in which they were received. */
export const batch = ingest.table(
  'batch',
  {
    receivedAt: instant('received_at').notNull(),
    wireBytes: integer('wire_bytes').notNull(),
    decodedBytes: integer('decoded_bytes').notNull(),
    source: text().notNull(),
    batch: text().notNull(),
    fingerprint: bytes().notNull(),
    dataset: text().notNull(),
    schemaVersion: text('schema_version').notNull(),
    epoch: text(),
    keyId: text('key_id').notNull(),
    traceId: text('trace_id'),
    spanId: text('span_id'),
    answer: exactJson().notNull(),
    profile: exactJson(),
    orgId: uuid('org_id'),
    xid: xid8(),
  },
  (t) => [
    primaryKey({ name: 'batch_pkey', columns: [t.source, t.batch, t.receivedAt] }),
    index('batch_source_received_idx').on(t.source, t.receivedAt),
    index('batch_xid_idx').on(t.xid),
  ],
)

/** What batches were like, summed up by minute. */
export const minute = ingest.table(
  'minute',
  {
    minute: instant().notNull(),
    orgId: uuid('org_id'),
    batches: integer().notNull(),
    source: text().notNull(),
    dataset: text().notNull(),
    profile: exactJson().notNull(),
  },
  (t) => [
    unique('minute_key').on(t.source, t.dataset, t.minute, t.orgId).nullsNotDistinct(),
    index('minute_minute_idx').on(t.minute),
  ],
)

/** How far batches are added to minutes; one row. */
export const rollUp = ingest.table(
  'roll_up',
  {
    one: boolean().notNull(),
    rolledAt: instant('rolled_at').notNull(),
    through: instant().notNull(),
    pendingThrough: instant('pending_through'),
    pendingXmax: xid8('pending_xmax'),
    snapshot: pgSnapshot().notNull(),
  },
  (t) => [primaryKey({ name: 'roll_up_pkey', columns: [t.one] })],
)

/** Rows that HQ refused. */
export const quarantine = ingest.table(
  'quarantine',
  {
    id: bigint({ mode: 'bigint' }).generatedAlwaysAsIdentity(),
    firstSeenAt: instant('first_seen_at').notNull(),
    resolvedAt: instant('resolved_at'),
    capturedAt: instant('captured_at').notNull(),
    xid: xid8().notNull(),
    orgId: uuid('org_id'),
    rowIndex: integer('row_index').notNull(),
    deleted: boolean().notNull(),
    source: text().notNull(),
    dataset: text().notNull(),
    schemaVersion: text('schema_version').notNull(),
    batch: text().notNull(),
    code: text().notNull(),
    key: text(),
    pointer: text(),
    detail: text(),
    traceparent: text(),
    rowSha256: bytes('row_sha256').notNull(),
    rowText: text('row_text').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
    seenCount: integer('seen_count').notNull(),
    orgAllowed: boolean('org_allowed').notNull(),
    resolution: text(),
    resolvedBy: text('resolved_by'),
    resolutionNote: text('resolution_note'),
    traceId: text('trace_id'),
  },
  (t) => [
    primaryKey({ name: 'quarantine_pkey', columns: [t.id] }),
    uniqueIndex('quarantine_open_key')
      .on(t.source, t.dataset, t.rowSha256, t.deleted)
      .where(isNull(t.resolvedAt)),
    index('quarantine_open_idx').on(t.dataset, t.code, t.id).where(isNull(t.resolvedAt)),
    index('quarantine_batch_idx').on(t.source, t.batch),
    index('quarantine_cause_idx')
      .on(t.dataset, t.code, sql`(cause of the pointer)`, t.lastSeenAt, t.id)
      .where(isNull(t.resolvedAt)),
    index('quarantine_key_idx').using('hash', t.key),
  ],
)

/** Newest heartbeat of every source. */
export const heartbeat = ingest.table(
  'heartbeat',
  {
    sourceTs: instant('source_ts').notNull(),
    receivedAt: instant('received_at').notNull(),
    source: text().notNull(),
    batch: text().notNull(),
    epoch: text(),
    xid: xid8(),
  },
  (t) => [primaryKey({ name: 'heartbeat_pkey', columns: [t.source] })],
)

/** Keys that may sign batches; secrets are sealed. */
export const key = ingest.table(
  'key',
  {
    createdAt: instant('created_at').notNull(),
    notBefore: instant('not_before'),
    notAfter: instant('not_after'),
    revokedAt: instant('revoked_at'),
    bytesPerMinute: bigint('bytes_per_minute', { mode: 'bigint' }),
    requestsPerMinute: integer('requests_per_minute'),
    id: text().notNull(),
    source: text().notNull(),
    kind: text().notNull(),
    label: text(),
    orgs: uuid().array(),
    datasets: text().array(),
    publicKey: text('public_key'),
    masterKeyId: text('master_key_id'),
    nonce: bytes(),
    sealedSecret: bytes('sealed_secret'),
  },
  (t) => [primaryKey({ name: 'key_pkey', columns: [t.id] })],
)

/** When each key was last used. */
export const keyUse = ingest.table(
  'key_use',
  {
    lastUsedAt: instant('last_used_at').notNull(),
    keyId: text('key_id').notNull(),
    source: text().notNull(),
    contractLock: text('contract_lock'),
  },
  (t) => [primaryKey({ name: 'key_use_pkey', columns: [t.keyId] })],
)

/** The org that a login sees. */
export const readerOrg = ingest.table(
  'reader_org',
  { role: regrole().notNull(), orgId: uuid('org_id').notNull() },
  (t) => [primaryKey({ name: 'reader_org_pkey', columns: [t.role] })],
)

/** What operators did by hand. */
export const audit = ingest.table(
  'audit',
  {
    id: bigint({ mode: 'bigint' }).generatedAlwaysAsIdentity(),
    at: instant().notNull(),
    actor: text().notNull(),
    action: text().notNull(),
    subject: text().notNull(),
    detail: exactJson().notNull(),
  },
  (t) => [
    primaryKey({ name: 'audit_pkey', columns: [t.id] }),
    index('audit_subject_idx').on(t.subject, t.id),
  ],
)

/** What was done from the console, and how far it has come. */
export const action = ingest.table(
  'action',
  {
    requestedAt: instant('requested_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    finishedAt: instant('finished_at'),
    position: bigint({ mode: 'bigint' }).notNull(),
    through: bigint({ mode: 'bigint' }).notNull(),
    done: integer().notNull(),
    failed: integer().notNull(),
    id: uuid().notNull(),
    kind: text().notNull(),
    actor: text().notNull(),
    state: text().notNull(),
    reason: text(),
    selection: exactJson().notNull(),
  },
  (t) => [
    primaryKey({ name: 'action_pkey', columns: [t.id] }),
    index('action_requested_idx').on(t.requestedAt, t.id),
    index('action_running_idx').on(t.requestedAt),
  ],
)

/** What became of every item of an action. */
export const actionItem = ingest.table(
  'action_item',
  {
    item: bigint({ mode: 'bigint' }).notNull(),
    action: uuid().notNull(),
    outcome: text().notNull(),
    reason: text(),
  },
  (t) => [
    primaryKey({ name: 'action_item_pkey', columns: [t.action, t.item] }),
    index('action_item_item_idx').on(t.item),
  ],
)

/** What gateways hold one at a time; only the writer may read it. */
export const advisoryLock = ingest.table(
  'advisory_lock',
  {
    key: bigint({ mode: 'bigint' }).notNull(),
    name: text().notNull(),
  },
  (t) => [primaryKey({ name: 'advisory_lock_pkey', columns: [t.name] })],
)

/** Comparisons of a source with HQ, as the source posted them. */
export const reconciliation = ingest.table(
  'reconciliation',
  {
    receivedAt: instant('received_at').notNull(),
    startedAt: instant('started_at').notNull(),
    finishedAt: instant('finished_at').notNull(),
    id: uuid().notNull(),
    repair: boolean().notNull(),
    source: text().notNull(),
    schemaVersion: text('schema_version').notNull(),
    kind: text().notNull(),
    state: text().notNull(),
    version: text().notNull(),
    keyId: text('key_id').notNull(),
    orgs: uuid().array(),
    scope: exactJson().notNull(),
    datasets: exactJson().notNull(),
    fingerprint: bytes().notNull(),
  },
  (t) => [
    primaryKey({ name: 'reconciliation_pkey', columns: [t.source, t.id] }),
    index('reconciliation_finished_idx').on(t.source, t.finishedAt),
    index('reconciliation_received_idx').on(t.receivedAt),
  ],
)

/** Keys that were not the same on both sides. */
export const reconciliationFinding = ingest.table(
  'reconciliation_finding',
  {
    id: uuid().notNull(),
    position: integer().notNull(),
    orgId: uuid('org_id'),
    sourceVersion: bigint('source_version', { mode: 'bigint' }),
    hqVersion: bigint('hq_version', { mode: 'bigint' }),
    source: text().notNull(),
    dataset: text().notNull(),
    key: text().notNull(),
    class: text().notNull(),
    repair: text().notNull(),
    reason: text(),
    columns: text().array().notNull(),
  },
  (t) => [
    primaryKey({ name: 'reconciliation_finding_pkey', columns: [t.source, t.id, t.position] }),
    index('reconciliation_finding_key_idx').using('hash', t.key),
  ],
)

/** The life of each source that counts. */
export const freshnessEpoch = ingest.table(
  'freshness_epoch',
  {
    source: text().notNull(),
    epoch: text().notNull(),
    former: text().array().notNull().default([]),
  },
  (t) => [primaryKey({ name: 'freshness_epoch_pkey', columns: [t.source] })],
)

/** How far the datasets of the sources are complete in HQ. */
export const freshness = ingest.table(
  'freshness',
  {
    completeThrough: instant('complete_through'),
    toldAt: instant('told_at').notNull(),
    receivedAt: instant('received_at').notNull(),
    refused: bigint({ mode: 'bigint' }).notNull(),
    source: text().notNull(),
    dataset: text().notNull(),
    epoch: text().notNull(),
    schemaVersion: text('schema_version').notNull(),
    keyId: text('key_id').notNull(),
  },
  (t) => [primaryKey({ name: 'freshness_pkey', columns: [t.source, t.dataset] })],
)

/** What a source captured on a day of its clock, and what became of it, as the source said last. */
export const balance = ingest.table(
  'balance',
  {
    receivedAt: instant('received_at').notNull(),
    captured: bigint({ mode: 'bigint' }).notNull(),
    inserted: bigint({ mode: 'bigint' }).notNull(),
    updated: bigint({ mode: 'bigint' }).notNull(),
    superseded: bigint({ mode: 'bigint' }).notNull(),
    duplicate: bigint({ mode: 'bigint' }).notNull(),
    stale: bigint({ mode: 'bigint' }).notNull(),
    refused: bigint({ mode: 'bigint' }).notNull(),
    filtered: bigint({ mode: 'bigint' }).notNull(),
    waiting: bigint({ mode: 'bigint' }).notNull(),
    day: date({ mode: 'string' }).notNull(),
    source: text().notNull(),
    dataset: text().notNull(),
  },
  (t) => [
    primaryKey({ name: 'balance_pkey', columns: [t.source, t.day, t.dataset] }),
    index('balance_day_idx').on(t.day),
  ],
)

/** Whole hours in which rows came: what is usual is read from them. */
export const qualityHour = ingest.table(
  'quality_hour',
  {
    hour: instant().notNull(),
    source: text().notNull(),
    dataset: text().notNull(),
    profile: exactJson().notNull(),
  },
  (t) => [primaryKey({ name: 'quality_hour_pkey', columns: [t.source, t.dataset, t.hour] })],
)

/** How far what came was judged. */
export const qualityProgress = ingest.table(
  'quality_progress',
  {
    since: instant().notNull(),
    hoursThrough: instant('hours_through').notNull(),
    judgedThrough: instant('judged_through').notNull(),
    reportedThrough: date('reported_through').notNull(),
    source: text().notNull(),
    dataset: text().notNull(),
    pending: exactJson().notNull(),
  },
  (t) => [primaryKey({ name: 'quality_progress_pkey', columns: [t.source, t.dataset] })],
)

/** Checks that failed, open until two windows in a row are clean. */
export const incident = ingest.table(
  'incident',
  {
    id: bigint({ mode: 'bigint' }).generatedAlwaysAsIdentity(),
    beganAt: instant('began_at').notNull(),
    openedAt: instant('opened_at').notNull(),
    lastFailedAt: instant('last_failed_at').notNull(),
    toldAt: instant('told_at').notNull(),
    closedAt: instant('closed_at'),
    acceptedAt: instant('accepted_at'),
    size: doublePrecision().notNull(),
    cleanWindows: integer('clean_windows').notNull(),
    repeats: integer().notNull(),
    source: text().notNull(),
    dataset: text().notNull(),
    checkName: text('check_name').notNull(),
    severity: text().notNull(),
    acceptedBy: text('accepted_by'),
    note: text(),
    evidence: exactJson().notNull(),
  },
  (t) => [
    primaryKey({ name: 'incident_pkey', columns: [t.id] }),
    uniqueIndex('incident_open_key').on(t.source, t.dataset, t.checkName).where(isNull(t.closedAt)),
    index('incident_check_idx').on(t.source, t.dataset, t.checkName, t.beganAt),
  ],
)

/** What the checks of a day came to. */
export const qualityReport = ingest.table(
  'quality_report',
  {
    madeAt: instant('made_at').notNull(),
    day: date().notNull(),
    source: text().notNull(),
    dataset: text().notNull(),
    profile: exactJson().notNull(),
    events: exactJson(),
    verdicts: exactJson().notNull(),
  },
  (t) => [primaryKey({ name: 'quality_report_pkey', columns: [t.source, t.dataset, t.day] })],
)
