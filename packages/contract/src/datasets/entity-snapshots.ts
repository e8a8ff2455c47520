import { type Dataset, DEFAULT_CADENCE, ENTITY_TYPES, schemaVersionColumn } from './dataset.ts'

/** Contract, Dataset 5: every version of every entity, for time travel. */
export const entitySnapshots = {
  name: 'dx_entity_snapshots_v1',
  number: 5,
  schemaVersion: 'v1',
  description: 'Every exported version of every entity, kept for ever.',
  semantics: 'append',
  columns: [
    schemaVersionColumn('v1'),
    {
      name: 'snapshot_id',
      type: 'uuid',
      nullable: false,
      description: 'derived from tenant, entity and version, so a backfill yields the same id',
    },
    { name: 'org_id', type: 'uuid', nullable: false, description: 'tenant' },
    {
      name: 'entity_type',
      type: 'text',
      nullable: false,
      values: ENTITY_TYPES,
      description: 'kind of entity',
    },
    { name: 'entity_id', type: 'uuid', nullable: false, description: 'the entity' },
    { name: 'record_version', type: 'int8', nullable: false, description: 'its version' },
    {
      name: 'canonical_payload_json',
      type: 'jsonb',
      nullable: false,
      description: 'the canonical state at that version',
    },
    {
      name: 'captured_at',
      type: 'timestamptz',
      nullable: false,
      description: 'when the source wrote that version',
    },
    {
      name: 'source_run_id',
      type: 'uuid',
      nullable: true,
      description: 'run that wrote that version',
    },
  ],
  primaryKey: ['snapshot_id'],
  uniquenessGuard: ['org_id', 'entity_type', 'entity_id', 'record_version'],
  timeColumn: 'captured_at',
  cadence: DEFAULT_CADENCE,
  criticalFields: [],
  quality: {
    openSets: [],
    spans: [],
    nonNegative: [],
  },
  stableKeyColumns: ['snapshot_id', 'org_id', 'entity_id', 'record_version'],
} as const satisfies Dataset
