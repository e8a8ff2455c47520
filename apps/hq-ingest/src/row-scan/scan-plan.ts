import { DATASETS, type Dataset } from '@hq-export/contract'
import { findDatasetRules } from '../validate/dataset-rules.ts'
import { type Mark, markOf } from './bytes.ts'
import type { ReadValue } from './field.ts'
import { readerOf } from './read-value.ts'

/** What the scan needs to know of a column, made of its descriptor. */
export interface PlannedColumn {
  /** `{"name":` of the first, `,"name":` of the others. */
  readonly head: Mark
  readonly isNullable: boolean
  /** Travels as a JSON string. */
  readonly isString: boolean
  readonly read: ReadValue
  /** Position in the primary key, -1 beside it. */
  readonly keyPart: number
  readonly isOrg: boolean
}

/** How the rows of a dataset are scanned. */
export interface ScanPlan {
  readonly dataset: Dataset
  readonly columns: readonly PlannedColumn[]
  /** Has versions, and rows that may be gone: travels in arrays. */
  readonly isVersioned: boolean
  /** Its primary key must be the one that follows from the rest of the row. */
  readonly hasDerivedKey: boolean
  /** Fields of a row: the columns, its xid and, of a versioned one, when it was deleted. */
  readonly fields: number
  /** No row on the wire is shorter. */
  readonly minRowBytes: number
}

function planOf(dataset: Dataset): ScanPlan {
  const isVersioned = dataset.versionColumn !== undefined
  const columns = dataset.columns.map((column, position): PlannedColumn => {
    const { name, type, nullable } = column
    return {
      head: markOf(`${position === 0 ? '{' : ','}"${name}":`),
      isNullable: nullable,
      isString: type !== 'int4' && type !== 'boolean',
      read: readerOf(column),
      keyPart: dataset.primaryKey.indexOf(name),
      isOrg: name === 'org_id',
    }
  })
  return {
    dataset,
    columns,
    isVersioned,
    hasDerivedKey: findDatasetRules(dataset.name, dataset.schemaVersion)?.hasOwnKey !== undefined,
    fields: columns.length + (isVersioned ? 2 : 1),
    minRowBytes: columns.reduce((sum, { head }) => sum + head.length, 0),
  }
}

const byName = new Map(DATASETS.map((dataset) => [dataset.name as string, planOf(dataset)]))

/** The plan of a dataset; undefined for the heartbeat, and for a name or version not ours. */
export function findScanPlan(name: string, schemaVersion: string): ScanPlan | undefined {
  const plan = byName.get(name)
  return plan?.dataset.schemaVersion === schemaVersion ? plan : undefined
}
