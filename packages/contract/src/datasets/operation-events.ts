import { type Dataset, DEFAULT_CADENCE, ENTITY_TYPES, schemaVersionColumn } from './dataset.ts'

/** Contract, Dataset 2: retries, provider interactions and state changes of a run. */
export const operationEvents = {
  name: 'dx_operation_events_v1',
  number: 2,
  schemaVersion: 'v1',
  description: 'What happened during a run: requests, responses, retries, state changes, errors.',
  semantics: 'append',
  columns: [
    schemaVersionColumn('v1'),
    { name: 'event_id', type: 'uuid', nullable: false, description: 'the event' },
    {
      name: 'run_id',
      type: 'uuid',
      nullable: false,
      description: 'run it belongs to; a link, not a foreign key',
    },
    {
      name: 'event_type',
      type: 'text',
      nullable: false,
      description:
        'open set: `request_sent`, `response_received`, `retry_scheduled`, `state_change`, ' +
        '`error` and others',
    },
    {
      name: 'event_sequence',
      type: 'int4',
      nullable: false,
      description: 'position within the run, rising',
    },
    {
      name: 'occurred_at',
      type: 'timestamptz',
      nullable: false,
      description: 'when it happened',
    },
    { name: 'org_id', type: 'uuid', nullable: false, description: 'tenant' },
    { name: 'company_id', type: 'uuid', nullable: true, description: 'company of the tenant' },
    {
      name: 'entity_type',
      type: 'text',
      nullable: false,
      values: ENTITY_TYPES,
      description: 'kind of entity worked on',
    },
    { name: 'entity_id', type: 'uuid', nullable: false, description: 'entity worked on' },
    { name: 'provider', type: 'text', nullable: true, description: 'provider involved' },
    { name: 'http_status', type: 'int4', nullable: true, description: 'status of its answer' },
    {
      name: 'raw_request_ref',
      type: 'text',
      nullable: true,
      reference: true,
      description: 'where the raw request is kept; a reference, never the payload',
    },
    {
      name: 'raw_response_ref',
      type: 'text',
      nullable: true,
      reference: true,
      description: 'where the raw response is kept; a reference, never the payload',
    },
    { name: 'payload_hash', type: 'text', nullable: true, description: 'hash of the raw payload' },
    { name: 'error_code', type: 'text', nullable: true, description: 'machine-readable failure' },
    { name: 'error_message', type: 'text', nullable: true, description: 'failure in words' },
    { name: 'metadata_json', type: 'jsonb', nullable: true, description: 'further details' },
  ],
  primaryKey: ['event_id'],
  uniquenessGuard: ['run_id', 'event_sequence'],
  links: [{ columns: ['run_id'], to: 'dx_operation_runs_v1' }],
  timeColumn: 'occurred_at',
  cadence: DEFAULT_CADENCE,
  criticalFields: [],
  quality: {
    openSets: ['event_type'],
    spans: [],
    nonNegative: [],
    sequence: { column: 'event_sequence', parent: 'run_id' },
  },
  stableKeyColumns: ['event_id', 'run_id', 'event_sequence'],
} as const satisfies Dataset
