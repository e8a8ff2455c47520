import type { Dataset } from '@hq-export/contract'
import { type Binding, SNAPSHOTS_DATASET } from '../../binding/binding-schema.ts'
import { UndecidedError } from '../compare/undecided-error.ts'
import { entityDatasets } from '../source/deleted-entities.ts'
import { sourceRelation } from '../source/source-relation.ts'
import { agreeOnSpec } from './agree-on-spec.ts'
import type { DatasetContext, Sides } from './dataset-context.ts'

// Without a mark the views of settling datasets show nothing: see binding/projection/view-sql.ts.
const HAS_MARK = /* sql */ `select exists (select from hq_export.settled) as found`

/**
 * Agrees with HQ on how a dataset is compared, and on which of its rows.
 * @param orgId only this org; all that the key may see where it is undefined.
 * @throws {UndecidedError} where they cannot agree.
 */
export async function prepareDataset(
  sides: Sides,
  binding: Binding,
  dataset: Dataset,
  orgId?: string,
): Promise<DatasetContext> {
  const { hq, side } = sides
  const relation = sourceRelation(dataset, binding)
  if (relation === undefined) throw new UndecidedError('the dataset is not bound')
  const bound = binding.datasets.find((candidate) => candidate.dataset === dataset.name)
  if (bound?.settle !== undefined) {
    const { rows } = await side.query<{ found: boolean }>(HAS_MARK)
    if (!rows[0]?.found) throw new UndecidedError('nothing of the dataset was ever exported')
  }
  const answer = await hq.digest({
    source: hq.source,
    dataset: dataset.name,
    schema_version: dataset.schemaVersion,
    scope: {},
  })
  const spec = await agreeOnSpec(side, dataset, answer)
  const { orgs: allowed } = answer
  if (orgId !== undefined && allowed !== null && !allowed.includes(orgId))
    throw new UndecidedError('the signing key may not read this org')
  return {
    ...sides,
    dataset,
    relation,
    spec,
    hqVersion: answer.version ?? null,
    entities: dataset.name === SNAPSHOTS_DATASET ? entityDatasets(binding) : new Map(),
    orgs: orgId === undefined ? allowed : [orgId],
    isLimited: orgId === undefined && allowed !== null,
  }
}
