import {
  DATASETS,
  type Dataset,
  gatewayRowCheck,
  gatewayRowSchema,
  HEARTBEAT_DATASET,
  snapshotIdOf,
  TIMESTAMP_PATTERN,
  type WireRow,
} from '@hq-export/contract'
import { z } from 'zod'

/** What validation needs to know of a dataset, built once. */
export interface DatasetRules {
  readonly name: string
  readonly schemaVersion: string
  /** True exactly for the rows that `schema` takes; much faster. */
  readonly isValid: (row: WireRow) => boolean
  readonly schema: z.ZodType<WireRow>
  /** Every column that the gateway knows. */
  readonly columns: ReadonlySet<string>
  readonly jsonColumns: ReadonlySet<string>
  readonly primaryKey: readonly string[]
  /** Rows carry `org_id`, and the key must be allowed to write it. */
  readonly tenantScoped: boolean
  /**
   * True where the primary key is the one that follows from the rest of the row; absent where none
   * follows.
   */
  readonly hasOwnKey?: (row: WireRow) => boolean
  /** A row may say that its entity is gone. */
  readonly deletable: boolean
}

function hasOwnSnapshotId(row: WireRow): boolean {
  return String(row.snapshot_id).toLowerCase() === snapshotIdOf(row)
}

function rulesOf(dataset: Dataset): DatasetRules {
  const { name, schemaVersion, columns, primaryKey, semantics } = dataset
  return {
    name,
    schemaVersion,
    isValid: gatewayRowCheck(dataset),
    schema: gatewayRowSchema(dataset),
    columns: new Set(columns.map((column) => column.name)),
    jsonColumns: new Set(
      columns.filter(({ type }) => type === 'jsonb').map((column) => column.name),
    ),
    primaryKey,
    tenantScoped: true,
    ...(name === 'dx_entity_snapshots_v1' && { hasOwnKey: hasOwnSnapshotId }),
    deletable: semantics === 'upsert',
  }
}

const heartbeatSchema = z.looseObject({
  source_ts: z.string().regex(TIMESTAMP_PATTERN, 'must be an ISO 8601 timestamp with offset'),
})

const heartbeatRules: DatasetRules = {
  name: HEARTBEAT_DATASET,
  schemaVersion: 'v1',
  isValid: (row) => heartbeatSchema.safeParse(row).success,
  schema: heartbeatSchema,
  columns: new Set(['source_ts']),
  jsonColumns: new Set(),
  primaryKey: [],
  tenantScoped: false,
  deletable: false,
}

const byName = new Map(
  [...DATASETS.map(rulesOf), heartbeatRules].map((rules) => [rules.name, rules]),
)

/**
 * The rules of a dataset, the heartbeat included; undefined for a name or version that is not ours.
 */
export function findDatasetRules(name: string, schemaVersion: string): DatasetRules | undefined {
  const rules = byName.get(name)
  return rules?.schemaVersion === schemaVersion ? rules : undefined
}
