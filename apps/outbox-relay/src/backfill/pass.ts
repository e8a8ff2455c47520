import { type Dataset, datasetByName } from '@hq-export/contract'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { type Binding, type BoundDataset, SNAPSHOTS_DATASET } from '../binding/binding-schema.ts'
import type { BackfillSelection } from './selection.ts'

/**
 * One way through one relation in the order of its key:
 * - `rows`: the projection view of a dataset; an entity's row brings the snapshot row of its
 * version with it
 * - `snapshots`: the same view, its snapshot rows only
 * - `deletes`: keys that were deleted while they were captured, from `version_base`
 */
export type PassKind = 'rows' | 'snapshots' | 'deletes'

/**
 * Which snapshot rows come with an entity: `none`, that of its `current` version, or `all` that the
 * source knows, where the binding names a history.
 */
export type PassSnapshots = 'none' | 'current' | 'all'

/** A pass as it is recorded. */
export interface Pass {
  readonly kind: PassKind
  /** Contract name of the dataset whose view, or whose deleted keys, are read. */
  readonly dataset: string
  readonly snapshots: PassSnapshots
}

/** What a selection asks for cannot be had; the message says what helps. */
export class NotBoundError extends OperatorError {
  override readonly name = 'NotBoundError'
}

function snapshotsOf({ snapshot }: BoundDataset): PassSnapshots {
  if (snapshot === undefined) return 'none'
  return 'history' in snapshot && snapshot.history !== undefined ? 'all' : 'current'
}

function passesOf(bound: BoundDataset): Pass[] {
  const dataset: Dataset = datasetByName(bound.dataset)
  const rows: Pass = { kind: 'rows', dataset: dataset.name, snapshots: snapshotsOf(bound) }
  if (dataset.semantics === 'append') return [rows]
  return [rows, { kind: 'deletes', dataset: dataset.name, snapshots: 'none' }]
}

/**
 * The passes of a backfill, in the order of the contract's datasets: what entities refer to comes
 * before them.
 * @param binding what is installed; undefined where nothing is.
 * @throws {NotBoundError}
 */
export function planPasses(
  binding: Binding | undefined,
  { dataset }: Pick<BackfillSelection, 'dataset'>,
): Pass[] {
  if (binding === undefined) {
    throw new NotBoundError(
      'nothing is bound, so nothing can be read; run: npm run relay -- bind NAME',
    )
  }
  const bound = binding.datasets.toSorted(
    (a, b) => datasetByName(a.dataset).number - datasetByName(b.dataset).number,
  )
  const passes = (() => {
    if (dataset === null) return bound.flatMap(passesOf)
    if (dataset !== SNAPSHOTS_DATASET) {
      return bound.filter((candidate) => candidate.dataset === dataset).flatMap(passesOf)
    }
    return bound
      .filter(({ snapshot }) => snapshot !== undefined)
      .map((entity): Pass => {
        return { kind: 'snapshots', dataset: entity.dataset, snapshots: snapshotsOf(entity) }
      })
  })()
  if (passes.length === 0) {
    throw new NotBoundError(
      `${dataset} is not bound; add it to the binding, and run: npm run relay -- bind FILE`,
    )
  }
  return passes
}
