import { type Dataset, datasetByName } from '@hq-export/contract'
import type pg from 'pg'
import type { Binding } from '../../binding/binding-schema.ts'
import { entityTypeOf } from '../../binding/projection/projection.ts'

/** The entity dataset of each kind of entity that has snapshots, by its `entity_type`. */
export function entityDatasets({ datasets }: Binding): ReadonlyMap<string, Dataset> {
  return new Map(
    datasets
      .filter(({ snapshot }) => snapshot !== undefined)
      .map(({ dataset }): [string, Dataset] => {
        const entity = datasetByName(dataset)
        return [entityTypeOf(entity), entity]
      }),
  )
}

/** An entity that snapshots are of. */
export interface SnapshotEntity {
  readonly dataset: Dataset
  /** Its key there. */
  readonly key: string
}

/** Reads `<org_id>/<entity_type>/<entity_id>`; undefined for a kind that is not bound. */
export function snapshotEntity(
  entities: ReadonlyMap<string, Dataset>,
  lookUp: string,
): SnapshotEntity | undefined {
  const [org, type, id] = lookUp.split('/')
  const dataset = entities.get(type ?? '')
  return dataset === undefined ? undefined : { dataset, key: `${org}/${id}` }
}

// The base of a deleted key is the version of its delete: no version of it was above.
const DELETED = /* sql */ `
select b.key, b.base::text as base from hq_export.version_base b
where b.dataset = $1 and b.key = any ($2::text[]) and b.deleted_at is not null`

/** The last version of entities that were deleted, by their key. */
export async function readDeletedVersions(
  client: pg.ClientBase,
  dataset: Dataset,
  keys: readonly string[],
): Promise<ReadonlyMap<string, bigint>> {
  const { rows } = await client.query<{ key: string; base: string }>(DELETED, [
    dataset.number,
    keys,
  ])
  return new Map(rows.map(({ key, base }) => [key, BigInt(base)]))
}
