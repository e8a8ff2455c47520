import { type ColumnType, columnOf, type Dataset } from '@hq-export/contract'
import { type Binding, SNAPSHOTS_DATASET } from '../../binding/binding-schema.ts'
import { currentSnapshots, viewName } from '../../binding/projection/view-sql.ts'

/** What of the source is compared of a dataset, and in which order its ranges lie. */
export interface SourceRelation {
  readonly dataset: Dataset
  /** A view, or a select in brackets. */
  readonly sql: string
  /**
   * Columns by which rows are looked up, in the order of a look-up's text: an index of the source's
   * has them. Snapshots, whose own key is computed, are looked up by their entity.
   */
  readonly lookUp: readonly { readonly name: string; readonly type: ColumnType }[]
  /** Column of the exported version, where rows have one. */
  readonly version: string | undefined
  /** Columns by which ranges are cut; the same on both sides. */
  readonly range: readonly { readonly name: string; readonly type: ColumnType }[]
}

function columns(dataset: Dataset, names: readonly string[]): SourceRelation['lookUp'] {
  return names.map((name) => ({ name, type: columnOf(dataset, name).type }))
}

/**
 * The rows of a dataset that the source has now; of the snapshots those of current versions, which
 * HQ's entities say for their part.
 * @returns undefined where the dataset is not bound.
 */
export function sourceRelation(dataset: Dataset, binding: Binding): SourceRelation | undefined {
  if (dataset.name === SNAPSHOTS_DATASET) {
    const selects = currentSnapshots(binding)
    if (selects.length === 0) return undefined
    return {
      dataset,
      sql: `(\n${selects.join('\nunion all\n')}\n)`,
      lookUp: columns(dataset, ['org_id', 'entity_type', 'entity_id']),
      range: columns(dataset, ['org_id', 'entity_id']),
      version: 'record_version',
    }
  }
  if (!binding.datasets.some((bound) => bound.dataset === dataset.name)) return undefined
  const key = columns(dataset, dataset.primaryKey)
  return {
    dataset,
    sql: viewName(dataset.name),
    lookUp: key,
    range: key,
    version: dataset.versionColumn,
  }
}
