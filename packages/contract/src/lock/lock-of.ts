import { CHECKSUM_ALGORITHMS, checksumSpecs } from '../checksum/checksum-spec.ts'
import type { Column, ColumnType, Dataset } from '../datasets/dataset.ts'
import { sha256Of } from './canonical-json.ts'
import type { Lock, LockedColumn, LockedDataset, QualityRule } from './lock.ts'

const WIRE_FORMS: Readonly<Record<ColumnType, string>> = {
  text: 'string',
  uuid: 'uuid string',
  int4: 'integer',
  int8: 'integer string',
  numeric: 'decimal string',
  boolean: 'boolean',
  timestamptz: 'timestamp string',
  jsonb: 'json string',
}

function lockColumn(column: Column, index: number): LockedColumn {
  return {
    name: column.name,
    ordinal: index + 1,
    type: column.type,
    wire: column.reference ? 'reference string' : WIRE_FORMS[column.type],
    nullable: column.nullable,
    values: column.values === undefined ? null : [...column.values],
    since: column.since ?? null,
    deprecated: column.deprecated ?? null,
    personal: column.personal ?? false,
    description: column.description,
  }
}

/** What is watched of a dataset: whatever a descriptor says of quality has its rule in here. */
function qualityOf({ criticalFields, quality, stableKeyColumns }: Dataset): QualityRule[] {
  const rule = (
    check: string,
    on: readonly (readonly string[])[],
    atMostPercent: number | null = null,
  ): QualityRule => ({
    check,
    on: on.map((columns) => [...columns]),
    at_most_percent: atMostPercent,
  })
  const { openSets, spans, nonNegative, distribution, sequence } = quality
  return [
    ...criticalFields.map(({ anyOf, ceilingPercent }) => rule('null_rate', anyOf, ceilingPercent)),
    ...openSets.map((column) => rule('new_values', [[column]])),
    ...spans.map(({ start, end }) => rule('span', [[start, end]])),
    ...nonNegative.map((column) => rule('not_negative', [[column]])),
    ...(distribution === undefined
      ? []
      : [rule('distribution', [[distribution.column, ...distribution.by]])]),
    ...(sequence === undefined ? [] : [rule('sequence', [[sequence.parent, sequence.column]])]),
    rule('parity', [stableKeyColumns]),
  ]
}

/** A dataset's name without its version: `dx_company_entities` of `dx_company_entities_v2`. */
export function datasetFamily(name: string): string {
  return name.replace(/_v\d+$/, '')
}

function versionOf(name: string): number {
  return Number(/_v(\d+)$/.exec(name)?.[1] ?? 0)
}

function reservedOf(dataset: Dataset, previous: Lock): LockedDataset['reserved'] {
  const own = new Set(dataset.columns.map(({ name }) => name))
  const known = previous.datasets[dataset.name]?.reserved ?? []
  const reserved = new Map(known.map((entry) => [entry.name, entry]))
  for (const [name, { columns }] of Object.entries(previous.datasets)) {
    if (datasetFamily(name) !== datasetFamily(dataset.name)) continue
    if (versionOf(name) > versionOf(dataset.name)) continue
    for (const column of columns) {
      if (own.has(column.name) || reserved.has(column.name)) continue
      reserved.set(column.name, { name: column.name, type: column.type, last_in: name })
    }
  }
  return [...reserved.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** A dataset of a lock with the hash of what it holds. */
export function sealDataset(entry: Omit<LockedDataset, 'sha256'>): LockedDataset {
  return { ...entry, sha256: sha256Of({ ...entry, sha256: undefined }) }
}

function lockDataset(dataset: Dataset, previous: Lock): LockedDataset {
  const before = previous.datasets[dataset.name]
  return sealDataset({
    status: before?.status ?? 'draft',
    frozen_in: before?.frozen_in ?? null,
    deprecation: before?.deprecation ?? null,
    retired_on: before?.retired_on ?? null,
    last_read: before?.last_read ?? null,
    number: dataset.number,
    schema_version: dataset.schemaVersion,
    description: dataset.description,
    semantics: dataset.semantics,
    primary_key: [...dataset.primaryKey],
    uniqueness_guard: dataset.uniquenessGuard === undefined ? null : [...dataset.uniquenessGuard],
    follows:
      dataset.follows === undefined
        ? null
        : { dataset: dataset.follows.dataset, renamed: { ...dataset.follows.renamed } },
    links: (dataset.links ?? []).map(({ columns, to }) => ({ columns: [...columns], to })),
    version_column: dataset.versionColumn ?? null,
    time_column: dataset.timeColumn,
    columns: dataset.columns.map(lockColumn),
    reserved: reservedOf(dataset, previous),
    checksums: CHECKSUM_ALGORITHMS.flatMap((algorithm) =>
      checksumSpecs(dataset, algorithm).map(({ id, columns }) => ({
        algorithm,
        id,
        columns: columns.map(({ name }) => name),
      })),
    ),
    sla: {
      micro_batch_minutes: [...dataset.cadence.microBatchMinutes],
      reconciliation: dataset.cadence.reconciliation,
    },
    quality: qualityOf(dataset),
  })
}

/** A lock of nothing: what there was before the first one. */
export const EMPTY_LOCK: Lock = { lock_version: 1, datasets: {} }

/**
 * The lock of these descriptors. What only a lock knows is taken from `previous`: the life of a
 * version, reserved names, and the versions that are retired and have no descriptor any more.
 */
export function lockOf(datasets: readonly Dataset[], previous: Lock): Lock {
  const retired = Object.entries(previous.datasets).filter(([, { status }]) => status === 'retired')
  return {
    lock_version: 1,
    datasets: Object.fromEntries([
      ...retired,
      ...datasets.map((dataset) => [dataset.name, lockDataset(dataset, previous)] as const),
    ]),
  }
}
