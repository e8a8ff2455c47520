/**
 * PostgreSQL types a contract column may have. Ids are `uuid` on both sides (contract:
 * `uuid/text`).
 */
export type ColumnType =
  | 'text'
  | 'uuid'
  | 'int4'
  | 'int8'
  | 'numeric'
  | 'boolean'
  | 'timestamptz'
  | 'jsonb'

/** The types as PostgreSQL writes them (`format_type`). */
export const TYPE_NAMES: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  uuid: 'uuid',
  int4: 'integer',
  int8: 'bigint',
  numeric: 'numeric',
  boolean: 'boolean',
  timestamptz: 'timestamp with time zone',
  jsonb: 'jsonb',
}

/** One column of a dataset, as frozen in the contract. */
export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly nullable: boolean
  /** Closed value set: any other value is refused. Absent for open sets such as `event_type`. */
  readonly values?: readonly string[]
  /**
   * Text that says where something is kept, and must not be the thing itself (contract, Security).
   */
  readonly reference?: boolean
  /**
   * Added to v1 after it was frozen (contract, Schema Governance: additive columns only). An older
   * producer does not send it, so the gateway reads a missing additive column as NULL.
   */
  readonly additive?: boolean
  /** Release that an additive column came with; every additive column has it. */
  readonly since?: string
  /** Release from which on consumers should not use it any more; it is still sent. */
  readonly deprecated?: string
  /** Says something of a natural person. */
  readonly personal?: boolean
  readonly description: string
}

/** How HQ writes a dataset (contract, Dataset Contract). */
export type Semantics = 'append' | 'upsert'

/**
 * A rule of the contract's null-rate check: a row is complete when one of the alternatives has no
 * NULL.
 */
export interface CriticalField {
  readonly name: string
  readonly anyOf: readonly (readonly string[])[]
  /** Percent of the rows that may lack it at most. */
  readonly ceilingPercent: number
}

/**
 * What the contract's quality checks look at, beside the critical fields and the closed sets of
 * columns. Nothing of it makes a row invalid.
 */
export interface Quality {
  /** Columns whose values are no closed set: one that was never seen before is told. */
  readonly openSets: readonly string[]
  /** Columns of which the end must not lie before the start. */
  readonly spans: readonly { readonly start: string; readonly end: string }[]
  /** Columns of numbers below which there is nothing but zero. */
  readonly nonNegative: readonly string[]
  /** How rows end, and by what they are told apart. */
  readonly distribution?: {
    readonly column: string
    /** The value that is watched by itself, in one direction. */
    readonly bad: string
    readonly by: readonly [operation: string, provider: string]
  }
  /** Numbers that rise by one among the rows of one parent. */
  readonly sequence?: {
    readonly column: string
    readonly parent: string
  }
}

/**
 * Columns that hold the primary key of a row of another dataset, in its order. A link, and no
 * foreign key: rows of both arrive by themselves, so that the other one may not be there yet.
 */
export interface Link {
  readonly columns: readonly string[]
  /** The dataset whose primary key it is. */
  readonly to: string
}

/**
 * What a version has of the one before it: columns of the same name, and those that were renamed.
 * Several may follow one, where it was split.
 */
export interface Follows {
  readonly dataset: string
  /** Name here: name there. */
  readonly renamed: Readonly<Record<string, string>>
}

/** Everything both sides need to know about one dataset; nothing else in the project repeats it. */
export interface Dataset {
  readonly name: string
  /** Stable small number of the dataset in the outbox; never reused. */
  readonly number: number
  /** Its version; `schema_version` on the wire. Its name ends with it. */
  readonly schemaVersion: `v${number}`
  readonly description: string
  readonly semantics: Semantics
  readonly columns: readonly Column[]
  readonly primaryKey: readonly string[]
  /** Second unique constraint of the contract, where it has one. */
  readonly uniquenessGuard?: readonly string[]
  /** Of a later version: what became of the one before. */
  readonly follows?: Follows
  /** What its rows belong to, all of them: none where that depends on a value. */
  readonly links?: readonly Link[]
  /** Upsert rule: applied only if the incoming value is greater than the stored one. */
  readonly versionColumn?: string
  /** Column of the contract's date windows: partitioning, backfill, reconciliation. */
  readonly timeColumn: string
  readonly cadence: {
    /** Contract, Sync Cadence: the micro-batch interval we stay under by pushing every commit. */
    readonly microBatchMinutes: readonly [min: number, max: number]
    readonly reconciliation: 'daily'
  }
  readonly criticalFields: readonly CriticalField[]
  readonly quality: Quality
  /** Columns of the contract's checksum parity check; never NULL. */
  readonly stableKeyColumns: readonly string[]
}

/** The contract's default cadence, the same for all five datasets. */
export const DEFAULT_CADENCE = {
  microBatchMinutes: [5, 15],
  reconciliation: 'daily',
} as const satisfies Dataset['cadence']

/** First column of every dataset (contract, Schema Governance). */
export function schemaVersionColumn<const Version extends Dataset['schemaVersion']>(
  version: Version,
) {
  return {
    name: 'export_schema_version',
    type: 'text',
    nullable: false,
    values: [version],
    description: `always \`${version}\``,
  } as const satisfies Column
}

/** Entity kinds that the contract covers (contract, Scope). */
export const ENTITY_TYPES = ['company', 'person'] as const
